"""How a job will have ended once what it did is undone, as its policy keeps it."""

from urllib.parse import quote, unquote

STATES = frozenset({"failed", "cancelled"})
"""What comes to a job that undoes."""

OWED = ""
"""The job has done something that is to be undone if it fails or is cancelled; it has not come to that."""

MARK = '"undo":"'
"""Stands in the stored policy of a job that has, and of one that undoes it."""

OWING = '"undo":""'
"""Stands only in that of the first."""


def written(state: str, reason: str | None) -> str:
    """A text that neither JSON nor a statement has to escape."""
    return f"{state} {quote(reason, safe='')}" if reason else state


def read(text: str | None) -> tuple[str, str | None] | None:
    """The state and reason that a job will have ended with; None for a job that undoes nothing (yet)."""
    if not text:
        return None
    state, _, reason = text.partition(" ")
    return state, unquote(reason) or None


def fits(text: str) -> bool:
    """Whether `read` can read it."""
    return text == OWED or text.partition(" ")[0] in STATES


def is_undoing(policy: str) -> bool:
    """Whether a stored policy is that of a job that undoes what it did."""
    return MARK in policy and OWING not in policy
