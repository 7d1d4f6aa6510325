"""The configuration against what lies on disk: the results folder, finished runs, what was published."""

import json
import os
from fnmatch import fnmatch
from pathlib import Path

import pytest
from small_config import resolved

from stability_gap import config
from stability_gap.config import on_disk
from stability_gap.errors import UserError

ROOT = Path(__file__).parents[2]


def results_told(results: str, checkout: Path, **keys) -> str:
    with pytest.raises(UserError) as error:
        config.check_results_folder(resolved(results=results, **keys), checkout, "c")
    return str(error.value)


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A folder to call from that is a checkout."""
    for name in (".git", "src/stability_gap", "workflow/rules", "docs"):
        (tmp_path / "checkout" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "checkout")
    return tmp_path / "checkout"


@pytest.mark.parametrize(
    "results", ["src", "./src/", "workflow", "workflow/rules", ".git", ".snakemake", "docs/../docs/x", "tests"]
)
def test_results_do_not_go_into_the_projects_own_folders(checkout, results):
    assert results_told(results, checkout) == (
        f"c: results: {os.path.normpath(results)} is a folder of the project itself; name another, such as results."
    )


@pytest.mark.parametrize("results", [".", "..", "src/..", "data", "./"])
def test_results_do_not_go_where_other_things_are(checkout, results):
    assert results_told(results, checkout).endswith(
        " holds other things than results; name a folder of its own, such as results."
    )


@pytest.mark.parametrize("results", ["results", "out/results", "my.results", "../elsewhere"])
def test_a_folder_of_its_own_is_fine(checkout, results):
    config.check_results_folder(resolved(results=results), checkout, "c")
    assert not Path(results).exists()


def test_from_another_folder_only_the_checkouts_and_hidden_folders_are_taken(checkout, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config.check_results_folder(resolved(results="docs"), checkout, "c")
    for results in ("checkout/docs", ".snakemake/x"):
        assert "is a folder of the project itself" in results_told(results, checkout)


def test_the_projects_own_folders_are_all_known():
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    own = {name for name in folders if not any(fnmatch(name, pattern) for pattern in ignored)}
    assert "src" in own
    assert own <= set(on_disk.PROJECT_FOLDERS)


# --- finished runs ----------------------------------------------------------------------------------------------------


def finished(folder: Path, settings: config.Config, optimizer: str = "sgd") -> Path:
    """The run.json of a run of these settings."""
    file = folder / "split" / optimizer / "1-2" / "run.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"settings": settings.cell("split", optimizer).model_dump(mode="json")}), encoding="utf-8")
    return file


def test_runs_of_these_settings_are_fine(tmp_path):
    config.check_finished_runs(resolved(), [finished(tmp_path, resolved())])


def test_looks_and_seeds_per_job_are_no_settings_of_a_run(tmp_path):
    shown = resolved(optimizers={"sgd": {"label": "plain SGD"}}, benchmarks={"split": {"seeds_per_job": 2}})
    config.check_finished_runs(shown, [finished(tmp_path, resolved())])


@pytest.mark.parametrize(
    "other",
    [
        {"optimizers": {"sgd": {"learning_rate": 0.2}}},
        {"benchmarks": {"split": {"iterations": 21}}},
        {"benchmarks": {"split": {"evaluation": {"every": 2}}}},
    ],
)
def test_runs_of_other_settings_are_refused(tmp_path, other):
    right, wrong = finished(tmp_path / "right", resolved(), "adam"), finished(tmp_path / "wrong", resolved(**other))
    with pytest.raises(UserError) as error:
        config.check_finished_runs(resolved(), [right, wrong])
    assert str(error.value) == (
        f"{wrong.parent} was trained with other settings than the configuration has; delete it, and it is trained again, "
        "or give a new folder: --config results=another_folder."
    )


def test_a_run_that_tells_no_settings_is_refused(tmp_path):
    file = finished(tmp_path, resolved())
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="was trained with other settings"):
        config.check_finished_runs(resolved(), [file])
    file.write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"run\.json"):
        config.check_finished_runs(resolved(), [file])


def test_settings_of_winners_stand_in_no_configuration(tmp_path):
    sweep = {"kind": "tuning", "budget": 2, "seeds": [7], "spaces": {"sgd": {"learning_rate": [0.1, 0.2]}}}
    held_out = {"held_out": {"source": "sklearn_digits", "holdout": {}}}
    tuned = resolved(
        datasets=held_out,
        benchmarks={"twin": {"like": "split", "dataset": "held_out"}},
        sweeps={"tune": sweep | {"holdout": {"split": "twin"}}},
    )
    file = tmp_path / "split" / next(iter(tuned.tunings["tune"].winners())) / "1-2" / "run.json"
    config.check_finished_runs(tuned, [file])  # not even read


# --- what was published -----------------------------------------------------------------------------------------------


@pytest.fixture
def published(tmp_path) -> Path:
    """A suite that was published with both benchmarks and optimizers and two seeds."""
    folder = tmp_path / "paper_figures" / "quick"
    folder.mkdir(parents=True)
    (folder / "MANIFEST.json").write_text(json.dumps({"config": resolved().science()}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("suite", "whole"),
    [({}, True), ({"seeds": [2, 1]}, True), ({"seeds": [2]}, False), ({"optimizers": ["adam"]}, False)],
)
def test_whole_is_what_was_published_in_any_order(published, suite, whole):
    assert config.is_whole(resolved(suites={"quick": suite}), published) is whole


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"suites": {"quick": {"seeds": [1, 3]}}}, "seeds: 3 is not among the published seeds: 1, 2."),
        (
            {"benchmarks": {"third": {"like": "split"}}, "suites": {"quick": {"benchmarks": ["third"]}}},
            "benchmarks: third is not among the published benchmarks: other, split.",
        ),
    ],
)
def test_more_than_was_published_cannot_be_compared(published, sections, words):
    with pytest.raises(UserError) as error:
        config.is_whole(resolved(**sections), published, "c")
    assert str(error.value) == f"c: suites.quick.{words}"


def test_what_is_not_published_cannot_be_compared(published):
    with pytest.raises(UserError, match=r"suite quick is not published.* published: quick"):
        config.is_whole(resolved(), published.parent / "slow")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"config": {}}', '{"config": {"benchmarks": 1}}'])
def test_a_damaged_manifest_is_told(published, content):
    (published / "MANIFEST.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"MANIFEST\.json is damaged .*; get it again from the repository"):
        config.is_whole(resolved(), published)
