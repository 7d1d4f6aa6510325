"""Two calls at once, clocks that jump, runs that diverge: the right bytes or one clear line."""

import os
import re
import subprocess
from pathlib import Path

from projects import METRICS, call_again, clear_errors, differences, remove
from real_workflow import FULL, REPOSITORY, Workflow, digests

DAY = 86_400


def test_two_calls_at_once(finished, right, tally, tmp_path):
    """One makes everything; the other does too, once it has nothing to do, or says that it must wait. None disturbs the other."""
    call = ("snakemake", "--cores", "1", *remove(finished, "two runs"))
    outputs = [tmp_path / f"{number}.txt" for number in range(3)]
    running = []
    for path in outputs:
        with path.open("wb") as handle:
            running.append(
                subprocess.Popen(call, cwd=finished.folder, env=finished.environment, stdout=handle, stderr=subprocess.STDOUT)
            )
    statuses = [each.wait(600) for each in running]
    said = [path.read_text(encoding="utf-8") for path in outputs]
    assert 0 in statuses, said
    for status, text in zip(statuses, said, strict=True):
        assert "Traceback" not in text
        assert status == 0 or "--unlock" in text, text
    _, locked = call_again(finished, *call[1:])
    wrong = differences(digests(finished), right)
    tally.count("three calls at once", survived=not wrong, lost=len(wrong))
    assert not locked, "the refused call left a lock, or took that of the other away"
    assert wrong == []


def shift(folder: Path, seconds: float) -> None:
    """Move the times of all files, as if they had been written by another clock."""
    for path in [folder, *folder.rglob("*")]:
        held = path.stat()
        os.utime(path, (held.st_atime + seconds, held.st_mtime + seconds))


def test_a_clock_that_was_ahead(finished, right, tally):
    """What is made from files of tomorrow would be older than they are: Snakemake says so, and the page has the fix."""
    (fix,) = re.findall(r"`(find results [^`]+)`", (REPOSITORY / "docs" / "troubleshooting.md").read_text(encoding="utf-8"))
    shift(finished.folder / "results", DAY)
    call = ("--cores", "2", *remove(finished, "pages"))
    refused = finished.snakemake(*call)
    assert refused.returncode != 0
    assert "Traceback" not in refused.stdout
    assert "has older modification time" in refused.stdout

    assert finished.run("sh", "-c", fix).returncode == 0
    again = finished.make(*call)
    wrong = differences(digests(finished), right)
    tally.count("clock that was a day ahead", survived=not wrong, lost=len(wrong))
    assert wrong == [], again
    assert "train" not in again.replace("nothing to train", "")
    assert "Nothing to be done" in finished.make("--cores", "2")


def test_a_clock_that_was_behind(finished, right, tally):
    shift(finished.folder / "results", -400 * DAY)
    assert "Nothing to be done" in finished.make("--cores", "2")
    call = ("--cores", "2", *remove(finished, "analysis"))
    call_again(finished, *call)
    wrong = differences(digests(finished), right)
    tally.count("clock that was 400 days behind", survived=not wrong, lost=len(wrong))
    assert wrong == []


# Every python process reads a clock that jumps once a second: years back, days ahead. (libfaketime disturbs python's sleep.)
JUMPING = """
import time

right, jumps = time.time, (0, -2 * 86400, 3 * 86400, -400 * 86400, 3600, -3600)
time.time = lambda: right() + jumps[int(time.monotonic()) % len(jumps)]
time.time_ns = lambda: int(time.time() * 1e9)
"""


def test_a_clock_that_jumps_back_and_forth_while_jobs_run(finished, right, tally):
    (finished.folder / "src" / "sitecustomize.py").write_text(JUMPING, encoding="utf-8")
    read = "import time; print(len({round(time.time() / 3600) for _ in range(15) if not time.sleep(0.2)}))"
    assert int(finished.run("python", "-c", read).stdout) > 1
    call = ("--cores", "2", *FULL, *remove(finished, "two runs"))
    said = finished.make(*call)
    assert "Traceback" not in said
    wrong = differences(digests(finished), right)
    tally.count("clock that jumps while jobs run", survived=not wrong, lost=len(wrong))
    assert wrong == []
    assert "Nothing to be done" in finished.make(*call)


def test_a_run_that_diverges_is_a_result_and_is_named(finished: Workflow, tally) -> None:
    """Losses become infinite; all that follows is made, says so, and has the same bytes when it is made again."""
    finished.configure(lambda values: values["optimizers"]["sgd"].update(learning_rate=1e30))
    finished.make("--cores", "2")
    first = digests(finished)
    assert "diverged" in (finished.folder / "results/small/tables/table1.md").read_text(encoding="utf-8")
    for path in ("results/runs/split_digits_smoke/sgd", METRICS):
        remove_place(finished.folder / path)
    finished.make("--cores", "2")
    wrong = differences(digests(finished), first)
    tally.count("run that diverges", survived=not wrong, lost=len(wrong))
    assert wrong == []


def remove_place(place: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    if place.is_dir():
        for path in place.iterdir():
            remove_place(path)
        place.rmdir()
    else:
        place.unlink()


# A watcher, which changes nothing but fails for a seed while a file is there.
BREAKS = """
from pathlib import Path

from stability_gap.errors import UserError


class Breaks:
    def __init__(self, learner, timeline, seeds):
        if 44 in seeds and Path("broken").exists():
            raise UserError("the file broken is there; delete it.")

    def see(self, iteration, step):
        pass
"""


def test_no_results_are_lost_where_a_job_fails(finished, right, tally):
    """Seed 44 cannot be trained; the others are, and after the repair only it and what follows is made."""
    finished.configure(lambda values: values.update(extensions={"watchers": ["breaks:Breaks"]}))
    (finished.folder / "breaks.py").write_text(BREAKS, encoding="utf-8")
    broken = finished.folder / "broken"
    broken.touch()
    call = ("--cores", "2", *FULL)
    failed = finished.snakemake(*call)
    assert any("the file broken" in line for line in clear_errors(failed)), failed.stdout
    others = [finished.folder / f"results/runs/split_digits_smoke/{name}/42-43/run.json" for name in ("sgd", "ngm_sgd")]
    made = [path.stat().st_mtime_ns for path in others]
    broken.unlink()
    again, _ = call_again(finished, *call)
    wrong, kept = differences(digests(finished), right), [path.stat().st_mtime_ns for path in others]
    tally.count("job that fails", survived=not wrong, lost=len(wrong) + (kept != made))
    assert (wrong, kept) == ([], made)
    assert again.count("Finished jobid") > 2
