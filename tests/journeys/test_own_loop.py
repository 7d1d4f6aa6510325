"""A researcher has a training loop and wants the gain in it, and its stability gap measured.

By hand: `pip install -e .`, copy the loop of docs/own-curves.md into own_loop.py, then

    python own_loop.py
    stability-gap compare plain.parquet gain.parquet -o out

Here a loop is brought that knows nothing of this package; what it needs to gain are the lines marked with numbers.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stability_gap import files

LOOP = """
import torch
{imports}

torch.manual_seed(0)
images = torch.randn(400, 20)
labels = (images[:, 0] > 0).long() + 2 * (images[:, 1] > 0).long()
tasks = [labels < 2, labels >= 2]
model = torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
{attach}


def accuracies():
    return [(model(images[task]).argmax(1) == labels[task]).float().mean() for task in tasks]


logits = None
for iteration in range(1, 61):
    seen = tasks[0] if iteration <= 30 else tasks[0] | tasks[1]
    chosen = seen.nonzero()[torch.randint(int(seen.sum()), (32,)), 0]
    {step}
    logits = model(images[chosen])
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(logits, labels[chosen]).backward()
    optimizer.step()
    {record}
{save}
"""
NOTHING = dict.fromkeys(["imports", "attach", "step", "record", "save"], "pass")
GAIN = {
    "imports": "from stability_gap import GainModulation, Recorder",  # 1
    "attach": "gain, recorder = GainModulation([model[0], model[2]], eta=0.3), Recorder(context_length=30)",  # 2
    "step": "gain.step(logits)",  # 3
    "record": "recorder.add(iteration=iteration, accuracy=accuracies())",
    "save": "print(gain); recorder.save('mine.parquet')",  # 4
}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # more threads only wait for each other in so small a model
    return subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("own_loop")


def test_the_loop_runs_without_and_with_the_package(folder):
    for name, lines in (("before", NOTHING), ("after", GAIN)):
        (folder / f"{name}.py").write_text(LOOP.format(**lines), encoding="utf-8")
        done = run(folder, f"{name}.py")
        assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("GainModulation([Linear, Linear], eta=0.3")


def test_what_it_recorded_is_measured_by_one_command(folder):
    done = run(folder, "-m", "stability_gap.cli", "compare", "mine.parquet", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert "| mine |" in done.stdout
    summary = files.read_csv(folder / "out" / "summary.csv").set_index("metric")
    assert summary.loc["avg_acc", "n"] == 1
    assert (folder / "out" / "figures" / "zoom_unnamed.png").exists()


def test_a_whole_model_in_place_of_its_layers_is_told_what_to_pass(folder):
    lines = GAIN | {"attach": "gain = GainModulation(model, eta=0.3)"}
    (folder / "wrong.py").write_text(LOOP.format(**lines), encoding="utf-8")
    done = run(folder, "wrong.py")
    assert done.returncode == 1
    assert "Its weight layers are model[0], model[2] (2 in all); pass [model[2]]" in done.stderr.splitlines()[-1]


def test_percent_by_mistake_stops_the_loop_at_once(folder):
    lines = GAIN | {"record": "recorder.add(iteration=iteration, accuracy=[97.5, 80.0])"}
    (folder / "percent.py").write_text(LOOP.format(**lines), encoding="utf-8")
    done = run(folder, "percent.py")
    assert done.returncode == 1
    assert "seed 0, iteration 1: accuracy 97.5 looks like percent; give fractions, 0 to 1." in done.stderr.splitlines()[-1]
