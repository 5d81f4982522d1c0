"""What a body has recorded, matched with what it asks for. Pure: no database, no clock.

A piece is known by its line, its name and its number among those of this name there. As long as a line replays what
was recorded, each call must ask for what stands at its place: where it asks for something else the code has changed,
and that is found here, before anything is done. A new attempt forgets failed steps, and may then go other ways: from
there on pieces are looked up by name alone.
"""

import enum
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any, NamedTuple, cast
from uuid import UUID

from pydantic import BaseModel

from holdfast.errors import NonDeterminism
from holdfast.storage.ops.steps import StepKey, StepRecord


class Asked(NamedTuple):
    """A call of a body: which piece it is, at which place, and what is known of it (None: it is new)."""

    key: StepKey
    place: int
    kind: str
    mark: str | None
    known: StepRecord | None


class Journal:
    """The pieces of one version of a job, as one attempt of it sees them."""

    def __init__(self, records: Iterable[StepRecord], attempt: int) -> None:
        self._known: dict[StepKey, StepRecord] = {}
        self._at: dict[tuple[str, int], StepRecord] = {}
        self._places: Counter[str] = Counter()
        self._names: Counter[tuple[str, str]] = Counter()
        self._asked: defaultdict[str, list[str]] = defaultdict(list)
        self._patches: dict[tuple[str, str], bool] = {}
        self._loose = False
        for record in records:
            self._loose = self._loose or record.place < 0
            if record.state == "failed" and record.attempt < attempt:
                self._loose = True  # it is tried anew, and what follows may be otherwise
                continue
            self._known[record.key] = record
            self._at[record.key.branch, record.place] = record

    def ask(self, branch: str, name: str, kind: str, mark: str | None) -> Asked:
        """The next call of a line. Raises NonDeterminism where the record says otherwise."""
        place, nth = self._places[branch], self._names[branch, name]
        key = StepKey(branch, name, nth)
        known = self._known.get(key)
        if not self._loose:
            self._check(branch, place, name, kind, mark)
        elif known is not None and (known.kind, known.mark) != (kind, mark) and known.mark and mark:
            known = None  # the same name for something else: it is done anew
        self._places[branch] += 1
        self._names[branch, name] += 1
        self._asked[branch].append(name)
        return Asked(key, -1 - place if self._loose else place, kind, mark, known)

    def replaced(self, asked: Asked) -> StepRecord | None:
        """What an earlier attempt did under this name, and this one does otherwise; None where nothing is to undo."""
        there = self._known.get(asked.key) if asked.known is None else None
        return None if there is None or there.undo is None or there.state != "done" else there

    def patch(self, branch: str, id: str) -> Asked | bool:
        """Whether a change applies: True or False as it was answered before, or a piece that is to be recorded (True).

        A line that recorded something else at this place had passed here before the change was made.
        """
        if (branch, id) in self._patches:
            return self._patches[branch, id]
        name = f"patched {id}"
        key = StepKey(branch, name, 0)
        if key not in self._known and (branch, self._places[branch]) in self._at:
            self._patches[branch, id] = False
            return False
        self._patches[branch, id] = True
        asked = self.ask(branch, name, "patch", None)
        return asked if asked.known is None else True

    def _check(self, branch: str, place: int, name: str, kind: str, mark: str | None) -> None:
        there = self._at.get((branch, place))
        if there is None:  # it is new, or was cut off
            return
        if there.key.name != name or there.kind != kind:
            raise NonDeterminism(self._diff(branch, f"{kind} {name}", there))
        if there.mark is not None and mark is not None and there.mark != mark:
            raise NonDeterminism(self._diff(branch, f"{kind} {name}, with other arguments", there))

    def _diff(self, branch: str, asked: str, there: StepRecord) -> str:
        before = self._asked[branch]
        where = f" in its line {branch}" if branch else ""
        lines = [f"  {name}" for name in before[-3:]]
        lines += [f"- {there.kind} {there.key.name}", f"+ {asked}"]
        return (
            f"the body asks for another piece than the one recorded as number {len(before) + 1}{where}: has its code "
            "changed?\n(- as recorded, + as asked)\n" + "\n".join(lines)
        )


def marked(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
    """A digest of arguments, the same in every process; None for what has no such form, and for no arguments."""
    if not args and not kwargs:
        return None
    try:
        text = json.dumps([args, kwargs] if kwargs else args, sort_keys=True, default=_plain)
    except (TypeError, ValueError, RecursionError):
        return None
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def _plain(value: Any) -> Any:
    match value:
        case BaseModel():
            return value.model_dump(mode="json")
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case UUID() | Decimal() | PurePath():
            return str(value)
        case enum.Enum():
            return value.value
        case bytes():
            return value.hex()
        case set() | frozenset():
            return sorted(json.dumps(each, sort_keys=True, default=_plain) for each in cast("set[Any]", value))
        case _ if is_dataclass(value) and not isinstance(value, type):
            return asdict(value)
        case _:
            raise TypeError
