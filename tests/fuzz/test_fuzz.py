"""Whatever is fed to the project, it answers with a result or with one clear message: no traceback, no hang, no stray file.

100 cases for each of seven kinds of input within the whole test suite; FUZZ_CASES=1000 gives ten times as many (`make fuzz`).
What ever failed stays as an example beside its test.
"""

import contextlib
import copy
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from damage import damaged_bytes, damaged_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stability_gap import api, config, files
from stability_gap.analysis.measure import measure
from stability_gap.analysis.runs import read_runs
from stability_gap.cli.group import commands
from stability_gap.contracts import check
from stability_gap.errors import UserError
from stability_gap.tasks import stream_file
from stability_gap.tasks.streams import Stream

ROOT = Path(__file__).parents[2]
CASES = int(os.environ.get("FUZZ_CASES", "100"))
PATIENCE = float(
    os.environ.get("FUZZ_PATIENCE", "60")
)  # seconds that a case may take; `make fuzz`: 10, on a machine that is free
SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
CURVES = sorted((ROOT / "tests" / "curves" / "examples").iterdir())

fuzzed = settings(
    max_examples=CASES,
    deadline=None,  # of hypothesis: it looks only once a case has ended; ours is `in_time`
    derandomize=CASES == 100,  # the same cases in every run of the suite; others at night
    suppress_health_check=list(HealthCheck),
)


