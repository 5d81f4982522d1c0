"""All checks, one after the other: ours here, and those that the store brings."""

import platform
from collections.abc import Iterator

from holdfast.doctor import fleet
from holdfast.errors import DatabaseUnavailable, HoldfastError
from holdfast.model.finding import Check, Finding, fine, problem, warning
from holdfast.storage.base import Store


def examine(store: Store, version: str) -> Iterator[tuple[str, Finding]]:
    """Each finding, with the name of its check, as soon as it is made.

    What cannot be looked at is told as a warning; an unreachable database ends the examination.
    """
    yield "Holdfast", fine(f"{version} on Python {platform.python_version()}")
    try:
        store.check()
        usable = True
        yield "database", fine(store.where.removeprefix("the "))
    except DatabaseUnavailable as error:
        yield "database", problem(str(error), "")
        return
    except HoldfastError as error:
        usable = False
        what, _, remedy = str(error).partition(" Run: ")
        yield "database", problem(what, remedy)
    for check in (*store.checks(), *fleet.checks(store)):
        if usable or not check.needs_tables:
            for finding in run(check):
                yield check.name, finding


def run(check: Check) -> Iterator[Finding]:
    """What a check finds; one that fails is told, and keeps no other from being made."""
    try:
        yield from check.run()
    except Exception as error:
        yield warning(
            f"could not be looked at: {' '.join(str(error).split())}", "see whether this user has the rights to look"
        )
