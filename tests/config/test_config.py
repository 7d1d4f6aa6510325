"""config.yaml: `like`, cells, seeds, and the one message that every bad value gets."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stability_gap import config
from stability_gap.errors import UserError

ROOT = Path(__file__).parents[2]

TEXT = """
suite: quick
datasets:
  digits: {source: sklearn_digits}
benchmarks:
  split:
    dataset: digits
    stream: {kind: split, classes_per_task: 2}
    iterations: 20
    batch_size: 8
    model: {kind: mlp, hidden: 16}
    gain_eta: 0.4
    evaluation: {every: 2}
    seeds_per_job: 2
  rotated: {like: split, dataset: digits, stream: {kind: rotated, angles: [0, 90]}, gain_eta: 0.5}
  rotated_small: {like: rotated, iterations: 4}
optimizers:
  sgd: {method: sgd, learning_rate: 0.1}
  adam: {method: adam, learning_rate: 0.01}
  ngm_sgd: {like: sgd, gain: {gamma: 0.8}}
  ngm_fixed: {like: ngm_sgd, gain: {eta: 0.0}}
suites:
  quick: {benchmarks: [split, rotated], optimizers: [sgd, adam], seeds: [3, 1, 2]}
  again: {like: quick, seeds: [7]}
"""


@pytest.fixture
def load(tmp_path):
    """load(old, new): the Config of TEXT with `old` replaced by `new`."""

    def replaced(old: str = "", new: str = "") -> config.Config:
        assert old in TEXT
        file = tmp_path / "config.yaml"
        file.write_text(TEXT.replace(old, new, 1) if old else TEXT)
        return config.load(file)

    return replaced


@pytest.fixture
def message(load, tmp_path):
    """message(old, new): the message of a bad replacement, without the name of the file."""

    def of(old: str, new: str) -> str:
        with pytest.raises(UserError) as error:
            load(old, new)
        lines = str(error.value).splitlines()
        assert all(line.startswith(f"{tmp_path}/config.yaml: ") for line in lines)
        return "\n".join(line.removeprefix(f"{tmp_path}/config.yaml: ") for line in lines)

    return of


def cells(loaded: config.Config) -> dict[tuple[str, str], str]:
    return {(b, o): loaded.cell(b, o).model_dump_json() for b in loaded.benchmarks for o in loaded.optimizers}


# --- like -----------------------------------------------------------------------------------------------------------


def test_like_copies_a_block_and_replaces_keys_through_a_chain(load):
    loaded = load()
    split, small = loaded.benchmarks["split"], loaded.benchmarks["rotated_small"]
    assert small.batch_size == split.batch_size == 8  # from the grandparent
    assert small.stream == loaded.benchmarks["rotated"].stream != split.stream  # from the parent
    assert (small.iterations, split.iterations) == (4, 20)  # its own
    assert loaded.suites["again"].benchmarks == loaded.suites["quick"].benchmarks
    assert loaded.suites["again"].seeds == [7]


def test_like_replaces_a_nested_block_as_a_whole(load):
    assert load().optimizers["ngm_fixed"].gain.gamma == 0.9  # the default, not ngm_sgd's 0.8


def test_like_may_stand_before_the_block_it_copies(load):
    assert load("  sgd: {", "  first: {like: sgd}\n  sgd: {").optimizers["first"].learning_rate == 0.1


# --- cells ----------------------------------------------------------------------------------------------------------


def test_gain_eta_reaches_only_gains_without_an_eta_of_their_own(load):
    loaded = load()
    assert loaded.cell("split", "ngm_sgd").optimizer_settings.gain.eta == 0.4
    assert loaded.cell("rotated", "ngm_sgd").optimizer_settings.gain.eta == 0.5
    assert loaded.cell("rotated", "ngm_fixed").optimizer_settings.gain.eta == 0.0
    assert loaded.cell("rotated", "sgd").optimizer_settings.gain is None
    assert loaded.cell("rotated", "adam").optimizer_settings.gain is None


def test_a_cell_holds_what_its_training_depends_on(load):
    cell = load().cell("rotated_small", "ngm_sgd").model_dump()
    assert cell == {
        "benchmark": "rotated_small",
        "optimizer": "ngm_sgd",
        "iterations": 4,
        "batch_size": 8,
        "model": {"kind": "mlp", "hidden": 16},
        "optimizer_settings": {
            "method": "sgd",
            "learning_rate": 0.1,
            "momentum": 0.0,
            "backbone_momentum": None,
            "gain": {"g0": 1.0, "gamma": 0.8, "eta": 0.5, "layers": None, "mean_of": None},
            "average": None,
            "neuronal_decay": 0.0,
            "proximal": None,
            "reset_at_switch": False,
            "ramp": 0,
        },
        "sampling": {"kind": "joint", "blur": 0},
        "class_order": "natural",
        "augmentation": None,
        "augment_test": False,
        "precision": "fp32",
        "evaluation": {"every": 2, "dense": 0, "middle": 0, "tasks": "seen", "arithmetic": "fp32", "images_per_task": None},
    }


@pytest.mark.parametrize(
    ("old", "new", "benchmarks", "optimizers"),
    [
        ("method: adam, learning_rate: 0.01", "method: adam, learning_rate: 0.02", None, {"adam"}),
        ("gain: {eta: 0.0}", "gain: {eta: 0.1}", None, {"ngm_fixed"}),
        ("{gamma: 0.8}", "{gamma: 0.8, eta: 0.1}", None, {"ngm_sgd"}),
        ("method: sgd, learning_rate: 0.1", "method: sgd, learning_rate: 0.2", None, {"sgd", "ngm_sgd", "ngm_fixed"}),
        ("iterations: 4", "iterations: 8", {"rotated_small"}, None),
        ("iterations: 20", "iterations: 40", {"split", "rotated"}, None),
        ("gain_eta: 0.5", "gain_eta: 0.6", {"rotated", "rotated_small"}, {"ngm_sgd"}),
        ("seeds_per_job: 2", "seeds_per_job: 1", set(), set()),
        ("seeds: [7]", "seeds: [8]", set(), set()),
        ("suite: quick", "suite: again\ndevice: cpu\nthreads: 2\nresults: elsewhere", set(), set()),
    ],
)
def test_a_change_reaches_the_cells_that_depend_on_it_and_no_other(load, old, new, benchmarks, optimizers):
    before, after = cells(load()), cells(load(old, new))
    changed = {cell for cell in before if before[cell] != after[cell]}
    assert changed == {
        (b, o) for b, o in before if (benchmarks is None or b in benchmarks) and (optimizers is None or o in optimizers)
    }


# --- seeds ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 1000), min_size=1, unique=True))
def test_the_name_of_a_block_tells_its_seeds(seeds):
    assert config.parse_seeds(config.format_seeds(seeds)) == seeds


@given(st.integers(0, 2**31 - 51), st.integers(2, 50))
def test_consecutive_seeds_are_named_as_a_range(first, count):
    seeds = list(range(first, first + count))
    assert config.format_seeds(seeds) == f"{first}-{first + count - 1}"
    assert config.parse_seeds(config.format_seeds(seeds)) == seeds


@pytest.mark.parametrize("text", ["", "a", "42-", "-1", "1_-2", "1-2-3", "4.5", "_"])
def test_text_that_names_no_seeds_is_refused(text):
    with pytest.raises(UserError, match="neither a range such as 42-51 nor a list such as 42_45_47"):
        config.parse_seeds(text)


def test_a_range_that_runs_backwards_is_refused():
    with pytest.raises(UserError, match="'44-42' must hold 1 to 10000 different seeds"):
        config.parse_seeds("44-42")


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # unknown keys
        (
            "learning_rate: 0.01",
            "learning_rte: 0.01, learning_rate: 0.01",
            "optimizers.adam.learning_rte: unknown key. Did you mean 'learning_rate'?",
        ),
        ("suite: quick", "suite: quick\ntreads: 2", "treads: unknown key. Did you mean 'threads'?"),
        ("hidden: 16", "hidden: 16, hiden: 3", "benchmarks.split.model.hiden: unknown key. Did you mean 'hidden'?"),
        ("{every: 2}", "{evry: 2}", "benchmarks.split.evaluation.evry: unknown key. Did you mean 'every'?"),
        (
            "angles: [0, 90]",
            "angles: [0, 90], angels: [1]",
            "benchmarks.rotated.stream.angels: unknown key. Did you mean 'angles'?",
        ),
        # missing keys
        (", learning_rate: 0.01", "", "optimizers.adam.learning_rate: missing; add this key."),
        (", classes_per_task: 2", "", "benchmarks.split.stream.classes_per_task: missing; add this key."),
        ("datasets:\n  digits: {source: sklearn_digits}\n", "", "datasets: missing; add this key."),
        # wrong types
        ("iterations: 4", "iterations: many", "benchmarks.rotated_small.iterations: should be a valid integer (is 'many')."),
        ("iterations: 4", "iterations: 4.5", "benchmarks.rotated_small.iterations: should be a valid integer (is 4.5)."),
        ("iterations: 4", "iterations: yes", "benchmarks.rotated_small.iterations: should be a valid integer (is True)."),
        ("gain_eta: 0.5", "gain_eta: [0.5]", "benchmarks.rotated.gain_eta: should be a valid number (is [0.5])."),
        ("gain_eta: 0.5", "gain_eta: .nan", "benchmarks.rotated.gain_eta: should be a finite number (is nan)."),
        ("seeds: [7]", "seeds: 7", "suites.again.seeds: should be a valid list (is 7)."),
        ("seeds: [7]", "seeds: [7.5]", "suites.again.seeds.0: should be a valid integer (is 7.5)."),
        ("suite: quick", "suite: quick\ndevice: gpu", "device: should be 'auto', 'cpu' or 'cuda' (is 'gpu')."),
        # numbers that YAML 1.1 reads as text
        (
            "learning_rate: 0.01",
            "learning_rate: 1e-3",
            "optimizers.adam.learning_rate: '1e-3' is text to YAML 1.1, not a number; write 0.001 or 1.0e-3 with a point.",
        ),
        (
            "iterations: 4",
            "iterations: 1e3",
            "benchmarks.rotated_small.iterations: '1e3' is text to YAML 1.1, not a number; write 1000 or 1.0e-3 with a point.",
        ),
        # sizes
        ("iterations: 4", "iterations: 0", "benchmarks.rotated_small.iterations: should be greater than 0 (is 0)."),
        ("iterations: 4", "batch_size: -8", "benchmarks.rotated_small.batch_size: should be greater than 0 (is -8)."),
        ("iterations: 4", "seeds_per_job: 0", "benchmarks.rotated_small.seeds_per_job: should be greater than 0 (is 0)."),
        (
            "iterations: 4",
            "model: {kind: mlp, hidden: 0}",
            "benchmarks.rotated_small.model.hidden: should be greater than 0 (is 0).",
        ),
        (
            "iterations: 4",
            "evaluation: {every: 0}",
            "benchmarks.rotated_small.evaluation.every: should be greater than 0 (is 0).",
        ),
        ("learning_rate: 0.01", "learning_rate: 0", "optimizers.adam.learning_rate: should be greater than 0 (is 0)."),
        ("gain_eta: 0.5", "gain_eta: -0.5", "benchmarks.rotated.gain_eta: should be greater than or equal to 0 (is -0.5)."),
        ("gain: {eta: 0.0}", "gain: {gamma: 1.0}", "optimizers.ngm_fixed.gain.gamma: should be less than 1 (is 1.0)."),
        ("suite: quick", "suite: quick\nthreads: 0", "threads: should be greater than 0 (is 0)."),
        ("suite: quick", "suite: quick\nanalysis: {alpha: 5}", "analysis.alpha: should be less than 1 (is 5)."),
        # names
        (
            "seeds: [7]",
            "benchmarks: [split, rotatd], seeds: [7]",
            "suites.again.benchmarks: no 'rotatd' under benchmarks. Did you mean 'rotated'?",
        ),
        (
            "seeds: [7]",
            "optimizers: [sgd, addam], seeds: [7]",
            "suites.again.optimizers: no 'addam' under optimizers. Did you mean 'adam'?",
        ),
        ("suite: quick", "suite: qick", "suite: no 'qick' under suites. Did you mean 'quick'?"),
        ("suite: quick", "suite: paper", "suite: no 'paper' under suites. Known: again, quick."),
        (
            "iterations: 4",
            "dataset: digit",
            "benchmarks.rotated_small.dataset: no 'digit' under datasets. Did you mean 'digits'?",
        ),
        (
            "  sgd: {",
            "  s-gd: {method: adam, learning_rate: 0.1}\n  sgd: {",
            "optimizers.s-gd: an id holds letters, digits and underscores only.",
        ),
        # seeds
        ("seeds: [7]", "seeds: [7, 8, 7]", "suites.again.seeds: [7] repeated; every seed once, n counts runs."),
        ("seeds: [7]", "seeds: [7, -8]", "suites.again.seeds.1: should be greater than or equal to 0 (is -8)."),
        ("seeds: [7]", "seeds: [2147483648]", "suites.again.seeds.0: should be less than 2147483648 (is 2147483648)."),
        # like
        ("like: rotated,", "like: rotatd,", "benchmarks.rotated_small.like: no block 'rotatd'. Did you mean 'rotated'?"),
        ("  sgd: {", "  sgd: {like: ngm_fixed, ", "optimizers.ngm_sgd.like: sgd -> ngm_fixed -> ngm_sgd -> sgd is a circle."),
        ("like: quick", "like: again", "suites.again.like: again -> again is a circle."),
        # whole blocks
        (
            "datasets:\n  digits: {source: sklearn_digits}",
            "datasets: digits",
            "datasets: should be a valid dictionary (is 'digits').",
        ),
    ],
)
def test_bad_input_gets_one_line_that_names_the_key_and_the_fix(message, old, new, expected):
    assert message(old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seeds: [7]", "seeds: []", "suites.again.seeds: List should have at least 1 item"),
        ("[sgd, adam], seeds", "[sgd, sgd], seeds", "suites.quick.optimizers: an id stands there twice; every id once."),
        ("method: adam", "method: adm", "optimizers.adam.method: no 'adm'. Did you mean 'adam'?"),
        (
            "kind: rotated",
            "kind: turned",
            "benchmarks.rotated.stream.kind: no 'turned'. Known: cumulative_superclasses, homogeneous, permuted, rotated, split, "
            "superclass.",
        ),
        (
            "kind: rotated, angles: [0, 90]}",
            "kind: rotated, angles: [0, 90]}, class_order: by_seed",
            "benchmarks.rotated: class_order: by_seed needs tasks of new classes, not a rotated stream; write natural",
        ),
        ("kind: mlp", "kind: cnn", "benchmarks.split.model.kind: no 'cnn'. Known: mlp, slim_resnet18."),
        ("iterations: 4", "model: 5", "benchmarks.rotated_small.model: should be a valid dictionary"),
        ("method: adam", "method: import, target: torch.optim.RMSprop", "optimizers.adam.target: String should match pattern"),
    ],
)
def test_other_bad_input_is_named_as_well(message, old, new, words):
    assert message(old, new).startswith(words)


def test_a_problem_that_like_copied_is_told_once_where_it_stands(message):
    assert message("batch_size: 8", "batch_size: 0") == "benchmarks.split.batch_size: should be greater than 0 (is 0)."
    assert message("method: sgd, ", "method: sgd, momentum: 2.0, ") == (
        "optimizers.sgd.momentum: should be less than 1 (is 2.0)."
    )


def test_different_problems_are_told_together(message):
    told = message("iterations: 20\n    batch_size: 8", "iterations: 0\n    batch_size: none").splitlines()
    assert told == [
        "benchmarks.split.iterations: should be greater than 0 (is 0).",
        "benchmarks.split.batch_size: should be a valid integer (is 'none').",
    ]


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "just text\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    (tmp_path / "c.yaml").write_text(content)
    with pytest.raises(UserError, match=r"c\.yaml: must be a mapping of keys to values"):
        config.load(tmp_path / "c.yaml")


def test_invalid_yaml_is_refused_with_the_place(tmp_path):
    (tmp_path / "c.yaml").write_text("suite: digits\nbenchmarks: [1\n")
    with pytest.raises(UserError, match=r"(?s)c\.yaml is not valid YAML: .*line 2"):
        config.load(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "first"),
    [
        ("suites:\n", "suite: again\nsuites:\n", 22, "suite", 2),
        ("suites:\n", "datasets: {}\nsuites:\n", 22, "datasets", 3),
        ("    batch_size: 8\n", "    batch_size: 8\n    batch_size: 16\n", 11, "batch_size", 10),
        ("seeds: [7]", "seeds: [7], seeds: [8]", 24, "seeds", 24),
        ("  adam: {", "  'sgd': {method: sgd, learning_rate: 0.2}\n  adam: {", 19, "sgd", 18),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_both_lines(message, old, new, line, key, first):
    assert message(old, new) == f"line {line}: {key}: already given in line {first}; keep one of the two."


def test_anchors_and_merges_repeat_no_key(load):
    """A merged mapping gives keys anew, which is what merging is for."""
    assert load("{method: sgd, learning_rate: 0.1}", "&base {method: sgd, learning_rate: 0.1}").optimizers["sgd"]
    merged = load(
        "  adam: {",
        "  base: &base {method: sgd, learning_rate: 0.1}\n"
        "  faster: &faster {<<: *base, learning_rate: 0.2}\n"
        "  fastest: {<<: *faster, learning_rate: 0.3}\n"
        "  adam: {",
    )
    assert [merged.optimizers[name].learning_rate for name in ("base", "faster", "fastest")] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("extra", [[], ["--configfile", "more.yaml"]])
def test_snakemake_refuses_a_key_that_stands_twice(tmp_path, extra):
    twice = "more.yaml" if extra else "config.yaml"
    shutil.copy(ROOT / "config.yaml", tmp_path)
    with (tmp_path / twice).open("a") as file:
        file.write("mine: 1\nmine: 2\n")
    line = len((tmp_path / twice).read_text().splitlines())
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--dry-run"]
    refused = subprocess.run([*snakemake, *extra], cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode != 0
    assert f"{twice}: line {line}: mine: already given in line {line - 1}; keep one" in refused.stdout + refused.stderr


def test_a_missing_file_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml does not exist; .* --config"):
        config.load(tmp_path / "none.yaml")


# --- the configuration of the repository (PROTOCOL §3, §4) -----------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> config.Config:
    return config.load(ROOT / "config.yaml")


SPLIT = {"kind": "split", "classes_per_task": 2}
ROTATED = {"kind": "rotated", "angles": [0.0, 80.0, 160.0], "interpolation": "nearest"}
PERMUTED = {"kind": "permuted", "permutations": 2, "permutation_seed": 42}


@pytest.mark.parametrize(
    ("benchmark", "dataset", "stream", "iterations", "batch", "eta"),
    [
        ("split_digits", "digits", SPLIT, 200, 128, 0.4),
        ("rotated_digits", "digits", ROTATED, 200, 128, 0.5),
        ("split_mnist", "mnist", SPLIT, 200, 128, 0.4),
        ("rotated_mnist", "mnist", ROTATED, 400, 128, 0.5),
        ("permuted_mnist", "mnist", PERMUTED, 200, 128, 0.3),
    ],
)
def test_shipped_benchmarks_have_the_numbers_of_the_protocol(shipped, benchmark, dataset, stream, iterations, batch, eta):
    chosen = shipped.benchmarks[benchmark]
    assert (chosen.dataset, chosen.stream.model_dump()) == (dataset, stream)
    assert (chosen.iterations, chosen.batch_size, chosen.gain_eta) == (iterations, batch, eta)
    assert chosen.model.model_dump() == {"kind": "mlp", "hidden": 400}
    assert (chosen.evaluation.every, chosen.evaluation.tasks) == (1, "seen")


SUPERCLASS = {"kind": "superclass", "tasks": 3}
CUMULATIVE = {"kind": "cumulative_superclasses", "superclasses": ["aquatic_mammals", "fish", "flowers"], "classes": 100}
TEN_CLASSES = {"kind": "split", "classes_per_task": 10}


@pytest.mark.parametrize(
    ("benchmark", "dataset", "stream", "iterations", "eta"),
    [
        ("split_cifar10", "cifar10", SPLIT, 400, 0.2),
        ("domain_cifar100", "cifar100", SUPERCLASS, 400, 0.1),
        ("domain_cifar100_v1", "cifar100", CUMULATIVE, 400, 0.2),
        ("split_mini_imagenet", "mini_imagenet", TEN_CLASSES, 800, 0.1),
    ],
)
def test_shipped_cnn_benchmarks_have_the_numbers_of_the_protocol(shipped, benchmark, dataset, stream, iterations, eta):
    chosen = shipped.benchmarks[benchmark]
    assert (chosen.dataset, chosen.stream.model_dump()) == (dataset, stream)
    assert (chosen.iterations, chosen.batch_size, chosen.gain_eta) == (iterations, 256, eta)
    assert chosen.model.model_dump() == {"kind": "slim_resnet18", "filters": 20}
    assert chosen.augmentation.model_dump() == {"padding": 4, "flip": True}
    assert (chosen.augment_test, chosen.precision) == (False, "fp32")
    expected = {"every": 1, "dense": 0, "middle": 0, "tasks": "seen", "arithmetic": "fp32", "images_per_task": None}
    assert chosen.evaluation.model_dump() == expected


def test_every_cell_of_every_shipped_suite_resolves(shipped):
    for suite in shipped.suites.values():
        for benchmark in suite.benchmarks:
            for optimizer in suite.optimizers:
                training = shipped.cell(benchmark, optimizer).optimizer_settings
                own = shipped.optimizers[optimizer].gain
                eta = shipped.benchmarks[benchmark].gain_eta if own is None or own.eta is None else own.eta
                assert (training.gain is None) or training.gain.mean_of or training.gain.eta == eta


def test_the_suite_of_the_paper_has_its_benchmarks_optimizers_and_seeds(shipped):
    paper, open_data = shipped.suites["paper"], shipped.suites["paper_open"]
    mnist, cnn = ["split_mnist", "rotated_mnist", "permuted_mnist"], ["split_cifar10", "domain_cifar100", "domain_cifar100_v1"]
    assert paper.benchmarks == [*mnist, *cnn, "split_mini_imagenet"]
    assert open_data.benchmarks == [*mnist, *cnn]
    for suite in (paper, open_data):
        assert suite.optimizers == ["sgd", "msgd", "adam", "ngm_sgd"]
        assert suite.seeds == list(range(42, 52))


@pytest.mark.parametrize(
    ("optimizer", "method", "momentum", "gain"),
    [
        ("sgd", "sgd", 0.0, None),
        ("msgd", "sgd", 0.9, None),
        ("adam", "adam", None, None),
        ("ngm_sgd", "sgd", 0.0, {"g0": 1.0, "gamma": 0.9, "eta": None, "layers": None, "mean_of": None}),
    ],
)
def test_shipped_optimizers_have_the_numbers_of_the_protocol(shipped, optimizer, method, momentum, gain):
    chosen = shipped.optimizers[optimizer]
    assert (chosen.method, chosen.learning_rate, getattr(chosen, "momentum", None)) == (method, 0.01, momentum)
    assert (chosen.gain and chosen.gain.model_dump()) == gain


@pytest.mark.parametrize(
    ("suite", "benchmarks"),
    [
        ("digits", ["split_digits", "rotated_digits"]),
        ("mnist", ["split_mnist", "rotated_mnist", "permuted_mnist"]),
        ("smoke", ["split_digits_smoke", "rotated_digits_smoke"]),
    ],
)
def test_shipped_suites_compare_the_four_optimizers(shipped, suite, benchmarks):
    assert shipped.suites[suite].benchmarks == benchmarks
    assert shipped.suites[suite].optimizers == ["sgd", "msgd", "adam", "ngm_sgd"]


def test_shipped_suites_have_enough_seeds_and_those_of_the_paper(shipped):
    assert shipped.suite == "digits"
    for suite in ("digits", "mnist"):
        assert shipped.suites[suite].seeds == list(range(42, 52))


def test_the_smoke_benchmarks_differ_from_the_real_ones_in_size_only(shipped):
    for name in ("split_digits", "rotated_digits"):
        real, smoke = shipped.benchmarks[name].model_dump(), shipped.benchmarks[f"{name}_smoke"].model_dump()
        sizes = {"iterations", "batch_size", "model", "seeds_per_job"}
        assert {key for key in real if real[key] != smoke[key]} == sizes


def test_cifar_is_normalised_as_published(shipped):
    for name in ("cifar10", "cifar100"):
        assert shipped.datasets[name].mean == [0.4914, 0.4822, 0.4465]
        assert shipped.datasets[name].std == [0.2470, 0.2435, 0.2616]


@pytest.mark.parametrize(("optimizer", "layers", "momentum"), [("ngm_sgd", None, 0.9), ("ngm_all_layers", "all", 0.0)])
def test_shipped_gain_leaves_the_backbone_of_a_cnn_the_momentum_of_the_published_code(shipped, optimizer, layers, momentum):
    chosen = shipped.cell("split_cifar10", optimizer).optimizer_settings
    assert (chosen.momentum, chosen.backbone_momentum, chosen.gain.layers, chosen.gain.eta) == (0.0, momentum, layers, 0.2)


def test_mnist_is_normalised_as_published(shipped):
    assert (shipped.datasets["mnist"].mean, shipped.datasets["mnist"].std) == ([0.1307], [0.3081])


def test_the_terms_of_the_statistics_are_those_of_the_protocol(shipped):
    assert (shipped.analysis.resamples, shipped.analysis.accuracy_margin, shipped.analysis.alpha) == (10_000, 0.02, 0.05)
