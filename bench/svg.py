"""A small writer of SVG pictures: bars, and lines over a logarithmic axis. Legible on white and on black.

Colours are of middle lightness and the ground is left transparent, so that one file serves light and dark pages.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

TEXT, FAINT = "#7a828c", "#8b949e"
GRID = "#8b949e40"
OURS = "#2f81f7"
OTHERS = ("#d2803a", "#3fa45b", "#a371f7", "#d1598f", "#b08f2d", "#3a9fb0", "#c0554f")
RAW = "#8b949e"
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


class Canvas:
    def __init__(self, width: int, height: int, title: str) -> None:
        self.head = (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
            f"{FONT} role='img' aria-label='{escape(title, quote=True)}'>"
        )
        self.parts: list[str] = []

    def text(
        self, x: float, y: float, text: str, size: int = 13, fill: str = TEXT, anchor: str = "start", bold: bool = False
    ) -> None:
        weight = " font-weight='600'" if bold else ""
        self.parts.append(
            f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{fill}' text-anchor='{anchor}'{weight}>"
            f"{escape(text)}</text>"
        )

    def bar(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        self.parts.append(
            f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 1.5):.1f}' height='{height:.1f}' rx='2' fill='{fill}'/>"
        )

    def line(self, points: Sequence[tuple[float, float]], stroke: str, width: float = 1, dashed: bool = False) -> None:
        dash = " stroke-dasharray='5 4'" if dashed else ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(
            f"<polyline points='{path}' fill='none' stroke='{stroke}' stroke-width='{width}' "
            f"stroke-linejoin='round'{dash}/>"
        )

    def dot(self, x: float, y: float, fill: str) -> None:
        self.parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3.5' fill='{fill}'/>")

    def svg(self) -> str:
        return self.head + "\n" + "\n".join(self.parts) + "\n</svg>\n"


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    told: str
    fill: str


@dataclass(frozen=True)
class Line:
    label: str
    points: Sequence[tuple[float, float]]
    stroke: str
    dashed: bool = False
    bold: bool = False


BAR, GAP, LABEL, ROOM = 18, 9, 128, 92


def bars(title: str, panels: Sequence[tuple[str, Sequence[Bar]]], foot: str = "", width: int = 860) -> str:
    """Panels of horizontal bars side by side, each with a scale of its own."""
    rows = max(len(panel) for _, panel in panels)
    height = 76 + rows * (BAR + GAP) + (26 if foot else 4)
    canvas = Canvas(width, height, title)
    canvas.text(8, 24, title, 16, bold=True)
    each = width / len(panels)
    for number, (name, panel) in enumerate(panels):
        left = number * each + 8
        canvas.text(left, 54, name, 13, bold=True)
        most = max(bar.value for bar in panel)
        for row, bar in enumerate(panel):
            y = 68 + row * (BAR + GAP)
            canvas.text(left + LABEL - 8, y + 14, bar.label, 13, anchor="end", bold=bar.fill == OURS)
            length = (each - LABEL - ROOM - 8) * bar.value / most
            canvas.bar(left + LABEL, y, length, BAR, bar.fill)
            canvas.text(left + LABEL + length + 7, y + 14, bar.told, 13, bold=bar.fill == OURS)
    if foot:
        canvas.text(8, height - 8, foot, 12, FAINT)
    return canvas.svg()


@dataclass(frozen=True)
class Axis:
    label: str
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool = True

    def place(self, value: float) -> float:
        low, high = self.ticks[0][0], self.ticks[-1][0]
        if self.logarithmic:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low)


def lines(
    title: str, panels: Sequence[tuple[str, Axis, Axis, Sequence[Line]]], foot: str = "", width: int = 860
) -> str:
    """Panels of lines, named at their ends; a single point is named beside it."""
    height, top, bottom, names = 330, 70, 56, 118
    canvas = Canvas(width, height + (18 if foot else 0), title)
    canvas.text(8, 24, title, 16, bold=True)
    each = width / len(panels)
    for number, (name, across, up, panel) in enumerate(panels):
        left, right = number * each + 48, (number + 1) * each - names
        tall = height - top - bottom
        canvas.text(number * each + 8, 54, name, 13, bold=True)
        for value, told in up.ticks:
            y = top + tall * (1 - up.place(value))
            canvas.line([(left, y), (right, y)], GRID)
            canvas.text(left - 6, y + 4, told, 11, FAINT, "end")
        for value, told in across.ticks:
            canvas.text(left + (right - left) * across.place(value), top + tall + 18, told, 11, FAINT, "middle")
        canvas.text((left + right) / 2, top + tall + 36, across.label, 12, FAINT, "middle")
        ends: list[tuple[float, Line]] = []
        for line in panel:
            spots = [
                (left + (right - left) * across.place(x), top + tall * (1 - min(1.0, max(0.0, up.place(y)))))
                for x, y in line.points
            ]
            canvas.line(spots, line.stroke, 2.5 if line.bold else 1.75, line.dashed)
            for spot in spots if len(spots) < 12 else []:
                canvas.dot(*spot, line.stroke)
            if len(spots) == 1:
                canvas.text(spots[0][0] + 9, spots[0][1] + 4, line.label, 12, line.stroke)
            else:
                ends.append((spots[-1][1], line))
        for y, line in apart(ends, top + 4, top + tall + 8):
            canvas.text(right + 8, y + 4, line.label, 12, line.stroke, bold=line.bold)
    if foot:
        canvas.text(8, height + 10, foot, 12, FAINT)
    return canvas.svg()


def apart(ends: list[tuple[float, Line]], top: float, bottom: float, by: float = 15) -> list[tuple[float, Line]]:
    """Names moved off each other, downwards and then back up."""
    placed: list[tuple[float, Line]] = []
    for y, line in sorted(ends, key=lambda end: end[0]):
        placed.append((max(y, placed[-1][0] + by if placed else top), line))
    limit = bottom
    for number in range(len(placed) - 1, -1, -1):
        y, line = placed[number]
        placed[number] = min(y, limit), line
        limit = placed[number][0] - by
    return placed
