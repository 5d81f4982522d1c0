"""Options of which a job can have only one."""

from collections.abc import Container

from holdfast.errors import InvalidOption

_EXCLUSIVE = (
    ("delay", "run_at", "one of them says when it is due"),
    ("key", "cache", "a cached job is known by its input"),
    ("key", "debounce", "the newest input wins; key=…, on_conflict='replace' lets the newest win without waiting"),
    ("cache", "debounce", "the newest input wins, and joins no other"),
    ("delay", "debounce", "debounce says how long it waits"),
    ("run_at", "debounce", "debounce says how long it waits"),
)


def refuse_exclusive(given: Container[str]) -> None:
    """Raise InvalidOption where two of `given` exclude each other."""
    for one, other, why in _EXCLUSIVE:
        if one in given and other in given:
            raise InvalidOption(f"give {one} or {other}, not both: {why}")
