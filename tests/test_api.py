"""What `import stability_gap` promises: light, lazy, typed, and examples that run."""

import doctest
import importlib
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stability_gap
from stability_gap import compare, draw_curves, draw_zoom, measure
from stability_gap.errors import UserError

FALL = np.array([0.5, 0.7, 0.8, 0.2, 0.6, 0.8])


# --- the import ------------------------------------------------------------------------------------------------------


def loaded_by(code: str) -> set[str]:
    """The modules that are loaded after `code` and not before, in a fresh interpreter."""
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_import_loads_no_library():
    loaded = loaded_by("import stability_gap")
    assert not loaded & {"numpy", "pandas", "torch", "matplotlib", "pydantic", "click", "scipy"}
    assert {name for name in loaded if name.startswith("stability_gap")} == {"stability_gap"}
    assert len(loaded) < 60


def test_the_gain_loads_torch_and_nothing_of_the_pipeline():
    loaded = loaded_by("from stability_gap import GainModulation")
    assert "torch" in loaded
    assert not loaded & {"snakemake", "torchvision", "sklearn", "matplotlib", "pandas", "pydantic"}


def test_metrics_load_neither_torch_nor_the_pipeline():
    code = "import numpy, stability_gap; stability_gap.measure(numpy.array([0.5, 0.6, 0.4, 0.5]), context_length=2)"
    assert not loaded_by(code) & {"torch", "torchvision", "sklearn", "snakemake", "matplotlib", "yaml"}


def test_all_names_are_there_and_listed():
    assert set(stability_gap.__all__) <= set(dir(stability_gap))
    for name in stability_gap.__all__:
        assert getattr(stability_gap, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'exotic'"):
        _ = stability_gap.exotic


def test_types_are_packaged():
    assert resources.files("stability_gap").joinpath("py.typed").is_file()
    project = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert 'stability_gap = ["py.typed"]' in project


@pytest.mark.parametrize("name", stability_gap.__all__)
def test_the_example_in_help_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    public = getattr(stability_gap, name)
    module = importlib.import_module(public.__module__)
    found = [each for each in doctest.DocTestFinder(recurse=False).find(public, name, module, globs={}) if each.examples]
    assert found, f"help({name}) has no example"
    for each in found:
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(each).failed == 0


# --- arrays, tables, files -------------------------------------------------------------------------------------------


def gap(metrics: pd.DataFrame) -> dict[str, float]:
    rows = metrics[metrics["metric"] == "avg_sg_first"]
    return dict(zip(rows["optimizer"], rows["value"].round(6), strict=True))


def test_an_array_a_table_and_a_file_measure_the_same(tmp_path):
    table = pd.DataFrame({"iteration": range(1, 7), "acc_task1": FALL})
    table.to_csv(tmp_path / "mine.csv", index=False)
    options = {"context_length": 3}
    assert gap(measure(FALL, **options)) == {"curves": 0.75}
    assert gap(measure(table, **options)) == {"curves": 0.75}
    assert gap(measure(tmp_path / "mine.csv", **options)) == {"mine": 0.75}
    assert gap(measure([str(tmp_path / "mine.csv")], switches=[3])) == {"mine": 0.75}
    several = measure({"a": FALL, "b": table, "c": tmp_path / "mine.csv"}, **options)
    assert gap(several) == {"a": 0.75, "b": 0.75, "c": 0.75}


def test_units_and_counting_are_said():
    table = pd.DataFrame({"iteration": range(6), "acc_task1": 100 * FALL})
    with pytest.raises(UserError, match="looks like percent"):
        measure(table, context_length=3)
    with pytest.raises(UserError, match="begins at 0"):
        measure(table, context_length=3, percent=True)
    assert gap(measure(table, context_length=3, percent=True, count_from=0)) == {"curves": 0.75}
    with pytest.raises(UserError, match="count_from is 2"):
        measure(table, count_from=2)


def test_a_run_that_diverged_needs_the_classes():
    diverged = np.where(np.arange(6) < 4, FALL, np.nan)
    with pytest.raises(UserError, match="how many classes"):
        measure(diverged, context_length=3)
    metrics = measure(diverged, context_length=3, classes=10)
    assert metrics.query("metric == 'diverged'")["value"].tolist() == [1.0]


def test_seeds_in_common_are_paired_and_others_not():
    seeds = np.tile(FALL, (4, 1))[:, :, None] - 0.01 * np.arange(4)[:, None, None]
    tests = compare({"a": seeds, "b": seeds - 0.1}, context_length=3)
    assert tests.loc[tests["metric"] == "avg_sg_first", "n"].tolist() == [4]
    alone = compare({"a": FALL, "b": FALL - 0.1}, context_length=3)
    assert set(alone["n"]) == {0}
    assert alone["note"].str.contains("no test").all()
    assert not alone["significant"].any()


def test_curves_of_other_streams_are_not_tested_against_each_other():
    seeds = np.tile(FALL, (4, 1))[:, :, None]
    longer = np.concatenate([seeds, seeds[:, 3:]], axis=1)
    with pytest.raises(UserError, match="have 3 and 2 contexts; runs of one benchmark have the same"):
        compare({"a": seeds, "b": longer}, context_length=3)


def test_figures_have_a_panel_for_what_there_is():
    both = np.column_stack([FALL, [np.nan] * 3 + [0.4, 0.5, 0.6]])
    figure = draw_curves({"mine": both}, context_length=3, benchmark="toys")
    assert len(figure.axes) == 2  # task 1 and seen tasks: neither loss nor gain
    assert "toys" in figure.get_suptitle()
    zoom = draw_zoom(both, context_length=3)
    assert len(zoom.axes) >= 1
    assert "Own curves" in zoom.get_suptitle()


def test_a_reference_that_is_not_there_is_refused():
    with pytest.raises(UserError, match=r"the reference mine is not among the curves \(a, b\)"):
        draw_curves({"a": FALL, "b": FALL}, context_length=3, reference="mine")


@pytest.mark.parametrize("curves", [3, None, [FALL], {"a": [0.5]}, {"a": None}])
def test_other_things_are_refused(curves):
    with pytest.raises(UserError, match=r"give a path"):
        measure(curves, context_length=3)


def test_curves_of_several_benchmarks_are_not_drawn_together(tmp_path):
    from stability_gap import files

    for name in ("a", "b"):
        table = pd.DataFrame({"seed": 1, "iteration": [1, 2], "context": [1, 2], "task": 1, "accuracy": [0.5, 0.4]})
        files.write_parquet(tmp_path / name / "evaluations.parquet", table)
        files.write_json(tmp_path / name / "run.json", {"benchmark": name, "optimizer": "sgd", "classes": 2})
    with pytest.raises(UserError, match=r"several benchmarks \(a, b\); draw those of one"):
        draw_curves([tmp_path / "a", tmp_path / "b"])
