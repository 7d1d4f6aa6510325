"""What the generators of this folder share: a page of which a part is written by a script, and the way they are called."""

import sys
from collections.abc import Callable
from pathlib import Path


def between(page: Path, text: str, begin: str, end: str, content: str) -> str:
    """The text of a page with fresh `content` between two marks. Errors: ValueError where it lacks one of them."""
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} lacks the line {begin if not found else end!r}, between which is written")
    return f"{head}{begin}\n\n{content}\n\n{end}{tail}"


def call(page: Path, fresh: Callable[[str], str], script: str, usage: str | None, arguments: list[str]) -> int:
    """Write a page anew, or with --check compare; the exit status. `fresh`: the old text -> the new."""
    old = page.read_text(encoding="utf-8")
    new = fresh(old)
    if arguments == ["--check"]:
        if old != new:
            print(f"{page} is out of date; run: python docs/{script}.py", file=sys.stderr)
        return int(old != new)
    if arguments:
        print(usage, file=sys.stderr)
        return 2
    page.write_text(new, encoding="utf-8")
    return 0
