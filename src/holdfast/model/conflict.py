"""Keys: at most one live job has one, and what a second job of the same key does."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, cast

from holdfast.errors import InvalidOption
from holdfast.model.job import JobState
from holdfast.model.lifecycle import Finish, Verdict
from holdfast.model.policy import Policy
from holdfast.model.text import check_name, shown

CHOICES = ("keep", "replace", "merge", "reject")
Merge: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], Mapping[str, Any]]
"""Takes the arguments of the live job and the newer ones, by parameter as JSON holds them, and answers the merged."""

NEWER = "superseded"
"""The reason of a version that was not tried again because a newer one waited."""

OnConflict: TypeAlias = Literal["keep", "replace", "merge", "reject"] | Merge


def check_key(value: Any) -> str:
    """A key: 1 to 255 characters, none of control."""
    return check_name(value, "key")


def check_on_conflict(value: Any) -> OnConflict:
    """What was given as on_conflict; InvalidOption for anything unknown."""
    if callable(value):
        return cast(Merge, value)
    if value not in CHOICES:
        raise InvalidOption(
            f"on_conflict must be {', '.join(map(repr, CHOICES))} or a function that merges, not {shown(value)}"
        )
    return cast(OnConflict, value)


def newest_wins(live: dict[str, Any], new: dict[str, Any]) -> Mapping[str, Any]:
    """What `on_conflict="merge"` does: the newer arguments over the live job's."""
    return {**live, **new}


def merged(merge: Merge, dump: Callable[[Mapping[str, Any]], str], live: str, new: str) -> str:
    """Merged arguments as JSON text; InvalidOption where `merge` raises or answers no mapping.

    dump: checks arguments against the task, and writes them.
    """
    try:
        found = cast(object, merge(json.loads(live), json.loads(new)))
    except Exception as error:
        raise InvalidOption(f"the function given as on_conflict raised {type(error).__name__}: {error}") from error
    if not isinstance(found, Mapping):
        raise InvalidOption(f"the function given as on_conflict must answer arguments by name, not {shown(found)}")
    return dump(cast("Mapping[str, Any]", found))


def ended_for_newer(verdict: Verdict, policy: str) -> Finish:
    """What becomes of an attempt whose job a newer request waits for: as it ended, or cancelled instead of tried again.

    policy: the job's own, as it is stored.
    """
    if isinstance(verdict, Finish):
        return verdict
    return Finish(JobState.CANCELLED, Policy.read(policy).keep_failed, NEWER, error=verdict.error)
