"""Publishing a suite and comparing a rebuild with it."""

import errno
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from stability_gap import files, publication
from stability_gap.errors import UserError

RUN = {
    "benchmark": "split_digits",
    "optimizer": "sgd",
    "seeds": {"1": {"status": "completed", "diverged_at": None}, "2": {"status": "diverged", "diverged_at": 7}},
    "code": "abc",
    "versions": {"torch": "2.15.0"},
    "device": "cpu",
    "stream_digest": "d1",
    "official": True,
}


CONFIG = {"suite": "digits", "benchmarks": {"split": {}}, "figures": ["curves", "frontier"], "tables": {"table1": {}}}

PUBLISHED = Path(__file__).parents[1] / "paper_figures"
EVALUATIONS = "evaluations.parquet"


def make_suite(folder: Path, mean: float = 0.5) -> Path:
    """The published files of digits but for the summary, and one table and figure."""
    folder.mkdir(parents=True)
    for name in publication.FILES:
        shutil.copyfile(PUBLISHED / "digits" / name, folder / name)
    place = {"benchmark": "b", "optimizer": "o", "metric": "avg_acc", "context": None}
    summary = {**place, "n": 4, "mean": mean, "sd": 0.1, "min": 0.0, "max": 1.0, "diverged": 0}
    files.write_csv(folder / "summary.csv", pd.DataFrame([summary, {**summary, "metric": "wc_acc", "mean": None}]))
    files.write_text(folder / "tables" / "table1.md", "| a |\n")
    files.write_text(folder / "figures" / "curves_split.svg", "<svg/>\n")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    files.write_json(tmp_path / "run" / "run.json", RUN)
    return tmp_path / "run"


def test_publishes_every_table_and_figure_with_its_digest(tmp_path: Path, run: Path) -> None:
    suite, output = make_suite(tmp_path / "suite"), tmp_path / "published"
    files.write_text(output / "figures" / "stale.svg", "old")
    publication.publish(suite, [run], CONFIG, output)
    manifest = files.read_json(output / "MANIFEST.json")
    assert set(manifest["files"]) == {*publication.FILES, "tables/table1.md", "figures/curves_split.svg"}
    for name, digest in manifest["files"].items():
        assert files.digest(output / name) == digest == files.digest(suite / name)
    assert not (output / "figures" / "stale.svg").exists()
    assert manifest["runs"] == 2
    assert manifest["diverged"] == {"split_digits sgd 2": 7}
    assert manifest["streams"] == {"split_digits": {"digest": "d1", "official": True}}
    assert manifest["config"] == CONFIG


def test_curves_are_published_if_they_are_what_docs_say(tmp_path: Path) -> None:
    suite, folder = make_suite(tmp_path / "suite"), tmp_path / "42-51"
    shutil.copytree(PUBLISHED / "digits/runs/split_digits/ngm_sgd/42-51", folder)
    publication.publish(suite, [folder], CONFIG, tmp_path / "published", with_runs=True)
    kept = files.read_json(tmp_path / "published/MANIFEST.json")["run_files"]
    assert kept[f"runs/split_digits/ngm_sgd/42-51/{EVALUATIONS}"] == files.digest(folder / EVALUATIONS)
    table = files.read_parquet(folder / EVALUATIONS)
    files.write_parquet(folder / EVALUATIONS, table.assign(accuracy=table["accuracy"] + 1))
    with pytest.raises(UserError, match=r"evaluations\.parquet, column accuracy"):
        publication.publish(suite, [folder], CONFIG, tmp_path / "published", with_runs=True)
    assert files.digest(tmp_path / "published/runs/split_digits/ngm_sgd/42-51" / EVALUATIONS) in kept.values()


