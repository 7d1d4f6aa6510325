"""The recipes of docs/recipes.md, their files and commands as they stand there, on tiny benchmarks."""

import re
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from real_workflow import REPOSITORY, Workflow, new_workflow

PAGE = (REPOSITORY / "docs" / "recipes.md").read_text(encoding="utf-8")
TINY = "{iterations: 12, batch_size: 16, model: {kind: mlp, hidden: 16}}"
BLURRED = "split_digits_blurred: {sampling: {kind: joint, blur: 5}}"  # like split_digits, whose contexts are shorter now

# What makes each recipe tiny: shorter benchmarks, and of its suite what shows the matter.
SMALLER = {
    "three_seeds": f"""
benchmarks: {{{BLURRED}, split_digits: {TINY}}}
suites: {{quick: {{benchmarks: [split_digits], optimizers: [msgd, ngm_sgd]}}}}
""",
    "rates": f"benchmarks: {{{BLURRED}, split_digits: {TINY}}}",
    "gains": f"""
benchmarks: {{{BLURRED}, split_digits: {TINY}, split_digits_long: {{iterations: 14}}}}
suites: {{gains: {{benchmarks: [split_digits_long], optimizers: [ngm_sgd, ngm_weak, adam, adam_gain]}}}}
""",
    "fashion": f"""
benchmarks: {{{BLURRED}, split_digits: {TINY}, split_mnist: {TINY}}}
suites: {{fashion: {{optimizers: [msgd, ngm_sgd], seeds: [42, 43]}}}}
""",
}


def block(name: str) -> str:
    """The fenced block of docs/recipes.md that is named `name`."""
    (code,) = re.findall(rf"^```\w+\n# docs/recipes.md: {re.escape(name)}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return code


def follow(flow: Workflow, recipe: str, suite: str, *, whole: bool = False) -> Path:
    """Run the page's own command for a recipe, to its verdicts and first table or as a whole, and give the suite's folder."""
    (flow.folder / f"{recipe}.yaml").write_text(block(f"{recipe}.yaml"), encoding="utf-8")
    (flow.folder / f"{recipe}_tiny.yaml").write_text(SMALLER[recipe], encoding="utf-8")
    (command,) = re.findall(rf"^    snakemake (--cores all --configfile {recipe}\.yaml)$", PAGE, flags=re.MULTILINE)
    targets = [] if whole else [f"results/{suite}/claims.csv", f"results/{suite}/tables/table1.md"]
    flow.make(*targets, *command.split(), f"{recipe}_tiny.yaml")
    return flow.folder / "results" / suite


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    return new_workflow(tmp_path_factory.mktemp("recipes") / "workflow")


def test_every_block_and_command_is_run_here():
    blocks = re.findall(r"^# docs/recipes.md: (.+)$", PAGE, flags=re.MULTILINE)
    assert blocks == [*(f"{name}.yaml" for name in ("three_seeds", "rates", "gains")), "make_fashion.py", "fashion.yaml"]
    commands = re.findall(r"^    ((?:snakemake|python) .+)$", PAGE, flags=re.MULTILINE)
    assert len(commands) == len(SMALLER) + 1


def test_three_seeds_then_a_fourth_trains_the_fourth_alone(project):
    made = follow(project, "three_seeds", "quick")
    assert "n = 3 seeds" in (made / "tables" / "table1.md").read_text(encoding="utf-8")
    verdicts = pd.read_csv(made / "claims.csv")["verdict"]
    assert set(verdicts) <= {"inconclusive", "not tested here", "reproduced", "not reproduced"}
    assert "not tested here" in set(verdicts)  # SGD and Adam are left out here
    longer = block("three_seeds.yaml").replace("[42, 43, 44]", "[42, 43, 44, 45]")
    (project.folder / "four_seeds.yaml").write_text(longer, encoding="utf-8")
    jobs = project.plan("results/quick/claims.csv", "--configfile", "four_seeds.yaml", "three_seeds_tiny.yaml")
    assert sorted((job["optimizer"], job["seeds"]) for job in jobs if job.rule == "train") == [("msgd", "45"), ("ngm_sgd", "45")]


def test_a_sweep_has_its_labels_and_no_verdict_for_or_against_the_paper(project):
    made = follow(project, "rates", "rates", whole=True)  # figures and report too, of optimizers without any gain
    assert (made / "report.html").is_file()
    table = (made / "tables" / "table1.md").read_text(encoding="utf-8")
    assert all(f"| {label} |" in table for label in ("MSGD at 0.003", "MSGD", "MSGD at 0.03"))
    claims = pd.read_csv(made / "claims.csv")  # of msgd alone some can be judged, such as whether its gap exceeds the placebo
    assert set(claims.loc[claims["optimizer"] != "msgd", "verdict"]) == {"not tested here"}
    rates = {
        name: pd.read_parquet(next((project.folder / "results/runs/split_digits" / name).glob("*/training.parquet")))
        for name in ("msgd_low", "msgd", "msgd_high")
    }
    assert [float(table["learning_rate"].unique().item()) for table in rates.values()] == pytest.approx([0.003, 0.01, 0.03])


def test_a_suite_of_ones_own_with_the_gain_under_another_optimizer(project):
    metrics = pd.read_parquet(follow(project, "gains", "gains") / "metrics.parquet")
    assert set(metrics["benchmark"]) == {"split_digits_long"}
    gains = metrics[metrics["metric"] == "mean_gain"].groupby("optimizer")["value"].mean()
    assert gains["adam"] == 1
    assert 1 < gains["ngm_weak"] < gains["ngm_sgd"]
    assert gains["adam_gain"] > 1


def test_a_second_data_set_from_torchvision(project):
    write_fashion(project.folder / "data" / "FashionMNIST" / "raw")
    (project.folder / "make_fashion.py").write_text(block("make_fashion.py"), encoding="utf-8")
    done = project.run("python", "make_fashion.py")
    assert done.returncode == 0, done.stdout
    made = follow(project, "fashion", "fashion")
    table = (made / "tables" / "table1.md").read_text(encoding="utf-8")
    assert all(f"| {label} |" in table for label in ("Split digits", "Split Fashion", "Permuted Fashion"))
    assert set(pd.read_csv(made / "ranks.csv")["benchmarks"]) == {3}
    assert set(pd.read_csv(made / "agreement.csv")["benchmark"]) == set()


def write_fashion(folder: Path) -> None:
    """Write small files in the format of the real ones (idx), so that nothing is downloaded."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, count in (("train", 200), ("t10k", 100)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 0x803, *images.shape) + images.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, count) + labels.tobytes())
