"""The whole workflow on a CNN: colour images from an npz file, augmentation, a gain in the head and in every layer."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from real_workflow import files_below, new_workflow

OPTIMIZERS = ["sgd", "msgd", "adam", "ngm_sgd", "ngm_all_layers"]


def test_the_paper_s_cnn_cells_run_to_the_last_figure(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    counts = {"train": 40, "test": 12}
    labels = {part: np.repeat(np.arange(4), count // 4) for part, count in counts.items()}
    arrays = {f"y_{part}": own for part, own in labels.items()}
    for part, own in labels.items():  # each class has a brightness of its own
        arrays[f"x_{part}"] = (60 * own[:, None, None, None] + random.integers(60, size=(len(own), 32, 32, 3))).astype(np.uint8)
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/cifar10.npz", **arrays)

    flow = new_workflow(tmp_path / "workflow", suite="colours", data_root=str(tmp_path / "data"))

    def shrink(values: dict) -> None:
        dataset = {key: value for key, value in values["datasets"]["cifar10"].items() if key in ("mean", "std")}
        values["datasets"]["colours"] = {"source": "npz", "classes": 4} | dataset | values["datasets"]["cifar10"]["npz"]
        small = {"iterations": 4, "batch_size": 8, "model": {"kind": "slim_resnet18", "filters": 4}, "seeds_per_job": 2}
        evaluation = {"every": 2, "images_per_task": 5}
        values["benchmarks"]["split_colours"] = (
            {"like": "split_cifar10", "dataset": "colours", "stream": {"kind": "split", "classes_per_task": 2}}
            | small
            | {"evaluation": evaluation}
        )
        values["suites"]["colours"] = {"benchmarks": ["split_colours"], "optimizers": OPTIMIZERS, "seeds": [1, 2]}

    flow.configure(shrink)
    flow.make("--cores", "2")

    results = flow.folder / "results"
    assert {"table1.md", "table2.csv"} <= set(files_below(results / "colours/tables"))
    assert {"curves_split_colours.svg", "gain_per_task.png", "tradeoff.pdf"} <= set(files_below(results / "colours/figures"))
    for optimizer in OPTIMIZERS:
        run = results / "runs/split_colours" / optimizer / "1-2"
        gains = [name for name in pq.read_schema(run / "training.parquet").names if name.startswith("gain_")]
        assert len(gains) == (21 if optimizer == "ngm_all_layers" else 1)
        evaluations = pd.read_parquet(run / "evaluations.parquet")
        assert sorted(evaluations["iteration"].unique()) == [2, 4, 6, 8]
        assert np.allclose(evaluations["accuracy"] * 5, (evaluations["accuracy"] * 5).round(), atol=1e-5)
    metrics = pd.read_parquet(results / "colours/metrics.parquet")
    gains = metrics[metrics["metric"] == "mean_gain"].groupby("optimizer")["value"].mean()
    assert gains["ngm_sgd"] > 1.1
    assert gains["sgd"] == 1


def test_real_images_of_mini_imagenet_run_to_a_figure(tmp_path: Path, shared_data) -> None:
    """Suite mini_imagenet_sample, with fewer updates, filters and test images; the rest of its files are those of any suite."""
    root = shared_data("mini-imagenet-sample")
    flow = new_workflow(tmp_path / "workflow", suite="mini_imagenet_sample", data_root=str(root.parent))

    def shrink(values: dict) -> None:
        benchmark = values["benchmarks"]["split_mini_imagenet_sample"]
        benchmark |= {"iterations": 2, "batch_size": 8, "model": {"kind": "slim_resnet18", "filters": 4}}
        benchmark["evaluation"] |= {"every": 2, "images_per_task": 6}
        values["suites"]["mini_imagenet_sample"] |= {"optimizers": ["ngm_sgd"], "seeds": [42]}

    flow.configure(shrink)
    flow.make("--cores", "2", "results/mini_imagenet_sample/figures/zoom_split_mini_imagenet_sample.svg")

    results = flow.folder / "results"
    figures = set(files_below(results / "mini_imagenet_sample/figures"))
    assert "zoom_split_mini_imagenet_sample.svg" in figures
    evaluations = pd.read_parquet(results / "runs/split_mini_imagenet_sample/ngm_sgd/42/evaluations.parquet")
    assert evaluations["iteration"].unique().tolist() == [2, 4, 6, 8, 10]
    assert evaluations.groupby("iteration")["task"].max().tolist() == [1, 2, 3, 4, 5]
    assert evaluations["accuracy"].between(0, 1).all()