@contextlib.contextmanager
def in_time(seconds: float = PATIENCE) -> Iterator[None]:
    """Fail what hangs, by an alarm. It is no Exception, which readers may catch; within one call of C it has to wait."""

    def ring(*_: object) -> None:
        pytest.fail(f"no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def answer(work, *arguments, **options) -> object:
    """What `work` gives, or the message that it refuses with; anything else fails the test."""
    try:
        with in_time():
            return work(*arguments, **options)
    except UserError as error:
        message = str(error)
    assert message.strip(), "an empty message"
    assert "Traceback" not in message
    return message


def tiny_run(folder: Path) -> Path:
    """A run folder of two contexts and two seeds."""
    rows = [(seed, t, (t + 1) // 2, task) for seed in (1, 2) for t in range(1, 5) for task in range(1, (t + 1) // 2 + 1)]
    table = pd.DataFrame(rows, columns=["seed", "iteration", "context", "task"]).astype("int32")
    table["accuracy"] = np.linspace(0, 1, len(table), dtype=np.float32)
    files.write_parquet(folder / "evaluations.parquet", table)
    training = table.drop_duplicates(["seed", "iteration"])[["seed", "iteration", "context"]].assign(loss=1.0, gain_output=1.5)
    files.write_parquet(folder / "training.parquet", training)
    seeds = {"1": {"status": "completed", "diverged_at": None}, "2": {"status": "completed", "diverged_at": None}}
    facts = {"benchmark": "b", "optimizer": "sgd", "classes": 4, "tasks": 2, "incremental": "class", "seeds": seeds}
    files.write_json(folder / "run.json", facts)
    return folder


@pytest.fixture(scope="module")
def run_files(tmp_path_factory) -> dict[str, bytes]:
    folder = tiny_run(tmp_path_factory.mktemp("run"))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def stream_files(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("stream")
    images, labels, sizes = np.zeros((4, 3, 3), np.uint8), np.arange(4) % 2, np.array([2, 2])
    stream = Stream(images, labels, sizes, images, labels, sizes, np.float32([0.0]), np.float32([1.0]), 2)
    with (folder / "stream.npz").open("wb") as file:
        np.savez(file, **{name: np.asarray(getattr(stream, name)) for name in Stream.__dataclass_fields__})
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("case")


def test_a_holdout_on_a_data_set_that_is_not_there_is_told():
    values = copy.deepcopy(SHIPPED)
    values["benchmarks"]["split_digits_holdout"]["dataset"] = "results"
    assert "benchmarks.split_digits_holdout.dataset: no 'results' under datasets" in answer(config.resolve, values)


def test_csv_rows_longer_than_the_heading_are_refused_and_never_shifted(folder):
    path = folder / "curves.csv"
    path.write_text("iteration,accuracy\n1,2,0.5\n2,3,0.6\n", encoding="utf-8")
    for read in (files.read_csv, api.measure):
        assert "rows have more fields than the heading" in answer(read, path)
    path.write_text("iteration,accuracy\n1,0.5,\n2,0.6,\n", encoding="utf-8")  # as some programs end their lines
    assert files.read_csv(path)["accuracy"].tolist() == [0.5, 0.6]


@fuzzed
@given(damaged_values(SHIPPED))
def test_any_configuration_is_taken_or_refused(values):
    answer(config.resolve, values)


@fuzzed
@given(content=damaged_bytes((ROOT / "config.yaml").read_bytes()))
def test_any_yaml_file_is_read_or_refused(folder, content):
    (folder / "config.yaml").write_bytes(content)
    answer(config.load, folder / "config.yaml")


@fuzzed
@given(data=st.data())
def test_any_run_folder_is_measured_or_refused(folder, run_files, data):
    broken = data.draw(st.sampled_from(sorted(run_files)))
    for name, content in run_files.items():
        (folder / name).write_bytes(data.draw(damaged_bytes(content)) if name == broken else content)
    answer(lambda: measure(read_runs([folder])))


@fuzzed
@given(data=st.data())
def test_anybody_s_curves_are_measured_or_refused(folder, data):
    example = data.draw(st.sampled_from(CURVES))
    path = folder / example.name
    path.write_bytes(data.draw(damaged_bytes(example.read_bytes())))
    answer(api.measure, path)


@fuzzed
@given(data=st.data())
def test_any_stream_is_read_or_refused(folder, stream_files, data):
    for name, content in stream_files.items():
        (folder / name).write_bytes(data.draw(damaged_bytes(content)))
    answer(stream_file.read, folder)


@fuzzed
@given(content=damaged_bytes((ROOT / "paper_figures/digits/ranks.csv").read_bytes()))
def test_any_published_table_keeps_its_contract_or_is_refused(folder, content):
    (folder / "ranks.csv").write_bytes(content)
    answer(check, folder / "ranks.csv")


WORDS = st.one_of(
    st.sampled_from(
        [*commands.commands, "--help", "-o", "--seeds", "42-51", "9-1", "--looks", "{}", "{", "--classes", "0", "-1"]
    ),
    st.sampled_from(
        ["run", "run/run.json", "nowhere", "out", "--output", "--benchmark", "b", "--terms", '{"alpha": 7}', "--extension", "os"]
    ),
    st.text(max_size=6).filter(lambda word: "\x00" not in word),
)


@fuzzed
@given(words=st.lists(WORDS, max_size=7))
def test_any_command_line_ends_in_an_answer_and_writes_nothing_but_what_it_was_asked_for(folder, run_files, words):
    with tempfile.TemporaryDirectory(dir=folder) as case:  # hypothesis uses the fixture again
        home, here = Path(case, "home"), Path(case, "here")
        home.mkdir()
        (here / "run").mkdir(parents=True)
        for name, content in run_files.items():
            (here / "run" / name).write_bytes(content)
        variables = {"HOME": str(home), "MPLCONFIGDIR": str(folder)}  # where matplotlib, by right, keeps its list of fonts
        with contextlib.chdir(here), in_time():
            result = CliRunner(env=variables).invoke(commands, words)
        written = {path.name for place in (case, here, home) for path in Path(place).iterdir()} - {"home", "here", "run"}
    allowed = (SystemExit, UserError, ModuleNotFoundError)  # the last: of a package that an --extension names
    assert result.exception is None or isinstance(result.exception, allowed), (words, result.exception)
    assert [name for name in written if not any(name in word for word in words)] == [], words


def test_what_hangs_fails_even_where_exceptions_are_caught():
    def hangs() -> None:
        with contextlib.suppress(Exception):
            time.sleep(5)

    with pytest.raises(pytest.fail.Exception, match="no answer within"), in_time(0.1):
        hangs()
    answer(time.sleep, 0.1)  # the alarm is off again


def test_the_cases_can_find_something():
    """A reader that lets an error through is found by them."""

    @fuzzed
    @given(content=damaged_bytes(b"1,2,3\n4,5,6\n"))
    def fragile(content):
        [int(word) for word in content.decode("ascii").replace("\n", ",").split(",") if word]

    with pytest.raises((ValueError, BaseExceptionGroup)):
        fragile()
