"""Figures as the rows of a table, and as a table on the screen."""

import statistics
from collections.abc import Sequence

from measure import Figures
from rich.console import Console
from rich.table import Table

EXTRAS = {
    "python": ("Python µs/job", 0),
    "server": ("server µs/job", 0),
    "p95": ("p95", 2),
    "p99": ("p99", 2),
    "worst": ("worst", 2),
    "before": ("before", 0),
    "held": ("while held", 0),
    "held last": ("at its end", 0),
    "after": ("after", 0),
    "log": ("log, MB", 0),
    "log after": ("log after", 0),
    "named": ("holder named", 0),
}
"""Figures beside the main one: their columns, and digits."""


def of_raw(one: Figures, found: Sequence[Figures]) -> float | None:
    """What part of the raw loop's rate it reaches, or of plain jobs': round by round, then the median."""
    base = next((other for other in found if other.who in ("raw", "plain") and other.place == one.place), None)
    if base is None or base is one or one.peer or len(base.rounds) != len(one.rounds):
        return None
    pairs = zip(one.rounds, base.rounds, strict=True)
    return statistics.median(mine / theirs if one.better == "more" else theirs / mine for mine, theirs in pairs)


def of_best_peer(one: Figures, found: Sequence[Figures]) -> float | None:
    """How many times as good as the best peer: medians of the same run."""
    peers = [other.median for other in found if other.peer and other.place == one.place]
    if one.peer or not peers:
        return None
    return one.median / max(peers) if one.better == "more" else min(peers) / one.median


def rows(found: Sequence[Figures]) -> tuple[list[str], list[tuple[str, ...]]]:
    """The names of the columns that are needed, and a row for each."""
    extras = [name for name in EXTRAS if any(name in one.extra for one in found)]
    ratios = [(of_raw(one, found), of_best_peer(one, found)) for one in found]
    both = [any(pair[0] is not None for pair in ratios), any(pair[1] is not None for pair in ratios)]
    columns = ["database", "who", "median", "±"]
    base = "of plain" if any(one.who == "plain" for one in found) else "of raw"
    columns += [name for name, there in zip((base, "× best peer"), both, strict=True) if there]
    columns += [EXTRAS[name][0] for name in extras]
    answer: list[tuple[str, ...]] = []
    for one, pair in zip(found, ratios, strict=True):
        told = ["" if ratio is None else f"{ratio:.2f}" for ratio, there in zip(pair, both, strict=True) if there]
        told += [_extra(one, name) for name in extras]
        answer.append((one.database, one.who, shown(one), f"{one.spread:.0%}", *told))
    return columns, answer


def _extra(one: Figures, name: str) -> str:
    if name not in one.extra or (name == "server" and one.database != "postgres"):
        return ""
    return f"{one.of(name):,.{EXTRAS[name][1]}f}"


def shown(one: Figures) -> str:
    return f"{one.median:,.{0 if one.median >= 100 else 2}f} {one.unit}"


def show(found: Sequence[Figures]) -> None:
    console = Console(width=150)
    for question in dict.fromkeys(one.question for one in found):
        columns, lines = rows([one for one in found if one.question == question])
        table = Table(box=None, header_style="bold", pad_edge=False, title=question, title_justify="left")
        for name in columns:
            table.add_column(name, justify="left" if name in columns[:2] else "right", no_wrap=True)
        for line in lines:
            table.add_row(*line, style="cyan" if line[1].startswith("holdfast") else None)
        console.print(table)
        console.print()
