"""Figures as a table, as Markdown and as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

from measure import Figures
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
COLUMNS = (
    "question",
    "database",
    "who",
    "median",
    "±",
    "of raw",
    "of best peer",
    "CPU µs/job: Python",
    "server",
    "p95",
    "worst",
)


def ratios(found: Sequence[Figures]) -> list[float | None]:
    """What part of the raw loop's rate each contestant reaches: round by round, then the median."""
    raw = {(one.question, one.database): one for one in found if one.who == "raw"}
    answer: list[float | None] = []
    for one in found:
        base = raw.get((one.question, one.database))
        if base is None or base is one or one.peer:
            answer.append(None)
            continue
        pairs = sorted(
            mine / theirs if one.better == "more" else theirs / mine
            for mine, theirs in zip(one.rounds, base.rounds, strict=True)
        )
        answer.append(pairs[len(pairs) // 2])
    return answer


def beside_peers(found: Sequence[Figures]) -> list[float | None]:
    """Our rate, or a raw loop's, in parts of the best peer's: medians of the same run."""
    best: dict[tuple[str, str], float] = {}
    for one in found:
        if one.peer:
            place = one.question, one.database
            best[place] = max(one.median, best.get(place, 0.0))
    return [
        None if one.peer or (one.question, one.database) not in best else one.median / best[one.question, one.database]
        for one in found
    ]


def rows(found: Sequence[Figures]) -> list[tuple[str, ...]]:
    def extra(one: Figures, name: str, digits: int = 0) -> str:
        return f"{one.of(name):.{digits}f}" if name in one.extra else ""

    answer: list[tuple[str, ...]] = []
    for one, ratio, beside in zip(found, ratios(found), beside_peers(found), strict=True):
        figure = f"{one.median:,.0f} {one.unit}" if one.better == "more" else f"{one.median:.2f} {one.unit}"
        answer.append(
            (
                one.question,
                one.database,
                one.who,
                figure,
                f"{one.spread:.0%}",
                "" if ratio is None else f"{ratio:.2f}",
                "" if beside is None else f"{beside:.1f}",
                extra(one, "python"),
                extra(one, "server") if one.database == "postgres" else "",
                extra(one, "p95", 2),
                extra(one, "worst", 2),
            )
        )
    return answer


def show(found: Sequence[Figures]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in COLUMNS[:3] else "right")
    last = ""
    for row in rows(found):
        if last and row[0] != last:
            table.add_section()
        table.add_row("" if row[0] == last else row[0], *row[1:], style=None if row[2] == "raw" else "cyan")
        last = row[0]
    Console(width=150).print(table)


def save(found: Sequence[Figures], machine: dict[str, str], command: str, seconds: float) -> list[Path]:
    """bench/results/latest.md and .json."""
    RESULTS.mkdir(exist_ok=True)
    about = {**machine, "command": command, "took": f"{seconds:.0f} s", "rounds": str(len(found[0].rounds))}
    text = "# What the benchmarks last found\n\n"
    text += (
        "Ours beside a raw loop of the same shape over the same statements, taking turns; `±` is half of what lies\n"
    )
    text += (
        "between the best and the worst round; `of raw` is the median of the rounds' ratios. Every job was counted:\n"
    )
    text += "none lost, none doubled. Only the ratios carry over to another machine or another hour.\n\n"
    text += "\n".join(f"- {name}: {value}" for name, value in about.items()) + "\n\n"
    text += "| " + " | ".join(COLUMNS) + " |\n|" + "---|" * 3 + "--:|" * (len(COLUMNS) - 3) + "\n"
    text += "\n".join("| " + " | ".join(row) + " |" for row in rows(found)) + "\n"
    markdown, data = RESULTS / "latest.md", RESULTS / "latest.json"
    markdown.write_text(text)
    figures = [
        {
            "question": one.question,
            "database": one.database,
            "who": one.who,
            "unit": one.unit,
            "rounds": one.rounds,
            "median": one.median,
            "of_raw": ratio,
            **one.extra,
        }
        for one, ratio in zip(found, ratios(found), strict=True)
    ]
    data.write_text(json.dumps({"about": about, "figures": figures}, indent=1) + "\n")
    return [markdown, data]
