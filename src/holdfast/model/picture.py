"""The life of a job as a picture, drawn from the table of moves."""

from holdfast.model.job import FINISHED, JobState
from holdfast.model.lifecycle import MOVES


def diagram() -> str:
    """A Mermaid state chart, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> ready: enqueue", "    [*] --> scheduled: enqueue later"]
    for origin, moves in MOVES.items():
        lines += [f"    {origin} --> {target}: {why}" for target, why in moves.items()]
    lines += [f"    {state} --> [*]: retention" for state in JobState if state in FINISHED]
    return "\n".join(lines)
