"""The notebooks run from the first cell to the last, in a kernel of their own."""

from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import papermill
import pytest
from synthetic_results import write_runs, write_tables

REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = sorted((REPOSITORY / "workflow" / "notebooks").glob("*.ipynb"))


def outputs(notebook: str, folder: Path, **parameters: Any) -> Counter[str]:
    """Run a notebook in `folder`; how many outputs of each kind it has."""
    done = folder / "done.ipynb"
    source = REPOSITORY / "workflow" / "notebooks" / notebook
    papermill.execute_notebook(source, done, parameters, kernel_name="python3", progress_bar=False, cwd=folder)
    cells = nbformat.read(done, as_version=4).cells
    return Counter(kind for cell in cells if cell.cell_type == "code" for each in cell.outputs for kind in each.get("data", {}))


def test_both_are_there():
    assert [path.name for path in NOTEBOOKS] == ["explore.ipynb", "your_results.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_clean(path):
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert [cell.metadata.get("tags") for cell in code].count(["parameters"]) == 1


def test_explore_shows_several_suites_side_by_side(small, tmp_path):
    results = tmp_path / "results"
    write_runs(small, results)
    write_tables(small, results / "digits")
    write_tables(small, results / "smoke")
    write_tables(small, results / "quick")  # of a file of the user's own: config.yaml lacks it
    found = outputs("explore.ipynb", tmp_path, results=str(results), config=str(REPOSITORY / "config.yaml"))
    assert found["image/png"] == 4  # metrics, the zoom of one benchmark, a seed, pairs
    assert found["application/vnd.bokehjs_exec.v0+json"] == 1
    assert found["text/html"] >= 3


@pytest.mark.parametrize("benchmark", ["split_digits", "a stream of her own"])
def test_explore_measures_own_curves_beside_ours(small, tmp_path, benchmark):
    results, table = tmp_path / "results", small.evaluations["split_digits"].query("optimizer == 'adam'")
    write_runs(small, results)
    write_tables(small, results / "digits")
    table.drop(columns=["optimizer", "context"]).to_csv(tmp_path / "mine.csv", index=False)
    told = {"benchmark": benchmark, "context_length": 30}
    own = {"results": str(results), "config": None, "own": {"mine": "mine.csv"}, "told": told, "other": "mine"}
    assert outputs("explore.ipynb", tmp_path, **own)["image/png"] == 4
    assert "mine" in (tmp_path / "done.ipynb").read_text().split('"text/html"')[1]


def test_your_results_as_it_stands_makes_a_file_to_try(tmp_path):
    found = outputs("your_results.ipynb", tmp_path)
    assert found["image/png"] == 3
    assert found["text/html"] == 2
    assert len(pd.read_csv(tmp_path / "mine.csv")) == 3000


def test_your_results_beside_ours(small, tmp_path):
    folders = [str(folder) for folder in write_runs(small, tmp_path / "results")]
    table = small.evaluations["split_digits"].query("optimizer == 'adam'")
    table.drop(columns=["optimizer", "context"]).to_csv(tmp_path / "ours.csv", index=False)
    found = outputs("your_results.ipynb", tmp_path, curves=["ours.csv", *folders], context_length=30, reference="ours")
    assert found["image/png"] == 3
    assert not (tmp_path / "mine.csv").exists()
