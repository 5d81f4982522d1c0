"""Puts what was measured into README and docs/performance.md, between `<!-- measured: NAME -->` and `<!-- end -->`."""

import re
from collections.abc import Iterator
from pathlib import Path

import durability
import targets
from targets import Found

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "performance.md")
PART = re.compile(r"(<!-- measured: (\w+) -->\n)(?:.*?\n)??(<!-- end -->)", re.DOTALL)
NAMES = {"postgres": "PostgreSQL", "sqlite": "SQLite"}
EXPECTED = {
    "drain, no-op async jobs, 100 at once": (targets.D100, targets.DRAINS),
    "drain, plain functions on threads": (targets.SYNC, (targets.SYNC,)),
    "enqueue, one call after another": (targets.ONE, (targets.ONE,)),
    "enqueue, 200 callers at once": (targets.MANY, (targets.MANY, targets.ONE)),
    "enqueue 100,000 in bulk": (targets.BULK, (targets.BULK, targets.ONE)),
    "pick-up by an idle worker, median": (targets.PICKUP, (targets.PICKUP,)),
}
"""What a reader asks first: the question, and where the best peer is looked for."""
PICTURES = {"concurrency": "Rate by concurrency", "backlog": "Rate by backlog", "latency": "How long a job waits"}


def write(found: Found, drawn: list[Path]) -> list[Path]:
    """Write the parts for which there are figures; the pages that changed."""
    names = [path.stem for path in drawn]
    made = {
        "picture": _picture(names),
        "pictures": [f"![{told}](../bench/results/{name}.svg)" for name, told in PICTURES.items() if name in names],
        "expect": list(_expect(found)),
        "durability": list(_durability(found)),
    }
    changed = []
    for page in PAGES:
        text = page.read_text("utf-8")
        new = PART.sub(lambda part: part[1] + "".join(f"{line}\n" for line in made[part[2]]) + part[3], text)
        if new != text:
            page.write_text(new, "utf-8")
            changed.append(page)
    return changed


def _picture(names: list[str]) -> list[str]:
    if "drain" not in names:
        return []
    return ["![No-op jobs a second of Holdfast and other job queues](bench/results/drain.svg)"]


def _expect(found: Found) -> Iterator[str]:
    yield "| | PostgreSQL | × best peer | SQLite | × best peer |"
    yield "|---|--:|--:|--:|--:|"
    for told, (question, beside) in EXPECTED.items():
        cells = [cell for kind in NAMES for cell in _expected(found, kind, question, beside)]
        yield f"| {told} | {' | '.join(cells)} |"


def _expected(found: Found, kind: str, question: str, beside: tuple[str, ...]) -> tuple[str, str]:
    ours, peer = found.one(question, kind), found.peer(kind, *beside)
    if ours is None:
        return "", ""
    figure = f"{ours.median:,.0f}/s" if ours.better == "more" else f"{ours.median:.2f} ms"
    if peer is None:
        return figure, ""
    times = ours.median / peer if ours.better == "more" else peer / ours.median
    return figure, f"{times:.1f}"


def _durability(found: Found) -> Iterator[str]:
    for kind, name in NAMES.items():
        if not any(found.value(label, kind, durability.SAFE[kind]) for label in durability.LABELS.values()):
            continue
        yield f"| {name} | `{durability.SAFE[kind]}` (default) | `{durability.QUICK[kind]}` | × |"
        yield "|---|--:|--:|--:|"
        for question, label in durability.LABELS.items():
            safe = found.value(label, kind, durability.SAFE[kind])
            quick = found.value(label, kind, durability.QUICK[kind])
            if safe and quick:
                told = durability.LABELS[question].partition(": ")[2]
                yield f"| {told} | {safe:,.0f}/s | {quick:,.0f}/s | {quick / safe:.2f} |"
        yield ""
