"""A run that was killed and goes on has the bytes of one that was not."""

import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from cells import CONFIG, SEED, assert_same_run, augmented, cell, cnn_cell, coloured_images, small_cell

from stability_gap import files
from stability_gap.experiment import checkpoint
from stability_gap.experiment.checkpoint import Checkpoint, Checkpoints, Clock, may_go_on
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.progress import Progress
from stability_gap.experiment.recording import Record
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.experiment.settings import CellSettings
from stability_gap.tasks.prepare import prepare_dataset, prepare_stream
from stability_gap.tasks.streams import Stream

RUN = {"settings": "these"}
UPDATES = 30  # of small_cell


class Killed(BaseException):
    """What no code handles."""


class KilledAt(Progress):
    """A progress that ends the job after some updates."""

    def __init__(self, last: int) -> None:
        super().__init__("killed", 1, UPDATES)
        self.last_update = last

    def begin(self, seeds):
        def report(iteration: int) -> None:
            if iteration > self.last_update:
                raise Killed

        return report


@pytest.fixture(autouse=True)
def at_every_update(monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)


def optimizers() -> list[str]:
    """All that the digits are trained with and that can go on."""
    whole = {name for suite in ("controls", "digits", "stress") for name in CONFIG.suites[suite].optimizers}
    return sorted(name for name in whole if may_go_on(cell(name)))


def on_device(settings: CellSettings, stream: Stream) -> DeviceStream:
    return DeviceStream(stream, settings, torch.device("cpu"))


def interrupted(settings: CellSettings, stream: Stream, folder: Path, *ends: int) -> Record:
    """Train one seed in several jobs, each of which ends after the update, and the last of which ends well."""
    for end in ends:
        trainer = SeedTrainer(settings, on_device(settings, stream), progress=KilledAt(end), checkpoints=Checkpoints(folder, RUN))
        with pytest.raises(Killed):
            trainer.one(SEED)
    return SeedTrainer(settings, on_device(settings, stream), checkpoints=Checkpoints(folder, RUN)).one(SEED)


def assert_goes_on(settings: CellSettings, stream: Stream, folder: Path, *ends: int) -> None:
    whole = SeedTrainer(settings, on_device(settings, stream)).one(SEED)
    parts = interrupted(settings, stream, folder, *ends)
    assert parts.way.resumed == ends[-1]
    assert whole.way.resumed == 0
    assert_same_run(whole, parts)


@pytest.mark.parametrize("optimizer", optimizers())
def test_every_optimizer_goes_on_as_if_nothing_had_been(digits, optimizer, tmp_path):
    assert_goes_on(small_cell(optimizer), digits, tmp_path, 4, 6, 17)  # 6: the last before a switch


@pytest.mark.parametrize("optimizer", ["ngm_sgd", "msgd", "adam", "msgd_plain_head"])
@pytest.mark.parametrize("test_images", [False, True])
def test_a_cnn_goes_on_with_its_batch_statistics_and_crops(optimizer, test_images, tmp_path):
    assert_goes_on(cnn_cell(optimizer, **augmented(test_images)), coloured_images(), tmp_path, 5)


def test_a_run_that_diverged_stays_diverged(digits, tmp_path):
    settings = small_cell("sgd")
    wild = settings.optimizer_settings.model_copy(update={"learning_rate": 1e6})
    settings = settings.model_copy(update={"optimizer_settings": wild})
    whole = SeedTrainer(settings, on_device(settings, digits)).one(SEED)
    assert whole.diverged_at is not None
    for resumed in (0, UPDATES):  # the second job finds the end of the first
        again = SeedTrainer(settings, on_device(settings, digits), checkpoints=Checkpoints(tmp_path, RUN)).one(SEED)
        assert_same_run(whole, again)
        assert again.way.resumed == resumed


def test_a_seed_that_is_finished_is_not_trained_again(digits, tmp_path):
    settings = small_cell("ngm_sgd")
    first = interrupted(settings, digits, tmp_path)
    seen: list[int] = []
    watched = SeedTrainer(
        settings, on_device(settings, digits), checkpoints=Checkpoints(tmp_path, RUN), watchers=(watcher(seen),)
    )
    assert_same_run(first, watched.one(SEED))
    assert seen == []


def watcher(seen: list[int]):
    class See:
        def see(self, iteration: int, step: object) -> None:
            seen.append(iteration)

    return lambda *_: See()


def half_a_run(folder: Path, digits: Stream) -> Path:
    settings = small_cell("msgd")
    trainer = SeedTrainer(settings, on_device(settings, digits), progress=KilledAt(15), checkpoints=Checkpoints(folder, RUN))
    with pytest.raises(Killed):
        trainer.one(SEED)
    return folder / f"checkpoint_{SEED}.pt"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[: len(content) // 2], "is damaged, so the run begins anew"),
        (lambda content: b"", "is damaged, so the run begins anew"),
        (lambda content: content[:2000] + bytes([content[2000] ^ 1]) + content[2001:], "is damaged, so the run begins anew"),
    ],
)
def test_a_damaged_file_is_not_gone_on_from(digits, tmp_path, caplog, damage, words):
    file = half_a_run(tmp_path, digits)
    file.write_bytes(damage(file.read_bytes()))
    with caplog.at_level(logging.WARNING):
        record = interrupted(small_cell("msgd"), digits, tmp_path)
    assert words in caplog.text
    assert record.way.resumed == 0
    assert_same_run(record, SeedTrainer(small_cell("msgd"), on_device(small_cell("msgd"), digits)).one(SEED))


