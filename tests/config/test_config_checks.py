"""References between blocks, ids, extensions and looks."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from matplotlib.lines import Line2D
from small_config import resolved

from stability_gap.config import checks
from stability_gap.errors import UserError

ROOT = Path(__file__).parents[2]


def told(**sections) -> str:
    with pytest.raises(UserError) as error:
        resolved(**sections)
    return str(error.value)


def test_the_configuration_is_fine_as_it_stands():
    assert resolved().chosen_suite.reference == "ngm_sgd"  # the default may be absent
    assert resolved(suites={"quick": {"reference": "adam"}}).chosen_suite.reference == "adam"


def test_pairs_with_a_reference_need_it():
    assert "suites.quick.reference: pairs are those with ngm_sgd, which is none of the suite's optimizers; add it." in told(
        suites={"quick": {"pairs": "reference"}}
    )
    assert resolved(suites={"quick": {"pairs": "reference", "reference": "adam"}})
    unknown = told(suites={"quick": {"pairs": "reference", "reference": "adan"}})
    assert unknown == "c: suites.quick.reference: no 'adan' under optimizers. Did you mean 'adam'?"


@pytest.mark.parametrize("change", [{"neuronal_decay": 0.1}, {"proximal": {"omega": 1.0}}])
def test_what_is_defined_for_an_mlp_meets_no_other_model(change):
    assert resolved(optimizers={"sgd": change})
    assert told(optimizers={"sgd": change}, benchmarks={"other": {"model": {"kind": "slim_resnet18"}}}) == (
        "c: suites.quick.optimizers: sgd is defined for an mlp, and other has another model; leave one out."
    )


def test_the_home_folder_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert resolved(data_root="~/data").data_root == "/home/me/data"


def test_a_benchmark_stands_for_one_that_is_trained_alike():
    other = {"stands_for": "split", "evaluation": {"every": 5}, "label": "few", "seeds_per_job": 1}
    assert resolved(benchmarks={"other": other}).benchmarks["other"].stands_for == "split"
    assert told(benchmarks={"other": other | {"batch_size": 9, "gain_eta": 0.1}}).splitlines() == [
        "c: benchmarks.other.stands_for: split has another batch_size; let it be like split.",
        "c: benchmarks.other.stands_for: split has another gain_eta; let it be like split.",
    ]
    assert told(benchmarks={"other": {"stands_for": "splitt"}}) == (
        "c: benchmarks.other.stands_for: no 'splitt' under benchmarks. Did you mean 'split'?"
    )


@pytest.mark.parametrize("name", checks.SHARED_FOLDERS)
def test_a_suite_may_not_be_named_as_a_folder_that_suites_share(name):
    suite = {"benchmarks": ["split"], "optimizers": ["sgd"], "seeds": [1]}
    assert told(suites={name: suite}) == f"c: suites.{name}: results/{name} holds what all suites share; choose another id."


def test_the_folders_that_suites_share_are_those_the_rules_write():
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    for name in checks.SHARED_FOLDERS:
        assert f"{{RESULTS}}/{name}/" in rules, name


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (
            {"suites": {"quick": {"reference": "adm"}}},
            "c: suites.quick.reference: no 'adm' under optimizers. Did you mean 'adam'?",
        ),
        (
            {"optimizers": {"adam": {"label": "sgd"}}},
            "c: suites.quick.optimizers: two are shown as 'sgd'; give each a label of its own.",
        ),
        (
            {"benchmarks": {"split": {"label": "A"}, "other": {"label": "A"}}},
            "c: suites.quick.benchmarks: two are shown as 'A'; give each a label of its own.",
        ),
        (
            {"tables": {"t/1": {"title": "T", "metrics": ["avg_acc"]}}},
            "c: tables.t/1: an id holds letters, digits and underscores only.",
        ),
        (
            {"tables": {"t": {"title": "T", "metrics": ["avg_acc", "wc_acc", "avg_acc"]}}},
            "c: tables.t.metrics: avg_acc stands there twice; every metric once.",
        ),
        (
            {"tables": {"paper_comparison": {"title": "T", "metrics": ["avg_acc"]}}},
            "c: tables.paper_comparison: every suite has this table already; choose another id.",
        ),
        (
            {"extensions": {"metrics": ["my-metrics"]}},
            "c: extensions.metrics: 'my-metrics' is no import path; write it with points and without .py, such as my_metrics",
        ),
        (
            {"extensions": {"figures": ["figures.class"]}},
            "c: extensions.figures: 'figures.class' is no import path; write it with points and without .py, such as my_metrics",
        ),
        (
            {"extensions": {"watchers": ["my_watchers.Recorder"]}},
            "c: extensions.watchers: 'my_watchers.Recorder' is no class; write module:Class, such as my_watchers:WeightRecorder",
        ),
        (
            {"benchmarks": {"b" * 101: {"like": "split"}}},
            f"c: benchmarks.{'b' * 101}: an id has at most 100 letters, as it names files.",
        ),
    ],
)
def test_bad_names_and_references_are_told(sections, expected):
    assert told(**sections) == expected


@pytest.mark.parametrize(
    ("look", "words"),
    [
        ({"marker": "oo"}, "marker: String should match"),
        ({"colour": "red"}, "colour: String should match"),
        ({"label": ""}, "label: "),
    ],
)
def test_a_bad_look_is_refused(look, words):
    assert told(optimizers={"sgd": look}).startswith(f"c: optimizers.sgd.{words}")


def test_every_marker_of_matplotlib_is_allowed():
    names = [name for name in Line2D.markers if isinstance(name, str) and name.strip() and name.lower() != "none"]
    assert len(names) > 20
    for name in [*names, "$α$"]:
        assert resolved(optimizers={"sgd": {"marker": name}}).optimizers["sgd"].marker == name


# --- a learning rate read from another optimizer's run ---------------------------------------------------------------


def donors_told(**donors: str | None) -> dict[str, str]:
    """What is told of optimizers that read one another's runs: each optimizer's problem."""
    problems: dict[str, str] = {}
    optimizers = {name: SimpleNamespace(donor=donor) for name, donor in donors.items()}
    checks._check_donors(SimpleNamespace(optimizers=optimizers), lambda section, name, problem: problems.update({name: problem}))
    return problems


def test_donors_that_are_there_are_fine():
    assert donors_told(a=None, b="a", c="b") == {}


def test_an_unknown_donor_is_named():
    assert donors_told(adam=None, b="adm") == {
        "b": ": reads the run of another optimizer, but there is no 'adm' under optimizers. Did you mean 'adam'?"
    }


def test_donors_in_a_circle_are_named_and_those_that_lead_there_are_not():
    assert donors_told(a="b", b="a", c="a", d="d") == {
        "a": ": reads its own run: a -> b -> a is a circle.",
        "b": ": reads its own run: b -> a -> b is a circle.",
        "d": ": reads its own run: d -> d is a circle.",
    }


def test_a_configuration_with_a_donor_that_is_not_there_is_refused():
    follower = {"method": "sgd", "learning_rate": {"kind": "run", "optimizer": "adm"}}
    assert told(optimizers={"follower": follower}) == (
        "c: optimizers.follower: reads the run of another optimizer, but there is no 'adm' under optimizers. Did you mean 'adam'?"
    )


def test_what_is_published_holds_the_donors_of_a_suite():
    follower = {"method": "sgd", "learning_rate": {"kind": "run", "optimizer": "adam"}}
    science = resolved(optimizers={"follower": follower}, suites={"quick": {"optimizers": ["sgd", "follower"]}}).science()
    assert list(science["optimizers"]) == ["sgd", "follower", "adam"]


@pytest.mark.parametrize(
    ("section", "block", "key"),
    [
        ("benchmarks", {"split": {"iterations": 10**7}}, "benchmarks.split.iterations: should be less than or equal to 1000000"),
        ("benchmarks", {"split": {"batch_size": 10**9}}, "benchmarks.split.batch_size: should be less than or equal to 65536"),
        (
            "benchmarks",
            {"split": {"model": {"kind": "mlp", "hidden": 10**6}}},
            "split.model.hidden: should be less than or equal to",
        ),
        (
            "benchmarks",
            {"split": {"seeds_per_job": 10**6}},
            "benchmarks.split.seeds_per_job: should be less than or equal to 10000",
        ),
        ("threads", 10**9, "threads: should be less than or equal to 1024"),
    ],
)
def test_what_no_memory_holds_is_refused_before_anything_is_made(section, block, key):
    assert key in told(**{section: block})
