import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from curve_truth import EXAMPLES, FIRST, SECOND, evaluations, wide

from stability_gap import files
from stability_gap.curves.options import Options
from stability_gap.curves.sources import read_sources
from stability_gap.errors import UserError

FOUR = Options(context_length=4)


def run_folder(folder: Path, seeds: list[int], benchmark: str = "split_toys", optimizer: str = "sgd") -> Path:
    files.write_parquet(folder / "evaluations.parquet", pd.concat([evaluations(seed, loss=True) for seed in seeds]))
    files.write_json(folder / "run.json", {"benchmark": benchmark, "optimizer": optimizer, "classes": 4, "incremental": "class"})
    return folder


def wide_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    wide().to_csv(path, index=False)
    return path


def told(runs):
    return [(run.facts.benchmark, run.facts.optimizer, sorted(run.evaluations["seed"].unique().tolist())) for run in runs]


def test_runs_and_files_of_several_formats_side_by_side(tmp_path):
    ours = run_folder(tmp_path / "runs" / "sgd" / "1-2", [1, 2])
    paths = [f"mine={EXAMPLES / 'long.csv'}", wide_file(tmp_path / "other_seed42.csv"), ours]
    runs = read_sources(paths, FOUR)
    assert told(runs) == [("split_toys", "sgd", [1, 2]), ("split_toys", "mine", [3]), ("split_toys", "other", [42])]
    assert [run.facts.classes for run in runs] == [4, 4, 4]
    assert ["loss" in run.evaluations for run in runs] == [True, True, False]
    assert runs[0].training is None


def test_all_runs_below_a_folder_are_taken(tmp_path):
    for optimizer in ("sgd", "adam"):
        run_folder(tmp_path / "runs" / optimizer / "1", [1], optimizer=optimizer)
    assert told(read_sources([tmp_path / "runs"])) == [("split_toys", "adam", [1]), ("split_toys", "sgd", [1])]
    with pytest.raises(UserError, match="holds runs of several optimizers; one name, x, does not fit"):
        read_sources([f"x={tmp_path / 'runs'}"])
    assert told(read_sources([f"x={tmp_path / 'runs' / 'sgd'}"])) == [("split_toys", "x", [1])]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no run"):
        read_sources([tmp_path / "empty"])


def test_the_evaluations_of_a_run_folder_mean_the_folder(tmp_path):
    folder = run_folder(tmp_path / "runs", [1])
    assert told(read_sources([folder / "evaluations.parquet"])) == [("split_toys", "sgd", [1])]


def test_tables_and_arrays_are_named_by_the_caller():
    array = np.column_stack([FIRST, [np.nan] * 4 + SECOND])
    named = [("long", evaluations(3)), ("wide", wide()), ("array", array), ("seeds", array[None])]
    named += [("file", EXAMPLES / "long.csv")]
    runs = read_sources(named, FOUR, benchmark="toys")
    assert told(runs) == [
        ("toys", "long", [3]),
        ("toys", "wide", [1]),
        ("toys", "array", [2]),
        ("toys", "seeds", [0]),
        ("toys", "file", [3]),
    ]
    columns = ["iteration", "context", "task", "accuracy"]
    for run in runs:
        pd.testing.assert_frame_equal(run.evaluations[columns], evaluations()[columns])
    assert told(read_sources([("array", array)], Options(context_length=4, seed=9))) == [("unnamed", "array", [9])]
    with pytest.raises(UserError, match="wide, column iteration"):
        read_sources([("wide", wide(range(0, 8)))], FOUR)


def test_a_run_folder_without_losses_and_without_run_json(tmp_path):
    files.write_parquet(tmp_path / "mine" / "evaluations.parquet", evaluations(5))
    assert told(read_sources([tmp_path / "mine"], benchmark="toys")) == [("toys", "mine", [5])]


def test_a_seed_comes_from_column_option_or_name_and_else_is_no_one_elses(tmp_path):
    run_folder(tmp_path / "runs", [1, 2])
    first, second = wide_file(tmp_path / "a.csv"), wide_file(tmp_path / "b.csv")
    seeds = [seeds for _, _, seeds in told(read_sources([first, second, tmp_path / "runs"], FOUR))]
    assert seeds == [[1, 2], [3], [4]]
    assert told(read_sources([first], Options(context_length=4, seed=7))) == [("unnamed", "a", [7])]
    assert told(read_sources([EXAMPLES / "long.csv"], Options(seed=7))) == [("unnamed", "long", [3])]
    both = read_sources([first, wide_file(tmp_path / "c_seed42.csv")], Options(context_length=4, seed=7))
    assert told(both) == [("unnamed", "a", [7]), ("unnamed", "c", [42])]


