"""Write the table of modules in docs/architecture.md from the first sentence of each module's docstring.

python docs/generate_architecture.py           writes the file
python docs/generate_architecture.py --check   writes nothing, exits 1 where the file is out of date
"""

import ast
import re
import sys
from pathlib import Path

from generated_page import between, call

PAGE = Path(__file__).with_name("architecture.md")
PACKAGE = Path(__file__).parents[1] / "src" / "stability_gap"
BEGIN = "<!-- Written by docs/generate_architecture.py from here -->"
END = "<!-- to here. -->"


def table() -> str:
    """The modules in the order of their paths, packages first where their `__init__.py` does something."""
    lines = ["| module | what it does |", "|---|---|"]
    for path in sorted(PACKAGE.rglob("*.py"), key=lambda path: (len(path.relative_to(PACKAGE).parts) > 1, path)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.name == "__init__.py" and len(tree.body) < 2:
            continue
        lines.append(f"| `{path.relative_to(PACKAGE).as_posix()}` | {about(tree, path)} |")
    return "\n".join(lines)


def about(tree: ast.Module, path: Path) -> str:
    """The first sentence of a module's docstring, without its full stop. Errors: ValueError where there is none."""
    paragraph = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
    if not paragraph:
        raise ValueError(f"{path}: give it a docstring that begins with a sentence on what the module does")
    return re.split(r"\.(?=\s|$)", paragraph)[0].replace("|", "\\|")


def page(old: str) -> str:
    """The page `old` with a fresh table between the two marks. Errors: ValueError where a mark is missing."""
    return between(PAGE, old, BEGIN, END, table())


def main(arguments: list[str]) -> int:
    """Write the page, or with --check compare; the exit status."""
    return call(PAGE, page, "generate_architecture", __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
