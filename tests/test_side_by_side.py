"""`stability-gap compare`: one folder of tables, tests and figures from runs and anybody's files."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.axes import Axes

from stability_gap import files
from stability_gap.analysis.measure import read_metrics
from stability_gap.analysis.runs import BenchmarkRuns
from stability_gap.cli import commands
from stability_gap.curves.options import Options
from stability_gap.curves.sources import read_sources
from stability_gap.errors import UserError
from stability_gap.presentation.figures.registry import named
from stability_gap.presentation.looks import Looks
from stability_gap.side_by_side import Presented, benchmark_runs, compare_runs, presented, unpaired

LENGTH = 15
MADE = [
    "figures/curves_{}.pdf",
    "figures/curves_{}.png",
    "figures/curves_{}.svg",
    "figures/tradeoff.pdf",
    "figures/tradeoff.png",
    "figures/tradeoff.svg",
    "figures/zoom_{}.pdf",
    "figures/zoom_{}.png",
    "figures/zoom_{}.svg",
    "metrics.parquet",
    "statistics.csv",
    "summary.csv",
    *(f"tables/{name}.{suffix}" for name in ("table1", "table2", "table3") for suffix in ("csv", "html", "md", "tex")),
]


def falls(depth: float, seed: int, contexts: int = 2) -> pd.DataFrame:
    """Wide curves that fall by `depth` after each switch and come back."""
    noise = np.random.default_rng(seed)
    iteration = np.arange(1, contexts * LENGTH + 1)
    since = (iteration - 1) % LENGTH
    fall = depth * np.exp(-(((since - 4) / 2) ** 2))
    table = pd.DataFrame({"iteration": iteration})
    for task in range(1, contexts + 1):
        first = LENGTH * (task - 1)
        learned = 0.9 * (1 - np.exp(-(iteration - first) / 3))
        value = np.where(iteration > first + LENGTH, 0.9 - fall, learned) + noise.uniform(0, 0.02, len(iteration))
        table[f"acc_task{task}"] = np.where(iteration > first, np.clip(value, 0, 1), np.nan)
    return table


def write_run(folder: Path, depth: float, seeds: range, benchmark: str = "toys", optimizer: str = "sgd") -> Path:
    options = Options(context_length=LENGTH)
    runs = [read_sources([("x", falls(depth, seed).assign(seed=seed))], options)[0].evaluations for seed in seeds]
    table = pd.concat(runs, ignore_index=True).assign(loss=0.5)
    files.write_parquet(folder / "evaluations.parquet", table)
    training = table.query("task == 1")[["seed", "iteration", "context"]].assign(gain_output=1.0)
    files.write_parquet(folder / "training.parquet", training)
    files.write_json(folder / "run.json", {"benchmark": benchmark, "optimizer": optimizer, "classes": 4, "incremental": "class"})
    return folder


def write_csv(path: Path, depth: float, seeds: range) -> Path:
    pd.concat([falls(depth, seed).assign(seed=seed) for seed in seeds]).to_csv(path, index=False)
    return path


def drawn(runs: BenchmarkRuns) -> list[Axes]:
    return named("curves").draw()(runs, Looks(), {}).axes


def invoke(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(commands, ["compare", *map(str, arguments)], catch_exceptions=True)
    if code == 2:
        assert isinstance(done.exception, UserError), done.output
        return str(done.exception)
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> tuple[Path, str]:
    """Two runs of ours and a file, eight seeds each."""
    folder = tmp_path_factory.mktemp("compared")
    seeds = range(1, 9)
    ours = [write_run(folder / "runs" / name, depth, seeds, optimizer=name) for name, depth in (("sgd", 0.4), ("adam", 0.6))]
    mine = write_csv(folder / "mine.csv", 0.1, seeds)
    output = invoke(*ours, f"my method={mine}", "--context-length", LENGTH, "--reference", "sgd", "-o", folder / "out")
    return folder / "out", output


def test_everything_is_made(compared):
    folder, _ = compared
    made = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert made == sorted(name.format("toys") for name in MADE)


def test_metrics_and_tests_of_all_stand_side_by_side(compared):
    folder, output = compared
    metrics = read_metrics(folder / "metrics.parquet")
    assert set(metrics["optimizer"]) == {"sgd", "adam", "my method"}
    assert set(metrics["benchmark"]) == {"toys"}
    tests = files.read_csv(folder / "statistics.csv").query("metric == 'avg_sg_first'")
    assert tests["n"].tolist() == [8, 8, 8]
    assert tests["significant"].all()
    assert "my method" in output
    assert "significantly better than sgd" in output.lower()
    assert "unpaired" not in output
    assert "my method: seeds 1–8, 2 contexts, last evaluated after updates 15, 30 (as given)\n" in output
    assert str(folder) in output


def test_curves_without_losses_stand_beside_runs_that_have_them(compared):
    folder, _ = compared
    runs = read_sources([folder.parent / "runs", f"mine={folder.parent / 'mine.csv'}"], Options(context_length=LENGTH))
    together = benchmark_runs(runs, "toys")
    assert together.evaluations.groupby("optimizer")["loss"].count().to_dict() == {"adam": 360, "mine": 0, "sgd": 360}
    assert together.classes == 4
    assert set(together.training["optimizer"]) == {"adam", "sgd"}
    assert [axes.get_ylabel() for axes in drawn(together)][2:] == ["Test loss on\ntask 1 (nats)"]


def test_accuracy_alone_is_enough_and_panels_drop_out(tmp_path):
    runs = read_sources([write_csv(tmp_path / "a.csv", 0.3, range(2))], Options(context_length=LENGTH))
    labels = [axes.get_ylabel() for axes in drawn(benchmark_runs(runs, "unnamed"))]
    assert labels == ["Accuracy on\ntask 1 (%)", "Mean accuracy,\nseen tasks (%)"]
    compare_runs(runs, tmp_path / "out")
    assert (tmp_path / "out" / "figures" / "zoom_unnamed.png").stat().st_size > 5000


def test_curves_without_common_seeds_are_said_to_be_unpaired_in_one_line(tmp_path):
    a, b = write_csv(tmp_path / "a.csv", 0.3, range(1, 4)), write_csv(tmp_path / "b.csv", 0.1, range(11, 14))
    runs = read_sources([a, b], Options(context_length=LENGTH), benchmark="toys")
    lines = unpaired([benchmark_runs(runs, "toys")], Looks())
    assert lines == ["toys: unpaired, so no test: a, b (not two seeds in common with any other)."]
    runs += read_sources([("c", falls(0.2, 1).assign(seed=1)), ("c", falls(0.2, 2).assign(seed=2))], benchmark="toys")
    (line,) = unpaired([benchmark_runs(runs, "toys")], Looks())
    assert "no test: b (" in line
    assert unpaired([benchmark_runs(runs[:1], "toys")], Looks()) == []


def test_a_comparison_gives_the_same_bytes_again(tmp_path):
    runs = read_sources([write_csv(tmp_path / "a.csv", 0.3, range(2))], Options(context_length=LENGTH))
    for name in ("one", "two"):
        compare_runs(runs, tmp_path / name, Presented())
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes(), path


def test_a_run_that_diverged_counts_as_chance_of_the_runs_beside_it(tmp_path):
    ours = write_run(tmp_path / "sgd", 0.3, range(2))
    table = falls(0.3, 0).assign(seed=0)
    columns = ["acc_task1", "acc_task2"]
    table.loc[table["iteration"] > 20, columns] = math.nan
    table.to_csv(tmp_path / "mine.csv", index=False)
    text = compare_runs(read_sources([ours, tmp_path / "mine.csv"], Options(context_length=LENGTH)), tmp_path / "out")
    assert "mine (1 diverged)" in text
    assert "25.0" in text


# --- labels, reference, tables ----------------------------------------------------------------------------------------


def test_a_configuration_gives_labels_tables_and_the_reference(tmp_path, monkeypatch):
    repository = Path(__file__).parents[1]
    monkeypatch.chdir(tmp_path)
    named = [("ngm_sgd", falls(0.1, 1)), ("sgd", falls(0.3, 1))]
    runs = read_sources(named, Options(context_length=LENGTH), benchmark="split_digits")
    assert presented(runs).looks.benchmark("split_digits") == "split_digits"  # no config.yaml here
    shown = presented(runs, repository / "config.yaml")
    assert shown.looks.benchmark("split_digits") == "Split digits"
    assert shown.looks.reference == "ngm_sgd"
    assert list(shown.tables) == ["table1", "table2", "table3"]
    assert presented(runs[1:], repository / "config.yaml").looks.reference is None
    assert presented(runs, repository / "config.yaml", "sgd").looks.reference == "sgd"
    (tmp_path / "config.yaml").write_bytes((repository / "config.yaml").read_bytes())
    assert presented(runs).looks.reference == "ngm_sgd"
    with pytest.raises(UserError, match=r"the reference adam is not among the curves \(ngm_sgd, sgd\)"):
        presented(runs, reference="adam")


@pytest.mark.parametrize("text", ["lr: 0.1\nmodel: {name: resnet}\n", "", "- a\n", "5\n", "a: !include b\n", "a: 1\na: 2\n"])
def test_the_configuration_of_another_program_is_left_alone(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    runs = read_sources([("mine", falls(0.1, 1))], Options(context_length=LENGTH))
    assert list(presented(runs, reference="mine").tables) == ["table1", "table2", "table3"]
    with pytest.raises(UserError, match=r"config\.yaml"):
        presented(runs, Path("config.yaml"))


# --- what cannot be compared ------------------------------------------------------------------------------------------


def test_runs_that_change_contexts_elsewhere_are_refused(tmp_path):
    ours = write_run(tmp_path / "sgd", 0.3, range(2))
    path = write_csv(tmp_path / "mine.csv", 0.1, range(2))
    pd.read_csv(path).drop(columns="acc_task2").to_csv(path, index=False)
    with pytest.raises(UserError, match=r"mine\.csv and .* begin context 2 at updates 20 and 16; runs of one benchmark change"):
        compare_runs(read_sources([ours, path], Options(switches=[19])), tmp_path / "out")
    with pytest.raises(UserError, match=r"mine\.csv and .* have 3 and 2 contexts"):
        compare_runs(read_sources([ours, path], Options(context_length=10)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_curve_that_ends_before_another_is_told(caplog):
    caplog.set_level("WARNING", "stability_gap")
    named = {"whole": falls(0.3, 1), "killed": falls(0.3, 1).head(22)}
    benchmark_runs(read_sources(list(named.items())), "unnamed")
    assert "the last evaluations are after other updates (whole: 30, killed: 22)" in caplog.text
    caplog.clear()
    benchmark_runs(read_sources([("a", named["whole"]), ("b", named["whole"])]), "unnamed")
    assert not caplog.messages


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.csv"], r"nothing\.csv does not exist"),
        (["mine.csv", "--context-length", "15", "--switches", "15"], "give one of the two"),
        (["mine.csv", "--format", "exotic"], "there is no format 'exotic'"),
        (["percent.csv", "--context-length", "15"], "looks like percent; say so with --percent"),
        (["zero.csv", "--context-length", "15"], "begins at 0.*--count-from 0"),
        (["mine.csv", "--context-length", "15", "--reference", "adam"], "the reference adam is not among the curves"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    table = falls(0.3, 1)
    table.to_csv("mine.csv", index=False)
    table.assign(acc_task1=100 * table["acc_task1"]).to_csv("percent.csv", index=False)
    table.assign(iteration=table["iteration"] - 1).to_csv("zero.csv", index=False)
    assert re.search(words, invoke(*arguments, "-o", "out", code=2))


def test_switches_are_read_and_checked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    falls(0.3, 1).to_csv("mine.csv", index=False)
    invoke("mine.csv", "--switches", "15", "-o", "out")
    done = CliRunner().invoke(commands, ["compare", "mine.csv", "--switches", "a", "-o", "out"])
    assert done.exit_code == 2
    assert "'a' is no list of updates; write 200,400" in done.output