def test_files_of_one_name_are_its_seeds(tmp_path):
    files_of_one = [wide_file(tmp_path / f"mine{seed}.csv") for seed in ("_seed1", "-seed-2", "seed=3")]
    assert told(read_sources(files_of_one, FOUR)) == [("unnamed", "mine", [seed]) for seed in (1, 2, 3)]
    apart = [wide_file(tmp_path / "x" / "curves.csv"), wide_file(tmp_path / "y" / "curves.csv")]
    assert told(read_sources([f"mine={path}" for path in apart], FOUR)) == [("unnamed", "mine", [1]), ("unnamed", "mine", [2])]
    with pytest.raises(UserError, match=r"are both called curves; name them: A=.*x/curves.csv B=.*y/curves.csv"):
        read_sources(apart, FOUR)


@pytest.mark.parametrize("order", [[1, 2], [2, 1]])
def test_seeds_of_a_curve_are_evaluated_alike_whatever_files_they_stand_in(tmp_path, order):
    wide_file(tmp_path / "mine_seed1.csv")
    wide().head(6).to_csv(tmp_path / "mine_seed2.csv", index=False)  # killed early
    paths = [tmp_path / f"mine_seed{seed}.csv" for seed in order]
    words = r"mine_seed2\.csv, column iteration: seed 2 lacks rows at iteration 7, which .*mine_seed1\.csv has; all seeds"
    with pytest.raises(UserError, match=words):
        read_sources(paths, FOUR)
    assert len(read_sources([f"{path.stem}={path}" for path in paths], FOUR)) == 2  # two curves may differ


def test_what_curves_are_taken_for_is_logged(tmp_path, caplog):
    caplog.set_level("INFO")
    several = [wide_file(tmp_path / f"mine_seed{seed}.csv") for seed in (3, 1, 2)]
    read_sources([run_folder(tmp_path / "runs", [7]), *several, wide_file(tmp_path / "other.csv")])
    how = "2 contexts, last evaluated after updates 4, 8 (by the column context, or from where tasks begin)"
    assert caplog.messages == [f"mine: seeds 1–3, {how}", f"other: seed 4, {how}"]
    caplog.clear()
    read_sources([several[0]], Options(switches=[4]))
    assert caplog.messages == ["mine: seed 3, 2 contexts, last evaluated after updates 4, 8 (as given)"]


def test_a_file_called_by_its_seed_has_the_name_of_its_folder(tmp_path):
    path = wide_file(tmp_path / "er" / "seed=0_finalresults.csv")
    assert told(read_sources([path], FOUR)) == [("unnamed", "finalresults", [0])]
    assert told(read_sources([shutil.copy(path, path.with_name("seed=0.csv"))], FOUR)) == [("unnamed", "er", [0])]


def test_a_file_named_like_runs_must_be_named_apart(tmp_path):
    ours, path = run_folder(tmp_path / "runs", [1]), wide_file(tmp_path / "sgd.csv")
    with pytest.raises(UserError, match=r"sgd\.csv has the name of runs, sgd; name it apart: NAME=.*sgd\.csv"):
        read_sources([ours, path], FOUR)
    assert told(read_sources([ours, f"sgd={path}"], FOUR)) == [("split_toys", "sgd", [1]), ("split_toys", "sgd", [2])]


def test_one_seed_twice_is_refused(tmp_path):
    run_folder(tmp_path / "runs", [3])
    with pytest.raises(UserError, match="seed 3 of sgd stands in both"):
        read_sources([tmp_path / "runs", f"sgd={EXAMPLES / 'long.csv'}"])


def test_files_beside_several_benchmarks_need_one(tmp_path):
    for name in ("split_toys", "rotated_toys"):
        run_folder(tmp_path / name, [1], benchmark=name)
    paths = [tmp_path / "split_toys", tmp_path / "rotated_toys", EXAMPLES / "long.csv"]
    with pytest.raises(UserError, match=r"several benchmarks \(rotated_toys, split_toys\); say of which the files are: --b"):
        read_sources(paths)
    assert told(read_sources(paths, benchmark="split_toys"))[-1] == ("split_toys", "long", [3])
    assert read_sources(paths, benchmark="split_toys", classes=9)[-1].facts.classes == 9


def test_nothing_and_missing_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="no runs given"):
        read_sources([])
    with pytest.raises(UserError, match="nothing does not exist"):
        read_sources([f"a={tmp_path / 'nothing'}"])
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        read_sources(["x" * 5000])