def test_what_an_earlier_configuration_left_behind_is_left_out(tmp_path: Path, run: Path) -> None:
    suite, output = make_suite(tmp_path / "suite"), tmp_path / "published"
    left = ("figures/curves_gone.svg", "figures/mechanism.svg", "figures/frontier_path.svg", "tables/gone.csv", "toy.csv")
    for name in (*left, "figures/frontier.svg"):
        files.write_text(suite / name, "old\n")
    publication.publish(suite, [run], CONFIG, output)
    made = {*publication.FILES, "tables/table1.md", "figures/curves_split.svg", "figures/frontier.svg"}
    assert set(files.read_json(output / "MANIFEST.json")["files"]) == made


def test_a_configuration_that_does_not_say_what_there_is(tmp_path: Path, run: Path) -> None:
    with pytest.raises(UserError, match="--config lacks benchmarks, figures;"):
        publication.publish(make_suite(tmp_path / "suite"), [run], {"tables": {}}, tmp_path / "published")


TOOK = {"wall_seconds": 30.0, "threads": 1, "peak_memory_mib": 700.0, "processor": "x86_64"}


def test_what_the_runs_took_is_kept_by_cell(tmp_path: Path) -> None:
    for name, facts in {
        "a": {"wall_seconds": 30.0},
        "b": {"wall_seconds": 12.0, "peak_memory_mib": 900.0, "optimizer": "sgd"},
    }.items():
        files.write_json(tmp_path / name / "run.json", {**RUN, **TOOK, **facts})
        (tmp_path / name / "evaluations.parquet").write_bytes(bytes(2_000_000))
    suite = make_suite(tmp_path / "results" / "digits")
    (tmp_path / "results" / "streams" / "split_digits").mkdir(parents=True)
    (tmp_path / "results" / "streams" / "split_digits" / "stream.npz").write_bytes(bytes(5_000_000))
    publication.publish(suite, [tmp_path / "a", tmp_path / "b"], CONFIG, tmp_path / "published")
    costs = files.read_json(tmp_path / "published" / "MANIFEST.json")["costs"]
    cell = costs["cells"]["split_digits"]["sgd"]
    assert cell == {"runs": 4, "seconds": 42.0, "threads": 1, "peak_memory_mib": 900.0, "megabytes": pytest.approx(4, abs=0.01)}
    assert costs["megabytes"]["streams"] == 5
    assert costs["processor"] == ["x86_64"]


def test_seeds_that_the_suite_does_not_have_cost_it_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "evaluations.parquet").write_bytes(bytes(2_000_000))
    cells = publication.costs_of_cells([({**RUN, **TOOK}, 1)], [tmp_path / "a"])
    cell = cells["split_digits"]["sgd"]
    assert (cell["runs"], cell["seconds"], cell["megabytes"]) == (1, 15.0, 1.0)


def test_runs_that_do_not_tell_are_left_out(tmp_path: Path, run: Path) -> None:
    publication.publish(make_suite(tmp_path / "suite"), [run], CONFIG, tmp_path / "published")
    assert files.read_json(tmp_path / "published" / "MANIFEST.json")["costs"]["cells"] == {}


def test_publishing_twice_gives_the_same_bytes(tmp_path: Path, run: Path) -> None:
    suite = make_suite(tmp_path / "suite")
    publication.publish(suite, [run], CONFIG, tmp_path / "one")
    publication.publish(suite, [run], CONFIG, tmp_path / "two")
    assert files.digest(tmp_path / "one" / "MANIFEST.json") == files.digest(tmp_path / "two" / "MANIFEST.json")


def test_a_folder_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite, output = make_suite(tmp_path / "suite"), tmp_path / "published"
    publication.publish(suite, [run], CONFIG, output)
    before = files.digest(output / "MANIFEST.json")
    files.write_text(suite / "tables" / "table1.md", "| b |\n")
    rename = Path.rename

    def refuse_new(folder: Path, target: Path) -> Path:
        if folder.suffix == ".new":
            raise PermissionError(errno.EACCES, "Permission denied")
        return rename(folder, target)

    monkeypatch.setattr(Path, "rename", refuse_new)
    with pytest.raises(UserError, match=r"cannot write .*published: Permission denied\. It belongs to another user"):
        publication.publish(suite, [run], CONFIG, output)
    assert files.digest(output / "MANIFEST.json") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published", "run", "suite"]


