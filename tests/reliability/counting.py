"""Count what was tried, what was right in the end, and what was lost."""

import csv
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path


@dataclass
class Row:
    """How often a fault was tried, how often the right bytes came out of the next call, and files lost."""

    fault: str
    tried: int = 0
    survived: int = 0
    lost: int = 0
    suite: str = "small"
    date: str = field(default_factory=lambda: f"{datetime.now():%Y-%m-%d}")


@dataclass
class Tally:
    """Rows, in the order in which faults were first met."""

    rows: dict[str, Row] = field(default_factory=dict)

    def count(self, fault: str, *, survived: bool, lost: int = 0, suite: str = "small") -> None:
        """One more trial. lost: finished files made again without need, and files of wrong bytes."""
        row = self.rows.setdefault(fault, Row(fault, suite=suite))
        row.tried += 1
        row.survived += survived
        row.lost += lost

    def keep(self, path: Path) -> None:
        """Write the rows as CSV; rows of faults that were not tried now stay as they are."""
        old: dict[str, Row] = {}
        if path.exists():
            with path.open(encoding="utf-8", newline="") as handle:
                for line in csv.DictReader(handle):
                    numbers = (int(line[key]) for key in ("tried", "survived", "lost"))
                    old[line["fault"]] = Row(line["fault"], *numbers, line["suite"], line["date"])
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, [each.name for each in fields(Row)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(asdict(row) for row in (old | self.rows).values())


def table(rows: dict[str, Row]) -> str:
    """The rows as a table for the terminal."""
    wide = max(map(len, rows))
    lines = [f"{'fault':{wide}}  tried  right  lost"]
    lines += [f"{row.fault:{wide}}  {row.tried:5}  {row.survived:5}  {row.lost:4}" for row in rows.values()]
    return "\n".join(lines)
