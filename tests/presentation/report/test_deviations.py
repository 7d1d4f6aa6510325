import pytest

from stability_gap.presentation.report.deviations import deviations

PLAIN = {"every": 1, "tasks": "first", "arithmetic": "fp32", "images_per_task": None}


def config(seeds: int = 5, second: bool = False, **evaluation: object) -> dict:
    benchmarks = {"split_digits": {"precision": "fp32", "augment_test": False, "evaluation": {**PLAIN, **evaluation}}}
    if second:
        benchmarks["other"] = {**benchmarks["split_digits"], "evaluation": PLAIN}
    return {"seeds": list(range(seeds)), "benchmarks": benchmarks}


def test_as_the_paper_but_for_the_pairing(looks):
    assert len(deviations(config(), [], ["split_digits"], looks)) == 1


@pytest.mark.parametrize(
    ("evaluation", "words"),
    [
        ({"tasks": "seen"}, "Every task seen so far"),
        ({"every": 2}, "after every 2 updates, not after each; a gap between two of them is missed"),
        (
            {"every": 10, "dense": 60},
            "each of the first 60 updates of a context, then after every 10: placebo and net gaps are undefined",
        ),
        (
            {"every": 20, "dense": 40, "middle": 40},
            "the first 40 updates of a context and of the first 40 after its middle, elsewhere",
        ),
        ({"every": 10, "dense": 60, "middle": 19}, "placebo and net gaps are undefined"),
        ({"images_per_task": 100}, "fixed choice"),
        ({"arithmetic": "bf16_screened"}, "bfloat16"),
    ],
)
def test_each_setting_is_told_with_its_benchmark(looks, evaluation, words):
    (told,) = deviations(config(**evaluation), [], ["split_digits"], looks)[1:]
    assert words in told
    (of_one,) = deviations(config(second=True, **evaluation), [], ["split_digits", "other"], looks)[1:]
    assert "(Split digits)" in of_one


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"sampling": {"kind": "joint", "blur": 5}}, "do not come from the union"),
        ({"sampling": {"kind": "still"}}, "do not come from the union"),
        ({"class_order": "by_seed"}, "its own order of the classes"),
        ({"dataset": "digits_holdout"}, "a part of the training images"),
    ],
)
def test_a_stream_that_is_not_the_papers_is_told_with_its_benchmark(looks, own, words):
    suite = config(second=True)
    suite["datasets"] = {"digits": {"holdout": None}, "digits_holdout": {"holdout": {"fraction": 0.1, "seed": 0}}}
    plain = {"sampling": {"kind": "joint", "blur": 0}, "class_order": "natural", "dataset": "digits"}
    for block in suite["benchmarks"].values():
        block |= plain
    assert len(deviations(suite, [], ["split_digits", "other"], looks)) == 1
    suite["benchmarks"]["split_digits"] |= own
    (told,) = deviations(suite, [], ["split_digits", "other"], looks)[1:]
    assert words in told
    assert "(Split digits)" in told


def test_what_the_cnns_of_the_authors_have_otherwise(looks):
    suite = config(second=True)
    suite["optimizers"] = {
        "ngm_sgd": {"momentum": 0.0, "backbone_momentum": 0.9, "gain": {"eta": 0.2}},
        "msgd_plain_head": {"momentum": 0.0, "backbone_momentum": 0.9, "gain": None},  # ours, not the authors'
        "msgd": {"momentum": 0.9, "backbone_momentum": None},
        "adam": {},
    }
    assert len(deviations(suite, [], ["split_digits", "other"], looks)) == 1  # no layers below a head
    suite["benchmarks"]["split_digits"] |= {"model": {"kind": "slim_resnet18"}, "augmentation": {"padding": 4, "flip": True}}
    plain, momentum = deviations(suite, [], ["split_digits", "other"], looks)[1:]
    assert plain.startswith("Test images are not augmented")
    assert plain.endswith("(Split digits).")
    assert momentum.startswith("NGM-SGD: momentum below the head and none in it")
    assert momentum.endswith("(Split digits).")
    suite["benchmarks"]["split_digits"]["augment_test"] = True
    assert not any("not augmented" in each for each in deviations(suite, [], ["split_digits", "other"], looks))


def test_seeds_data_and_divergence(looks):
    run = {"benchmark": "split_digits", "optimizer": "adam", "official": False}
    run["seeds"] = {"7": {"status": "diverged", "diverged_at": 3}}
    told = deviations(config(10), [run], [], looks)
    assert told[0].startswith("10 seeds, the paper has 5;")
    assert "no numbers for Split digits" in told[1]
    assert "not the published files: Split digits" in told[2]
    assert "Adam on Split digits, seed 7, at update 3" in told[3]
