"""Turn the figures and tables of a suite's folder into pieces of a page."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from stability_gap.errors import UserError
from stability_gap.presentation.figures.registry import Kind
from stability_gap.presentation.looks import Looks

LAST = "paper_comparison"
"""A table of every suite that its configuration does not name."""
_PAGE_PIXELS = 1400  # of a figure as wide as a page, at the 200 dpi of `style`


@dataclass(frozen=True)
class Picture:
    """A figure: the name of its file, what it shows in words, the image as a data URI, its width as a percentage of the page."""

    name: str
    of: str
    uri: str
    width: int


@dataclass(frozen=True)
class Group:
    """All figures of one kind: `title` and `caption` are the docstring of the kind."""

    kind: str
    title: str
    caption: str
    pictures: list[Picture]


def groups(suite: Path, kinds: Mapping[str, Kind], benchmarks: Sequence[str], looks: Looks) -> list[Group]:
    """Read the figures of `suite`/figures, kind by kind, those of benchmarks in the order given.

    Errors: UserError where a figure is missing or cannot be read.
    """
    made = []
    for name, kind in kinds.items():
        title, _, caption = kind.about.partition("\n\n")
        of_each = {f"{name}_{each}": looks.benchmark(each) for each in benchmarks}
        stems = of_each if kind.of == "benchmark" else {name: "all benchmarks"}
        shown = [_picture(suite / "figures" / f"{stem}.png", of) for stem, of in stems.items()]
        made.append(Group(name, " ".join(title.split()).rstrip("."), " ".join(caption.split()), shown))
    return made


def table_fragments(suite: Path, names: Iterable[str]) -> dict[str, str]:
    """Take what the pages `suite`/tables/{name}.html hold, by name, each table in a box of its own that scrolls.

    The comparison with the paper comes last; a table without rows is left out. Errors: UserError where one is missing or holds
    no table.
    """
    fragments = {
        name: _fragment(suite / "tables" / f"{name}.html") for name in sorted(names, key=lambda each: (each == LAST, each))
    }
    return {name: fragment for name, fragment in fragments.items() if "<td" in fragment}


def _fragment(path: Path) -> str:
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(r"(<style.*?</style>).*?<body[^>]*>(.*)</body>", page, re.DOTALL)
    if found is None:
        raise UserError(f"{path} holds no table; delete it and make it again (snakemake {path}).")
    body = found[2].replace("<table", '<div class="scroll" tabindex="0"><table').replace("</table>", "</table></div>")
    return f"{found[1]}\n{body.strip()}"


def _picture(path: Path, of: str) -> Picture:
    try:
        content = path.read_bytes()
        width = Image.open(BytesIO(content)).width
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); make it first (snakemake {path}).") from error
    uri = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return Picture(path.stem, of, uri, round(100 * min(1.0, width / _PAGE_PIXELS)))
