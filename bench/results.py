"""What was found: kept as JSON, question by question, and told as Markdown."""

import json
import os
from pathlib import Path
from typing import Any

import targets
from measure import Figures
from report import rows

FOLDER = Path(os.environ.get("HOLDFAST_BENCH_RESULTS") or Path(__file__).parent / "results")
DATA = FOLDER / "latest.json"
PAGE = FOLDER / "latest.md"
MACHINE = ("processor", "memory", "system", "Python", "PostgreSQL", "SQLite", "psycopg")
INTRODUCTION = """# What the benchmarks last found

Holdfast beside other libraries, and beside a raw loop of the same shape over the same statements, all taking turns in
the same minutes. The median of the rounds; `±` is half of what lies between the best and the worst. Every job was
counted: none lost, none doubled. Ratios carry over to other machines, rates do not.
"""


def keep(found: dict[str, Any]) -> None:
    """Put the answers to some questions in the place of their last ones."""
    FOLDER.mkdir(exist_ok=True)
    DATA.write_text(json.dumps({**_kept(), **found}, indent=1, ensure_ascii=False) + "\n")


def _kept() -> dict[str, Any]:
    kept = json.loads(DATA.read_text()) if DATA.exists() else {}
    return {name: one for name, one in kept.items() if isinstance(one, dict) and {"about", "figures"} <= one.keys()}


def figures() -> list[Figures]:
    return [Figures(**one) for question in _kept().values() for one in question["figures"]]


def write() -> Path:
    """The page of all that is kept."""
    kept = _kept()
    parts = [INTRODUCTION, _machine(kept), "## Targets\n", _targets(), "\n![drain](drain.svg)\n"]
    parts += ["![by concurrency](concurrency.svg)\n![by backlog](backlog.svg)\n![latency](latency.svg)\n"]
    for name, question in kept.items():
        about = question["about"]
        parts.append(f"## {name}\n")
        parts.append(
            f"`{about['command']}` at commit {about['commit']}, {about['date']}: {about['rounds']} rounds,"
            f" {about['seconds']} s, load before {about['load before']}\n"
        )
        parts.append(_tables([Figures(**one) for one in question["figures"]]))
    PAGE.write_text("\n".join(parts))
    return PAGE


def _machine(kept: dict[str, Any]) -> str:
    about = [question["about"] for question in kept.values()]
    lines = [f"- {name}: {', '.join(dict.fromkeys(str(one[name]) for one in about))}" for name in MACHINE]
    total = sum(one["seconds"] for one in about)
    return "\n".join([*lines, f"- all questions together: {total // 60} min {total % 60} s", ""])


def _targets() -> str:
    found = targets.Found(figures())
    lines = ["| question | PostgreSQL | SQLite |", "|---|---|---|"]
    for target in targets.TARGETS:
        cells = [_cell(getattr(target, kind), found) for kind in ("postgres", "sqlite")]
        lines.append(f"| {target.question} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(goals: tuple[targets.Goal, ...], found: targets.Found) -> str:
    told = []
    for goal in goals:
        value = goal.find(found)
        if value is None:
            told.append(f"not measured ({goal.wanted})")
        else:
            mark = "✓" if goal.met(value) else "✗"
            told.append(f"{mark} **{goal.told(value)}** ({goal.wanted})")
    return "<br>".join(told)


def _tables(found: list[Figures]) -> str:
    text = []
    for question in dict.fromkeys(one.question for one in found):
        columns, table = rows([one for one in found if one.question == question])
        head = "| " + " | ".join([question, *columns[1:]]) + " |\n|---|---|" + "--:|" * (len(columns) - 2) + "\n"
        text.append(head + "\n".join("| " + " | ".join(row) + " |" for row in table) + "\n")
    return "\n".join(text)