def test_the_file_of_another_run_is_not_gone_on_from(digits, tmp_path, caplog):
    half_a_run(tmp_path, digits)
    settings = small_cell("msgd")
    other = SeedTrainer(settings, on_device(settings, digits), checkpoints=Checkpoints(tmp_path, {"settings": "others"}))
    assert other.one(SEED).way.resumed == 0
    assert "is of another run, so the run begins anew" in caplog.text


def test_a_folder_that_cannot_be_written_costs_no_run(digits, tmp_path, caplog):
    (tmp_path / "file").touch()
    interrupted(small_cell("msgd"), digits, tmp_path / "file")
    assert "no checkpoint after update 1: cannot write" in caplog.text


def test_short_runs_write_none(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 300.0)
    interrupted(small_cell("msgd"), digits, tmp_path)
    assert list(tmp_path.iterdir()) == []


class Part:
    """A learner, a recorder or an evaluation that holds nothing."""

    rows = accuracy = loss = None

    def state(self) -> dict[str, object]:
        return {}

    def restore(self, *_: object) -> None:
        pass


PARTS = (Part(), Part(), Part())


def test_what_earlier_jobs_spent_is_counted_once(tmp_path, monkeypatch):
    now = {"wall_seconds": 0.0, "cpu_seconds": 0.0}
    monkeypatch.setattr(checkpoint, "clocks", lambda: dict(now))
    first = Checkpoint(tmp_path / "c.pt", RUN, Clock(1), spent={"wall_seconds": 5.0, "cpu_seconds": 1.0})
    now.update(wall_seconds=10.0, cpu_seconds=7.0)
    first.see(3, *PARTS)
    second = Checkpoint(tmp_path / "c.pt", RUN, Clock(1))
    assert second.resume(*PARTS) == 3
    assert second.spent == {"wall_seconds": 15.0, "cpu_seconds": 8.0}


@pytest.fixture
def now(monkeypatch) -> list[float]:
    """The time in seconds, which a test sets; files are written every 300."""
    time = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: time[0])
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 300.0)
    return time


def test_the_clock_is_that_of_the_job_whichever_seed_is_under_way(tmp_path, now):
    checkpoints = Checkpoints(tmp_path, RUN, 2)
    for seed, second, written in ((3, 200, False), (7, 250, False), (7, 310, True)):
        now[0] = second
        each = checkpoints.of(seed)
        each.see(5, *PARTS)
        assert each.file.exists() == written


@pytest.mark.parametrize(("seeds", "seconds", "written"), [(10, 4, 0), (10, 29, 0), (10, 31, 10), (10, 100, 10), (1, 301, 1)])
def test_a_seed_that_ends_is_kept_where_all_of_the_job_take_longer_than_that(tmp_path, now, seeds, seconds, written):
    checkpoints = Checkpoints(tmp_path, RUN, seeds)
    for seed in range(seeds):
        each = checkpoints.of(seed)
        now[0] += seconds
        each.end(UPDATES, *PARTS)
    assert len(list(tmp_path.iterdir())) == written


def test_a_finished_run_leaves_no_file_of_these_not_even_one_that_a_kill_left_half_written(tmp_path):
    names = ("checkpoint_3.pt", ".checkpoint_3.99.tmp.pt", "weights.pt")
    for name in names:
        (tmp_path / name).touch()
    Checkpoints(tmp_path, RUN).remove()
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pt"]


@pytest.mark.parametrize("optimizer", ["nag", "sgd_matched"])
def test_what_may_keep_more_than_it_tells_does_not_go_on(optimizer):
    assert not may_go_on(cell(optimizer))
    assert may_go_on(cell("sgd"))


# --- a job that is killed -----------------------------------------------------------------------------------------------

JOB = """
import sys
from pathlib import Path
from stability_gap.experiment import checkpoint
from stability_gap.experiment.run import train_cell
from stability_gap.experiment.settings import CellSettings
checkpoint.SECONDS_BETWEEN = 0.0
settings = CellSettings.model_validate_json(sys.argv[1])
train_cell(settings, Path(sys.argv[2]), [3, 7], Path(sys.argv[3]), threads=1, device="cpu")
"""


def test_a_job_that_is_killed_loses_neither_finished_seeds_nor_its_place(tmp_path):
    """Killed in the second of two seeds. The folder is that of one job, but for times."""
    prepare_dataset("digits", CONFIG.datasets["digits"], tmp_path, tmp_path / "data")
    prepare_stream("split_digits", CONFIG.benchmarks["split_digits"].stream, tmp_path / "data", tmp_path / "stream")
    settings = small_cell("ngm_sgd", iterations=30)

    def job(output: Path) -> subprocess.Popen:
        command = [sys.executable, "-c", JOB, settings.model_dump_json(), str(tmp_path / "stream"), str(output)]
        return subprocess.Popen(command)

    assert job(tmp_path / "whole").wait() == 0
    parts = tmp_path / "parts"
    process = job(parts)
    while not (parts / "checkpoint_7.pt").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (parts / "run.json").exists()
    assert job(parts).wait() == 0
    assert sorted(path.name for path in parts.iterdir()) == ["evaluations.parquet", "run.json", "training.parquet"]
    for name in ("evaluations.parquet", "training.parquet"):
        assert files.digest(parts / name) == files.digest(tmp_path / "whole" / name)
    resumed = {seed: each["resumed"] for seed, each in files.read_json(parts / "run.json")["seeds"].items()}
    assert resumed["3"] == 150  # it was finished
    assert 0 < resumed["7"] < 150
