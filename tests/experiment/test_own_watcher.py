"""Somebody's watcher: all of it is passed on, and it is blamed for what it raises."""

from pathlib import Path

import pytest
import torch

from stability_gap.errors import UserError
from stability_gap.experiment.own_watcher import own_watcher

MODULE = """
import torch


class Sees:
    def __init__(self, learner, timeline, seeds):
        self.told = [learner, timeline, seeds]

    def see(self, iteration, step):
        self.told.append((iteration, step))

    def finish(self, folder):
        self.told.append(folder)


class Fails(Sees):
    def see(self, iteration, step):
        raise step


class Deeper(Sees):
    def see(self, iteration, step):
        torch.zeros(2) + torch.zeros(3)


class NeverMade:
    def __init__(self, learner, timeline, seeds):
        raise ValueError


class Blind:
    def __init__(self, *_):
        pass

    def see(self, iteration, step):
        pass
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "somebodys_watchers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


def made(name: str):
    return own_watcher(f"somebodys_watchers:{name}")("learner", "timeline", [3, 7])


def test_it_is_told_everything():
    watcher = made("Sees")
    watcher.see(1, "step")
    watcher.finish(Path("folder"))
    assert watcher.watcher.told == ["learner", "timeline", [3, 7], (1, "step"), Path("folder")]
    made("Blind").finish(Path("folder"))  # has none


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (
            "Fails",
            RuntimeError("shapes"),
            r"'somebodys_watchers:Fails' raised at update 5: shapes \(somebodys_watchers.py, line 18\)",
        ),
        ("Fails", KeyError(), r"raised at update 5: KeyError \("),
        ("Deeper", None, r"raised at update 5: The size of tensor a .* \(somebodys_watchers.py, line 23\)"),
    ],
)
def test_what_it_raises_names_it_and_the_line(name, error, message):
    with pytest.raises(UserError, match=message):
        made(name).see(5, error)


def test_one_that_cannot_be_made_is_named():
    with pytest.raises(UserError, match=r"'somebodys_watchers:NeverMade' raised when it was made: ValueError"):
        made("NeverMade")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"),
        MemoryError(),
        UserError("no such key"),
    ],
)
def test_lack_of_memory_and_messages_to_the_user_are_passed_on(error):
    with pytest.raises(type(error)) as raised:
        made("Fails").see(1, error)
    assert raised.value is error


@pytest.mark.parametrize("target", ["no_such_module:Watcher", "json:Nothing", "json"])
def test_one_that_is_not_there_is_refused(target):
    with pytest.raises(UserError, match=f"watcher '{target}'.*must be module:Class"):
        own_watcher(target)
