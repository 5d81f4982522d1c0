"""The steps of a job as a tree with times."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from holdfast.cli.screen import printable
from holdfast.cli.times import now, relative
from holdfast.model.duration import format_duration
from holdfast.steps import StepInfo

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

UNDONE = "undo"
"""The line of what was undone; those of tasks stand after it."""

MARKS = {"done": ("✓", "green"), "failed": ("✗", "red"), "waiting": ("…", "cyan")}


def print_steps(console: "Console", steps: Sequence[StepInfo]) -> None:
    """Pieces in the order in which they began; those of tasks that the body started stand below it."""
    from rich.text import Text
    from rich.tree import Tree

    if not steps:
        return
    tree = Tree(Text("steps", "cyan"), guide_style="dim")
    lines: dict[str, Tree] = {"": tree}
    numbers: defaultdict[tuple[str, str], int] = defaultdict(int)
    for step in steps:
        numbers[step.line, step.name] += 1
    for step in steps:
        _line(lines, step.line).add(_shown(step, numbers[step.line, step.name] > 1))
    console.print(tree)


def step_documents(steps: Sequence[StepInfo], payload: bool) -> list[dict[str, Any]]:
    """Steps as JSON can hold them; without results where `payload` is not asked for."""
    left_out: set[str] = set() if payload else {"result"}
    return [
        {
            part.name: value.isoformat() if isinstance(value := getattr(step, part.name), datetime) else value
            for part in fields(step)
            if part.name not in left_out
        }
        for step in steps
    ]


def _line(lines: "dict[str, Tree]", path: str) -> "Tree":
    if path not in lines:
        from rich.text import Text

        parent, _, number = path.rpartition(" " if path.startswith(UNDONE) else ".")
        named = f"task {int(number) + 1}" if number.isdecimal() else "undone" if number == UNDONE else "earlier attempt"
        lines[path] = _line(lines, parent if number.isdecimal() else "").add(Text(named, "dim"))
    return lines[path]


def _shown(step: StepInfo, numbered: bool) -> "Text":
    from rich.text import Text

    mark, style = MARKS.get(step.state, ("?", ""))
    name = f"{step.name} #{step.number + 1}" if numbered else step.name
    text = Text.assemble((mark, style), " ", printable(name))
    if step.kind not in ("step", "sleep", "enqueue", "cancel", "undo"):
        text.append(f"  {step.kind}", "dim")
    if step.ended_at is not None and step.kind != "enqueue":
        text.append(f"  {format_duration((step.ended_at - step.began_at).total_seconds())}", "dim")
    elif step.due is not None:
        text.append(f"  until {relative(step.due, now())}", "dim")
    elif step.waits_for:
        text.append(f"  for {step.waits_for}", "dim")
    if step.tries > 1:
        text.append(f"  {step.tries} tries", "yellow")
    if step.error:
        text.append(f"  {printable(str(step.error.get('kind') or step.error.get('how')))}: ", "red")
        text.append(printable(str(step.error.get("message", "")))[:200])
    return text
