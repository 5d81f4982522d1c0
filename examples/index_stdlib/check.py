"""Whether every file was counted exactly once: the report is compared with the files themselves."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app import Totals
from rich.console import Console
from rich.table import Table

from holdfast import JobRecord

WIDTH = 96
INTRODUCTION = (
    "Holdfast keeps jobs in a database, so that work outlives the process that does it. "
    "Here each Python file of the standard library is a job, and two worker processes share them. "
    "Half way one of the two is killed. What happens to the jobs it held?"
)
CONCLUSION = (
    "Nobody restarted anything. The dead worker's claims ran out, the other worker ran those jobs again, "
    "and each file is in the report once. That is what Holdfast is for."
)
ROW = re.compile(r"^\| (\d+) \| \d+ \| \d+ \| \d+ \| (.+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What came of the run. `lines_differ`: the report's sum of lines against a count made without any job."""

    files: int
    jobs: int
    rescued: int
    twice: int
    lost: int
    lines_differ: int
    seconds: float
    longest: str

    @property
    def sound(self) -> bool:
        return not (self.twice or self.lost or self.lines_differ)


def check(files: Sequence[Path], root: Path, records: Sequence[JobRecord], totals: Totals, seconds: float) -> Outcome:
    """Read the report as anybody would, and compare."""
    text = totals.report.read_text("utf-8")
    rows = [(root / path, int(lines)) for lines, path in ROW.findall(text)]
    counted = Counter(path for path, _ in rows)
    return Outcome(
        files=len(files),
        jobs=len(records) + 1,
        rescued=sum(record.crashes > 0 for record in records),
        twice=sum(times - 1 for times in counted.values()),
        lost=len(set(files) - set(counted)),
        lines_differ=abs(sum(lines for _, lines in rows) - sum(len(file.read_bytes().splitlines()) for file in files)),
        seconds=seconds,
        longest=text.partition("## The ten longest functions")[2].partition("##")[0],
    )


def say(console: Console, text: str) -> None:
    """A paragraph; not broken where no terminal shows it."""
    if console.is_terminal:
        console.print(text, width=min(WIDTH, console.width))
    else:
        console.print(text, soft_wrap=True)


def introduce(console: Console, database: str, root: Path, files: int, found: int) -> None:
    console.print()
    say(console, INTRODUCTION)
    console.print()
    part = "" if files == found else f", the largest of {found:,}"
    console.print(f"  files     {files:,} under {root}{part}", soft_wrap=True)
    console.print(f"  database  {database.removeprefix('the ')}", soft_wrap=True)
    console.print()


def conclude(console: Console, outcome: Outcome, report: Path | None) -> int:
    """Say what came of it; the answer is the exit code."""
    console.print()
    console.print("  The ten longest functions of the standard library:", style="bold")
    console.print(longest(outcome.longest))
    console.print()
    console.print(summary(outcome))
    console.print()
    if outcome.sound:
        say(console, CONCLUSION)
    else:
        console.print(f"This must not happen: {outcome}", style="bold red")
    if report is not None:
        console.print(f"\nThe whole report: {report}", soft_wrap=True)
    return 0 if outcome.sound else 1


def longest(markdown: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    table.add_column(justify="right")
    for line in markdown.strip().splitlines()[2:]:
        lines, function, file = (cell.strip(" `") for cell in line.strip("|").split("|"))
        table.add_row(f"{lines} lines", function, file)
    return table


def summary(outcome: Outcome) -> Table:
    good = "bold green" if outcome.sound else "bold red"
    table = Table(padding=(0, 1))
    for head in ("files", "jobs", "rescued", "counted twice", "lost", "seconds"):
        table.add_column(head, justify="right")
    table.add_row(
        f"{outcome.files:,}", f"{outcome.jobs:,}", f"{outcome.rescued:,}", f"[{good}]{outcome.twice}[/]",
        f"[{good}]{outcome.lost}[/]", f"{outcome.seconds:.1f}",
    )  # fmt: skip
    return table
