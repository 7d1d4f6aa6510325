"""Write the counts of docs/reliability.md from docs/reliability.csv, which the tests of tests/reliability keep.

RELIABILITY_COUNTS=docs/reliability.csv make test-reliability
python docs/generate_reliability.py           writes the page between its two marks
python docs/generate_reliability.py --check   writes nothing, exits 1 where the page is out of date
"""

import csv
import sys
from pathlib import Path

from generated_page import between, call

PAGE = Path(__file__).with_name("reliability.md")
COUNTS = PAGE.with_suffix(".csv")
BEGIN, END = "<!-- Written by docs/generate_reliability.py from here -->", "<!-- to here. -->"


def counts() -> str:
    """The table of what was tried."""
    with COUNTS.open(encoding="utf-8", newline="") as handle:
        rows = [[line[key] for key in ("fault", "tried", "survived", "lost", "suite", "date")] for line in csv.DictReader(handle)]
    lines = ["| fault or variation | tried | right | lost | suite | date |", "|---|--:|--:|--:|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def main(arguments: list[str]) -> int:
    """Write or check the page; the exit status."""
    return call(PAGE, lambda text: between(PAGE, text, BEGIN, END, counts()), "generate_reliability", __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
