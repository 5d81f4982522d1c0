"""The pictures of what was found: rates of all, rate by concurrency, rate by backlog, how long jobs wait."""

import os
from collections.abc import Sequence
from pathlib import Path

import svg
from measure import KINDS, Figures
from targets import DRAINS, GROWTH, PICKUP, Found

FOLDER = Path(os.environ.get("HOLDFAST_BENCH_RESULTS") or Path(__file__).parent / "results")
NAMES = {"postgres": "PostgreSQL", "sqlite": "SQLite"}
CONCURRENCY = {1: DRAINS[3], 10: DRAINS[2], 100: DRAINS[0], 500: DRAINS[1]}
BACKLOG = {20_000: "holdfast, empty", 200_000: "holdfast, 200k waiting", 1_000_000: "holdfast, 1M waiting"}
RATES = [
    (50.0, "50"),
    (100.0, "100"),
    (300.0, "300"),
    (1e3, "1k"),
    (3e3, "3k"),
    (1e4, "10k"),
    (3e4, "30k"),
    (1e5, "100k"),
]
ALONE = ("huey", "persist-queue", "litequeue")
"""Peers that run one job at a time, whatever they are asked."""
WAITS = [(0.1, "0.1"), (0.3, "0.3"), (1.0, "1"), (3.0, "3"), (10.0, "10"), (30.0, "30"), (100.0, "100")]
FOOT = "Ratios carry over to other machines, rates do not. Exact figures, versions and machine: bench/results/latest.md"


def draw(figures: Sequence[Figures]) -> list[Path]:
    """Those for which there are figures."""
    found = Found(figures)
    made = []
    for name, picture in {
        "drain": _drain,
        "concurrency": _concurrency,
        "backlog": _backlog,
        "latency": _latency,
    }.items():
        if text := picture(found):
            path = FOLDER / f"{name}.svg"
            path.write_text(text)
            made.append(path)
    return made


def _short(rate: float) -> str:
    return f"{rate / 1000:,.1f}k" if rate >= 1000 else f"{rate:,.0f}"


def _colours(found: Found) -> dict[str, str]:
    """The same colour for a peer in all pictures."""
    peers = dict.fromkeys(one.who for one in found.figures if one.peer)
    return {who: svg.OTHERS[number % len(svg.OTHERS)] for number, who in enumerate(peers)}


def _drain(found: Found) -> str:
    panels = []
    for kind in KINDS:
        best: dict[str, float] = {}
        for one in found.figures:
            if one.question in DRAINS and one.database == kind and one.who != "raw":
                best[one.who] = max(best.get(one.who, 0.0), one.median)
        ranked = sorted(best.items(), key=lambda item: -item[1])
        panels.append(
            (
                f"{NAMES[kind]}, every commit flushed",
                [
                    svg.Bar(who, rate, _short(rate), svg.OURS if who == "holdfast" else svg.FAINT)
                    for who, rate in ranked
                ],
            )
        )
    if not all(panel for _, panel in panels):
        return ""
    return svg.bars("No-op jobs a second, one worker process, each at its best concurrency", panels, FOOT)


def _concurrency(found: Found) -> str:
    across = svg.Axis("jobs at once", [(float(many), str(many)) for many in CONCURRENCY])
    up, colours = svg.Axis("", RATES), _colours(found)
    panels = []
    for kind in KINDS:
        lines = []
        whos = dict.fromkeys(one.who for one in found.figures if one.question in DRAINS and one.database == kind)
        for who in whos:
            rates = [(float(many), found.value(asked, kind, who)) for many, asked in CONCURRENCY.items()]
            points = [(many, rate) for many, rate in rates if rate is not None]
            if who in ALONE:
                points = [(1.0, rate) for _, rate in points]
            if len(points) > 1 or kind == "sqlite":
                lines.append(_line(who, points, colours))
        panels.append((f"{NAMES[kind]}: jobs a second", across, up, lines))
    return svg.lines("Rate by concurrency", panels, FOOT) if all(panel[3] for panel in panels) else ""


def _line(who: str, points: list[tuple[float, float]], colours: dict[str, str]) -> svg.Line:
    if who == "holdfast, in the same process":
        return svg.Line("in one process", points, svg.OURS, dashed=True)
    if who.startswith("raw"):
        return svg.Line("raw loop", points, svg.RAW, dashed=True)
    return svg.Line(who, points, svg.OURS if who == "holdfast" else colours[who], bold=who == "holdfast")


def _backlog(found: Found) -> str:
    lines = []
    for kind, stroke in zip(KINDS, (svg.OURS, svg.OTHERS[1]), strict=True):
        rates = [(float(many), found.value(GROWTH, kind, who)) for many, who in BACKLOG.items()]
        points = [(many, rate) for many, rate in rates if rate is not None]
        if len(points) > 1:
            lines.append(svg.Line(f"on {NAMES[kind]}", points, stroke, bold=True))
    if not lines:
        return ""
    behind = found.value(GROWTH, "postgres", "pgqueuer, 200k waiting")
    plain = found.value(DRAINS[0], "postgres", "pgqueuer")
    if behind is not None and plain is not None:
        lines.append(svg.Line("pgqueuer", [(5e4, plain), (2e5, behind)], _colours(found)["pgqueuer"]))
    across = svg.Axis("jobs waiting", [(2e4, "20k"), (1e5, "100k"), (2e5, "200k"), (5e5, "500k"), (1e6, "1M")])
    most = max(rate for line in lines for _, rate in line.points)
    step = 5_000 if most < 30_000 else 10_000
    ticks = [(float(rate), f"{rate // 1000}k" if rate else "0") for rate in range(0, int(most * 1.2) + step, step)]
    panel = ("Holdfast and PgQueuer: jobs a second", across, svg.Axis("", ticks, logarithmic=False), lines)
    return svg.lines("Rate by backlog, 100 at once", [panel], width=560)


def _latency(found: Found) -> str:
    across = svg.Axis("percentile", [(float(part), f"p{part}") for part in (0, 25, 50, 75, 99)], logarithmic=False)
    up, colours = svg.Axis("", WAITS), _colours(found)
    panels = []
    for kind in KINDS:
        lines = [
            _line(one.who, _parts(one), colours) for one in found.figures if one.place == (PICKUP, kind) and one.waits
        ]
        panels.append((f"{NAMES[kind]}: ms until a new job begins", across, up, lines))
    return svg.lines("Pick-up by an idle worker, 20 jobs a second", panels, FOOT) if all(p[3] for p in panels) else ""


def _parts(one: Figures) -> list[tuple[float, float]]:
    """Each percentile, of at least 101 waits in order."""
    last = len(one.waits) - 1
    ordered = sorted(one.waits)
    return [(float(part), max(ordered[round(last * part / 100)], 0.1)) for part in range(100)]
