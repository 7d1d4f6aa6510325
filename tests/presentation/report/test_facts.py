from stability_gap import files
from stability_gap.presentation.report import facts

CONFIG = {
    "seeds": [42, 43],
    "benchmarks": {
        "split_digits": {"label": "x", "model": {"kind": "mlp", "hidden": 4}, "augment_test": False, "augmentation": None},
        "other": {"model": {"kind": "cnn"}, "angles": [0, 80]},
    },
    "optimizers": {"sgd": {"learning_rate": 0.01}},
    "analysis": {"alpha": 0.05},
}
RUN = {
    "benchmark": "split_digits",
    "optimizer": "sgd",
    "code": "abc",
    "device": "cpu",
    "versions": {"torch": "2.1"},
    "official": True,
    "stream_digest": "123",
    "seeds": {"42": {"status": "completed", "diverged_at": None}, "43": {"status": "diverged", "diverged_at": 7}},
}


def test_settings_stand_side_by_side(looks):
    benchmarks, optimizers, analysis = facts.settings_grids(CONFIG, looks, [RUN])
    assert benchmarks.header == ["setting", "Split digits", "other"]
    assert benchmarks.rows == [
        ["model.kind", "mlp", "cnn"],
        ["model.hidden", "4", ""],
        ["augment_test", "no", ""],
        ["angles", "", "0, 80"],
    ]
    assert optimizers.rows == [["learning_rate", "0.01"]]
    assert analysis.rows == [["seeds", "42, 43"], ["alpha", "0.05"]]


def test_tuned_optimizers_are_shown_as_they_were_trained(looks):
    """The configuration knows by what they are selected; what was selected for each benchmark is in the runs."""
    config = {"optimizers": {"sgd": {"learning_rate": 0.01}, "sgd_tuned_final": {"optimizer": "sgd", "selected_by": "final"}}}
    won = {**RUN, "optimizer": "sgd_tuned_final", "settings": {"optimizer_settings": {"label": "x", "learning_rate": 0.3}}}
    other = {**won, "benchmark": "other", "settings": {"optimizer_settings": {"learning_rate": 0.2}}}
    grids = {grid.caption: grid for grid in facts.settings_grids(config, looks, [RUN, other, won])}
    assert grids["Optimizers"].rows[1:] == [["optimizer", "", "sgd"], ["selected_by", "", "final"]]
    assert grids["Selected settings, Split digits"].rows == [["learning_rate", "0.3"]]
    assert grids["Selected settings, other"].rows == [["learning_rate", "0.2"]]


def test_environment_tells_all_that_differ():
    rows = dict(facts.environment_grid([RUN, {**RUN, "versions": {"torch": "2.2"}, "device": "cuda"}, {"benchmark": "x"}]).rows)
    assert rows["torch"] == "2.1, 2.2"
    assert rows["device"] == "cpu, cuda"
    assert rows["Python"] == "not recorded"


def test_digests(looks, tmp_path):
    for name in ("claims.csv", "tables/table1.csv", "tables/left_behind.csv"):
        files.write_text(tmp_path / name, "x")
    data, results = facts.digest_grids(tmp_path, [RUN, {**RUN, "optimizer": "adam", "code": "def"}], looks, ["table1"])
    assert data.rows == [["Split digits", "official files", "123"], ["code that trained", "this package", "abc, def"]]
    assert results.rows == [[name, files.digest(tmp_path / name)] for name in ("claims.csv", "tables/table1.csv")]


def test_diverged(looks):
    assert facts.diverged([RUN], looks) == ["SGD on Split digits, seed 43, at update 7"]
