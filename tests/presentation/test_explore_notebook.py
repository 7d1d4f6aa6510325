from pathlib import Path

import pytest
from synthetic_results import write_runs, write_tables

nbformat = pytest.importorskip("nbformat")
papermill = pytest.importorskip("papermill")
NOTEBOOK = Path(__file__).parents[2] / "workflow" / "notebooks" / "explore.ipynb"


def test_notebook_is_clean():
    book = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert [cell.metadata.get("tags") for cell in code].count(["parameters"]) == 1


def test_notebook_runs(small, tmp_path):
    write_runs(small, tmp_path / "results")
    write_tables(small, tmp_path / "results" / "digits")
    done = tmp_path / "done.ipynb"
    parameters = {"results": str(tmp_path / "results"), "suite": "digits"}
    papermill.execute_notebook(NOTEBOOK, done, parameters, kernel_name="python3", progress_bar=False, cwd=tmp_path)
    cells = nbformat.read(done, as_version=4).cells
    outputs = [set(output.data) for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output for output in outputs) == 3
    assert sum("text/markdown" in output for output in outputs) == 1
    assert sum("text/html" in output for output in outputs) == 2
