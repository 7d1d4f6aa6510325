"""Tell what a suite does differently from the paper, from its settings and runs (PROTOCOL, tables named Decisions)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from stability_gap.analysis.paper_convention import PAPER_SEEDS
from stability_gap.analysis.trajectory import WATCHED
from stability_gap.presentation.looks import Looks
from stability_gap.presentation.report.facts import diverged


def deviations(
    config: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], published: Collection[str], looks: Looks
) -> list[str]:
    """Write one sentence per deviation.

    config: `Config.science` of the suite. runs: the content of its run.json files. published: benchmarks for which the paper
    has numbers.
    """
    benchmarks: Mapping[str, Any] = config.get("benchmarks", {})
    every = len(benchmarks)

    def where(names: Sequence[str]) -> str:
        return "" if len(names) == every else f" ({', '.join(map(looks.benchmark, names))})"

    def having(key: str, *values: Any, but: bool = False) -> list[str]:
        """Benchmarks whose evaluation or own setting `key` is among the values, or is not."""
        found = {name: block.get("evaluation", {}).get(key, block.get(key)) for name, block in benchmarks.items()}
        return [name for name, value in found.items() if (value in values) is not but]

    told = []
    n = len(config.get("seeds", []))
    told.append(
        f"{n} seeds{'' if n == PAPER_SEEDS else f', the paper has {PAPER_SEEDS}'}; they are paired here: for one seed every "
        "optimizer starts from the same weights and sees the same minibatches."
    )
    if names := having("tasks", "seen"):
        told.append(
            f"Every task seen so far is evaluated, not task 1 alone{where(names)}, so the gap can be given against task 1 (as in "
            "the authors' code) and against the task before the switch (as in their text)."
        )
    cadences = {name: _cadence(**benchmarks[name].get("evaluation", {})) for name in having("every", 1, but=True)}
    for words in dict.fromkeys(cadences.values()):
        told.append(f"{words}{where([name for name in cadences if cadences[name] == words])}.")
    if names := having("images_per_task", None, but=True):
        told.append(f"Evaluated on a fixed choice of the test images of each task, not on all{where(names)}.")
    if names := having("arithmetic", "bf16_screened"):
        told.append(
            "Accuracies are computed in bfloat16, and again in float32 where rounding is expected to change them; none was "
            f"seen to differ in 22.7 million images{where(names)}."
        )
    if names := having("precision", "tf32", "bf16"):
        told.append(f"Training is rounded more coarsely than float32{where(names)}.")
    if names := having("augment_test", True):
        told.append(f"Test images are augmented, as the authors' first code did{where(names)}.")
    if names := [name for name in having("augmentation", None, but=True) if name not in having("augment_test", True)]:
        told.append(
            f"Test images are not augmented; where the authors' first code has the benchmark, it augments them{where(names)}."
        )
    layered = [name for name, block in benchmarks.items() if block.get("model", {}).get("kind") == "slim_resnet18"]
    optimizers: Mapping[str, Any] = config.get("optimizers", {}) if layered else {}
    gained = {name: block for name, block in optimizers.items() if block.get("gain")}
    if names := [name for name, block in gained.items() if block.get("backbone_momentum") and not block.get("momentum")]:
        told.append(
            f"{' and '.join(map(looks.optimizer, names))}: momentum below the head and none in it, as in the authors' code; "
            f"momentum SGD has it everywhere{where(layered)}."
        )
    if names := having("sampling", None, {"kind": "joint", "blur": 0}, but=True):
        told.append(f"Minibatches do not come from the union of the tasks seen so far throughout{where(names)}.")
    if names := having("class_order", "by_seed"):
        told.append(f"Each seed has its own order of the classes, not the natural one{where(names)}.")
    held = [name for name, data in config.get("datasets", {}).items() if data.get("holdout") is not None]
    if names := having("dataset", *held):
        told.append(f"Tested on a part of the training images, which is not trained on{where(names)}.")
    if names := [name for name in benchmarks if name not in published]:
        told.append(f"The paper has no numbers for {', '.join(map(looks.benchmark, names))}.")
    if names := looks.benchmark_order(run["benchmark"] for run in runs if run.get("official") is False):
        told.append(f"The raw data are not the published files: {', '.join(map(looks.benchmark, names))}.")
    if gone := diverged(runs, looks):
        told.append(f"Runs that diverged count as chance accuracy and a full gap: {'; '.join(gone)}.")
    return told


def _cadence(every: int = 1, dense: int = 0, middle: int = 0, **_: Any) -> str:
    """Say after which updates of a context a benchmark is evaluated, and what of the gap that leaves unseen."""
    if not dense:
        return f"Evaluated after every {every} updates, not after each; a gap between two of them is missed"
    words = f"Evaluated after each of the first {dense} updates of a context"
    if middle >= min(dense, WATCHED):
        return f"{words} and of the first {middle} after its middle, elsewhere after every {every}"
    return f"{words}, then after every {every}: placebo and net gaps are undefined, since the middle is not watched as closely"
