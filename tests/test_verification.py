"""Comparing a rebuild with what was published."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stability_gap import files, verification
from stability_gap.errors import UserError

VALUES = {1: 0.4, 2: 0.5, 3: 0.5, 4: 0.6}
"""avg_acc of four seeds: mean 0.5, sd 0.0816."""


def metrics(values: dict[int, float], optimizer: str = "sgd") -> pd.DataFrame:
    """metrics.parquet of one cell: avg_acc as given, wc_acc undefined, no seed diverged."""
    rows = [
        {"benchmark": "b", "optimizer": optimizer, "seed": seed, "metric": metric, "context": None, "value": value}
        for seed, avg_acc in values.items()
        for metric, value in (("avg_acc", avg_acc), ("wc_acc", None), ("diverged", 0.0))
    ]
    return pd.DataFrame(rows).astype({"context": "Int64", "value": "float64"})


def make_suite(folder: Path, *cells: pd.DataFrame) -> Path:
    files.write_parquet(folder / "metrics.parquet", pd.concat(cells, ignore_index=True))
    files.write_text(folder / "claims.csv", "claim\n1\n")
    return folder


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = make_suite(tmp_path / "published", metrics(VALUES), metrics(VALUES, "adam"))
    names = ("metrics.parquet", "claims.csv")
    files.write_json(folder / "MANIFEST.json", {"files": {name: files.digest(folder / name) for name in names}})
    return folder


def shifted(by: float, seeds: tuple[int, ...] = (1, 2, 3, 4), optimizer: str = "sgd") -> pd.DataFrame:
    return metrics({seed: VALUES[seed] + by for seed in seeds}, optimizer)


def test_the_same_bytes_agree_in_everything(tmp_path: Path, published: Path) -> None:
    found = verification.verify(Path(shutil.copytree(published, tmp_path / "rebuilt")), published)
    assert found["agrees"].all()
    assert found["kind"].value_counts().to_dict() == {"file": 2, "run": 8, "mean": 4}
    assert verification.summary(found).splitlines()[2:] == [
        "| files, byte by byte | 2 | 2 |  |",
        "| runs of b, each metric to the last bit | 8 | 8 |  |",
        "| means of b | 4 | 4 | 0 standard errors |",
    ]


def test_a_rebuild_that_seeds_explain_agrees_but_for_its_bytes(tmp_path: Path, published: Path) -> None:
    rebuilt = make_suite(tmp_path / "rebuilt", shifted(0.05), metrics(VALUES, "adam"))
    found = verification.verify(rebuilt, published).set_index("name")
    assert found.loc[found["kind"] == "mean", "agrees"].all()
    assert found["agrees"]["claims.csv"]
    assert not found["agrees"]["metrics.parquet"]
    assert found["difference"]["b sgd avg_acc"] == pytest.approx(0.05 / (0.0816497 / np.sqrt(2)), rel=1e-4)
    runs = found[found["kind"] == "run"]["agrees"]
    assert not runs.filter(like="sgd").any()
    assert runs.filter(like="adam").all()


def test_a_rebuild_that_seeds_do_not_explain_is_refused(tmp_path: Path, published: Path) -> None:
    """Two means that are defined: they may be 2.97 standard errors of 0.0577 apart (97.5 % of t with 6 degrees, for each)."""
    near, far = (make_suite(tmp_path / str(by), shifted(by), metrics(VALUES, "adam")) for by in (0.170, 0.173))
    assert verification.verify(near, published).query("kind == 'mean'")["agrees"].all()
    with pytest.raises(UserError, match=r"1 means differ .*: b sgd avg_acc"):
        verification.verify(far, published)


def test_some_seeds_are_held_against_the_same_seeds(tmp_path: Path, published: Path) -> None:
    """Seed 1 has 0.4; the mean of all seeds, 0.5, is no comparison."""
    found = verification.verify(make_suite(tmp_path / "rebuilt", shifted(0, (1,))), published)
    assert found["agrees"].all()
    assert list(found["name"]) == ["b sgd 1", "b sgd avg_acc", "b sgd wc_acc"]
    assert found["difference"].max() == 0
    assert verification.summary(found).splitlines()[-1] == "| files: not compared, as they hang on all runs | | | |"


def test_a_seed_may_differ_by_what_all_published_seeds_say(tmp_path: Path, published: Path) -> None:
    """One comparison, 3 degrees of freedom: 3.18 standard errors of 0.0816 √2, so 0.367."""
    near, far = (make_suite(tmp_path / str(by), shifted(by, (1,))) for by in (0.36, 0.38))
    found = verification.verify(near, published).set_index("kind")
    assert bool(found["agrees"]["run"]) is False
    assert found.loc["mean", "agrees"].all()
    with pytest.raises(UserError, match="1 means differ"):
        verification.verify(far, published)


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3, 4)])
def test_a_metric_that_published_seeds_define_must_be_defined(tmp_path: Path, published: Path, seeds: tuple[int, ...]) -> None:
    rebuilt = make_suite(tmp_path / "rebuilt", metrics(dict.fromkeys(seeds, np.nan)), metrics(VALUES, "adam"))
    with pytest.raises(UserError, match=r"1 means differ .*: b sgd avg_acc"):
        verification.verify(rebuilt, published)


@pytest.mark.parametrize("seeds", [(1,), (2,), (1, 2, 3, 4)])
@pytest.mark.parametrize("defined", [(), (1,), (1, 2)])
def test_one_that_some_leave_undefined_may_be_so_elsewhere(
    tmp_path: Path, published: Path, seeds: tuple[int, ...], defined: tuple[int, ...]
) -> None:
    """Another processor, where the seeds with a recovery are others."""
    values = {seed: VALUES[seed] if seed in defined else np.nan for seed in VALUES}
    files.write_parquet(published / "metrics.parquet", metrics(values))
    rebuilt = metrics({seed: np.nan if seed in defined else 0.45 for seed in seeds})
    found = verification.verify(make_suite(tmp_path / "rebuilt", rebuilt), published).set_index("kind")
    assert found.loc["mean", "agrees"].all()
    assert not found.loc[["run"], "agrees"].any()


@pytest.mark.parametrize(
    ("values", "seeds", "by"),
    [
        ({1: 0.4}, (1,), 0.002),  # one published seed
        (dict.fromkeys(VALUES, 0.5), (1,), 0.1),  # seeds that agree, of which one is rebuilt
        (dict.fromkeys(VALUES, 0.5), (1, 2, 3, 4), 0.1),
    ],
)
def test_where_published_seeds_tell_no_noise_another_mean_is_no_disagreement(
    tmp_path: Path, published: Path, values: dict[int, float], seeds: tuple[int, ...], by: float
) -> None:
    files.write_parquet(published / "metrics.parquet", metrics(values))
    same, other = (
        verification.verify(make_suite(tmp_path / str(shift), metrics({seed: values[seed] + shift for seed in seeds})), published)
        for shift in (0, by)
    )
    assert same.loc[same["kind"] != "file", "agrees"].all()
    told = other.set_index("name").loc["b sgd avg_acc"]
    assert (told["kind"], told["agrees"], np.isnan(told["difference"])) == (verification.UNTOLD, False, True)
    assert "| means of b that differ where published seeds do not, by noise that is unknown | 0 | 1 |  |" in verification.summary(
        other
    )


def test_metrics_that_were_not_there_when_it_was_published_are_not_compared(tmp_path: Path, published: Path) -> None:
    new = shifted(0).query("metric == 'avg_acc'").assign(metric="depth")
    found = verification.verify(make_suite(tmp_path / "rebuilt", shifted(0), new, metrics(VALUES, "adam")), published)
    assert found.loc[found["kind"] != "file", "agrees"].all()


def test_a_metric_that_is_missing_is_no_agreement(tmp_path: Path, published: Path) -> None:
    rebuilt = make_suite(tmp_path / "rebuilt", shifted(0, (1,)).query("metric != 'avg_acc'"))
    with pytest.raises(UserError, match="1 means differ"):
        verification.verify(rebuilt, published)


def test_runs_that_were_not_published_are_refused(tmp_path: Path, published: Path) -> None:
    rebuilt = make_suite(tmp_path / "rebuilt", metrics({1: 0.4, 99: 0.4}))
    with pytest.raises(UserError, match=r"b sgd 99 is not among the runs of .*published; rebuild the suite as published"):
        verification.verify(rebuilt, published)


def test_a_rebuild_without_runs_is_refused(tmp_path: Path, published: Path) -> None:
    with pytest.raises(UserError, match=r"metrics\.parquet has no rows, so there is nothing to compare"):
        verification.verify(make_suite(tmp_path / "rebuilt", metrics(VALUES).iloc[:0]), published)
