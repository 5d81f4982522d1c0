"""A picture of what jobs recorded, as time went by: one bar for each step, wait and child."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from holdfast.model.job import JobRecord
from holdfast.steps import StepInfo

COLOURS = {"step": "#2f81f7", "invoke": "#3fa45b", "wait": "#d2803a", "sleep": "#8b949e"}
MEANS = {"step": "step", "invoke": "child job", "wait": "waits for a person", "sleep": "sleeps"}
TEXT, FAINT, KILL = "#7a828c", "#8b949e55", "#d1242f"
LEFT, WIDTH, ROW, TOP = 190, 620, 16, 52


def draw(path: Path, jobs: Sequence[tuple[JobRecord, Sequence[StepInfo]]], killed_at: datetime) -> None:
    """Write the picture of these jobs' pieces as SVG; `killed_at`: when their worker was."""
    first = min(job.created_at for job, _ in jobs)
    last = max(job.finished_at or job.updated_at for job, _ in jobs)
    scale = WIDTH / (last - first).total_seconds()

    def at(moment: datetime) -> float:
        return LEFT + (moment - first).total_seconds() * scale

    parts: list[str] = []
    y = TOP
    for job, pieces in jobs:
        name = Path(str(job.args.get("path", job.id))).name
        parts.append(f"<text x='8' y='{y + 12}' fill='{TEXT}' font-weight='600'>{escape(name)}</text>")
        begun, ended = at(job.created_at), at(job.finished_at or last)
        parts.append(f"<rect x='{begun:.1f}' y='{y + 5}' width='{ended - begun:.1f}' height='5' fill='{FAINT}'/>")
        y += ROW
        for piece in pieces:
            if piece.kind not in COLOURS or piece.ended_at is None:
                continue
            start = at(piece.began_at)
            length = max(at(piece.ended_at) - start, 2.0)
            name, colour = escape(piece.name), COLOURS[piece.kind]
            parts.append(f"<text x='{LEFT - 8}' y='{y + 11}' fill='{TEXT}' text-anchor='end'>{name}</text>")
            parts.append(f"<rect x='{start:.1f}' y='{y + 3}' width='{length:.1f}' height='9' rx='2' fill='{colour}'/>")
            y += ROW
        y += 6
    whole = (last - first).total_seconds()
    for second in range(int(whole) + 1):
        x = LEFT + second * scale
        parts.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{TOP - 6}' y2='{y}' stroke='{FAINT}'/>")
        parts.append(f"<text x='{x:.1f}' y='{y + 14}' fill='{TEXT}' text-anchor='middle'>{second} s</text>")
    x = at(killed_at)
    parts.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{TOP - 14}' y2='{y}' stroke='{KILL}' stroke-dasharray='4 3'/>")
    parts.append(f"<text x='{x:.1f}' y='{TOP - 18}' fill='{KILL}' text-anchor='middle'>kill -9</text>")
    for number, (kind, colour) in enumerate(COLOURS.items()):
        x = LEFT + number * 150
        parts.append(f"<rect x='{x}' y='8' width='12' height='9' rx='2' fill='{colour}'/>")
        parts.append(f"<text x='{x + 18}' y='16' fill='{TEXT}'>{MEANS[kind]}</text>")
    size = f"width='{LEFT + WIDTH + 30}' height='{y + 24}'"
    font = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif' font-size='11'"
    path.write_text(
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {LEFT + WIDTH + 30} {y + 24}' {size} {font} role='img' "
        f"aria-label='What songs recorded, second by second'>\n" + "\n".join(parts) + "\n</svg>\n"
    )
