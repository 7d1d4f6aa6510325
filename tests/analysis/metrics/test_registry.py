import numpy as np
import pytest
from hand_curves import HAND

from stability_gap.analysis.metrics.registry import METRICS, load, metric, of_one_kind, outcomes
from stability_gap.errors import UserError


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(registry_as_before, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def write_module(
    folder, name, body="return 0.25", decorator='label="mine", unit="gap", per="stream", better="lower", diverged=1.0'
):
    head = "from stability_gap.analysis.metrics.registry import metric\n\n\n"
    (folder / f"{name}.py").write_text(f"{head}@metric({decorator})\ndef {name}_metric(curve):\n    {body}\n", encoding="utf-8")


def test_every_family_of_the_package_is_registered():
    assert {"avg_acc", "sg_first", "wf_100", "bwt", "recovery", "avg_gap_area", "gain_peak", "diverged"} < set(METRICS)
    assert all(name == each.name for name, each in METRICS.items())


def test_outcomes_are_metrics_of_the_stream_with_a_direction_each_thing_once():
    found = outcomes()
    assert found == sorted(found)
    assert {"avg_acc", "avg_sg_seen", "wp_10", "forgetting"} < set(found)
    assert not {"bwt", "diverged", "sg_first", "mean_gain", "recovered"} & set(found)


def test_a_module_of_ones_own_is_found_in_the_working_folder(tmp_path):
    write_module(tmp_path, "own_gap")
    assert "own_gap_metric" in load(["own_gap"])
    assert "own_gap_metric" in outcomes()
    assert METRICS["own_gap_metric"].values(HAND) == [(None, 0.25)]
    load(["own_gap"])  # a second time changes nothing


@pytest.mark.parametrize("body", ["import nowhere", "1/0", "def f(:", "raise SystemError"])
def test_a_module_that_does_not_import_is_named(tmp_path, body):
    (tmp_path / "broken_module.py").write_text(body, encoding="utf-8")
    with pytest.raises(UserError, match="extension broken_module does not import"):
        load(["broken_module"])


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"extension no\.such\.module does not import: ModuleNotFoundError"):
        load(["no.such.module"])


def test_a_name_that_is_taken_is_refused(tmp_path):
    (tmp_path / "taken_names.py").write_text(
        "from stability_gap.analysis.metrics.registry import metric\n\n\n"
        '@metric(label="x", unit="gap", per="stream", diverged=1.0)\ndef avg_acc(curve):\n    return 0.0\n',
        encoding="utf-8",
    )
    with pytest.raises(
        UserError, match=r"taken_names: metric avg_acc is registered twice, by stability_gap.*accuracy and taken_names"
    ):
        load(["taken_names"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"per": "task"}, "per is 'task'; it must be one of stream, switch, context"),
        ({"better": "more"}, "better is 'more'; it must be one of higher, lower"),
        ({"source": "loss"}, "source is 'loss'; it must be one of accuracy, gain"),
        ({"diverged": "worst"}, "diverged is 'worst'; it must be a number, 'chance' or None"),
        ({"diverged": float("inf")}, "diverged is inf"),
    ],
)
def test_arguments_are_checked(wrong, message):
    with pytest.raises(UserError, match=message):
        metric(**{"label": "x", "unit": "gap", "per": "stream", "diverged": 1.0} | wrong)(lambda curve: 0.0)


def test_variants_are_metrics_of_their_own():
    @metric(label="top-{}", unit="accuracy", per="switch", diverged="chance", variants=(1, 2))
    def top(curve, scale):
        """Give the scale at every switch."""
        return np.full(curve.tasks - 1, scale)

    assert METRICS["top_1"].label == "top-1"
    assert METRICS["top_2"].values(HAND) == [(2, 2.0), (3, 2.0)]
    assert METRICS["top_2"].function.__doc__ == top.__doc__


@pytest.mark.parametrize(
    ("per", "body", "message"),
    [
        ("stream", "return [1.0, 2.0]", r"gives shape \(2,\); one per stream is \(\) here"),
        ("switch", "return 1.0", r"gives shape \(\); one per switch is \(2,\) here"),
        ("context", "return [1.0, 2.0]", r"gives shape \(2,\); one per context is \(3,\) here"),
        ("stream", "return 1 / 0", "fails: ZeroDivisionError"),
        ("stream", "return 'text'", "fails: ValueError"),
        ("stream", "return None + 1", "fails: TypeError"),
    ],
)
def test_a_metric_that_fails_or_gives_another_shape_is_named(tmp_path, per, body, message):
    name = "odd_shapes"
    write_module(tmp_path, name, body, f'label="x", unit="gap", per="{per}", diverged=1.0')
    load([name])
    with pytest.raises(UserError, match=rf"metric {name}_metric of {name} {message}"):
        METRICS[f"{name}_metric"].values(HAND)


def test_a_table_holds_metrics_of_one_kind():
    assert list(of_one_kind(["wc_acc", "avg_acc"], METRICS, "c")) == ["wc_acc", "avg_acc"]
    assert of_one_kind([], METRICS, "c") == {}
    with pytest.raises(UserError) as unknown:
        of_one_kind(["avg_acc", "avg_ac"], METRICS, "c: tables.mine.metrics")
    assert str(unknown.value) == "c: tables.mine.metrics: no metric 'avg_ac'. Did you mean 'avg_acc'?"
    with pytest.raises(UserError) as mixed:
        of_one_kind(["avg_acc", "sg_first"], METRICS, "c: tables.mine.metrics")
    assert str(mixed.value) == (
        "c: tables.mine.metrics: avg_acc is per stream, sg_first is per switch; "
        "a table holds metrics of one kind, so make two tables."
    )