def test_a_link_to_a_published_folder_stays_one(tmp_path: Path, run: Path) -> None:
    suite, output = make_suite(tmp_path / "suite"), tmp_path / "published"
    output.symlink_to(tmp_path / "elsewhere")
    for text in ("| a |\n", "| b |\n"):
        files.write_text(suite / "tables" / "table1.md", text)
        publication.publish(suite, [run], CONFIG, output)
        assert (tmp_path / "elsewhere" / "tables" / "table1.md").read_text(encoding="utf-8") == text
    assert output.is_symlink()


def test_runs_of_different_code_are_not_published(tmp_path: Path, run: Path) -> None:
    files.write_json(tmp_path / "other" / "run.json", {**RUN, "code": "changed"})
    with pytest.raises(UserError, match="differ in code"):
        publication.publish(make_suite(tmp_path / "suite"), [run, tmp_path / "other"], CONFIG, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_a_folder_that_is_no_published_suite_is_left_alone(tmp_path: Path, run: Path) -> None:
    files.write_text(tmp_path / "home" / "thesis.tex", "years of work")
    with pytest.raises(UserError, match="no published suite"):
        publication.publish(make_suite(tmp_path / "suite"), [run], CONFIG, tmp_path / "home")
    assert (tmp_path / "home" / "thesis.tex").exists()


def test_an_unfinished_suite_is_not_published(tmp_path: Path, run: Path) -> None:
    (make_suite(tmp_path / "suite") / "claims.csv").unlink()
    with pytest.raises(UserError, match=r"lacks claims\.csv"):
        publication.publish(tmp_path / "suite", [run], CONFIG, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_a_table_that_breaks_its_contract_is_not_published(tmp_path: Path, run: Path) -> None:
    suite = make_suite(tmp_path / "suite")
    ranks = files.read_csv(suite / "ranks.csv")
    files.write_csv(suite / "ranks.csv", ranks.assign(friedman_p=1.5))
    with pytest.raises(UserError, match=r"ranks\.csv breaks its contract: column friedman_p: 1.5 must be at most 1"):
        publication.publish(suite, [run], CONFIG, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_sources_that_are_not_committed_are_not_published_from(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    own = {"extensions": {"metrics": ["my_metrics"]}, "optimizers": {"lion": {"method": "import", "target": "mine.lion:Lion"}}}
    publication.check_committed(own, tmp_path)  # no repository: nobody can tell
    git("init")
    files.write_text(tmp_path / "src" / "a.py", "a = 1\n")
    files.write_text(tmp_path / "notes.txt", "mine\n")
    with pytest.raises(UserError, match=r"src/ has changes that are not committed; commit them first"):
        publication.check_committed(own, tmp_path)
    git("add", "src")
    git("commit", "-m", "a")
    publication.check_committed(own, tmp_path)  # no result depends on notes.txt
    files.write_text(tmp_path / "src" / "a.py", "a = 2\n")
    files.write_text(tmp_path / "config.yaml", "suite: digits\n")
    with pytest.raises(UserError, match=r"src/a\.py \(and 1 more\) has changes"):
        publication.check_committed(own, tmp_path)
    git("add", ".")
    git("commit", "-m", "b")
    for name in ("my_metrics.py", "mine/lion.py"):
        files.write_text(tmp_path / name, "a = 1\n")
        publication.check_committed({}, tmp_path)
        with pytest.raises(UserError, match=f"{name} has changes"):
            publication.check_committed(own, tmp_path)
        (tmp_path / name).unlink()


def test_nothing_is_published_where_git_cannot_tell(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"git status fails, .*; mend it: fatal: not a git repository: "):
        publication.check_committed({}, tmp_path)
