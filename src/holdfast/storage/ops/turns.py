"""Claims by turns, where jobs of several tenants are ready: which lines there are, and jobs of those whose turn it is.

The plain claim knows nothing of this: a worker claims so once it has met jobs of a tenant, or heard that some wait.
"""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from holdfast.model.turns import MOST_LINES, Ask, Line, Turns
from holdfast.storage.op import Row, Steps, one
from holdfast.storage.ops.jobs import HEAD, Wanted, asked


class Taken(NamedTuple):
    """What a claim by turns saw and asked for: what `Turns` is to remember.

    looked: it looked for lines; otherwise it went by those of an earlier look. wide: there were more.
    """

    lines: Sequence[Line]
    wide: bool
    looked: bool
    asks: Sequence[Ask]
    cursor: str


_Seen: TypeAlias = tuple[Sequence[Line], bool, str]
"""Lines, whether there are more, and behind whom they begin."""


def name_of(queues: Sequence[str] | None) -> str:
    """Under which the place is kept where workers of these queues go on."""
    return "" if queues is None else blake2b("\t".join(sorted(queues)).encode(), digest_size=16).hexdigest()


def take(
    wanted: Wanted,
    turns: Turns,
    queues: Sequence[str] | None,
    caps: Mapping[str, int] | None = None,
    held: frozenset[tuple[str, str]] = frozenset(),
) -> Steps[tuple[list[Row], Taken]]:
    """Ready jobs of those whose turn it is. queues: the ones to take from (None: all). caps: the most of a queue.
    held: tenants and queues of which nothing is taken."""
    looked = wanted.after is HEAD or not turns.lines
    if looked:
        seen = yield from _look(wanted, turns, queues)
    else:
        seen = turns.lines, turns.wide, turns.cursor
    lines, wide, cursor = seen
    if held and lines:
        cursor = lines[-1].tenant if wide else cursor
        lines = [line for line in lines if (line.tenant, line.queue) not in held]
    asks = turns.ask(lines, wide, wanted.batch, caps)
    if not asks:
        return [], Taken(lines, wide, looked, asks, cursor)
    rows = yield from _claim(wanted, queues, asks)
    if not rows and len(asks) < len(lines):  # those had nothing that this worker may take
        spent = {ask.line for ask in asks}
        others = [line for line in lines if line not in spent]
        more = turns.ask(others, True, len(others), caps)
        rows = yield from _claim(wanted, queues, more)
        asks = [*asks, *more]
    cursor = asks[-1].line.tenant
    if looked and (wide or turns.young):
        yield one("turn_put", name_of(wanted.queues), cursor)
    return rows, Taken(lines, wide, looked, asks, cursor)


def _claim(wanted: Wanted, queues: Sequence[str] | None, asks: Sequence[Ask]) -> Steps[list[Row]]:
    if not asks:
        return []
    name = "claim_turns" if queues is None else "claim_turns_queues"
    return (yield one(name, *asked(wanted).rows[0][:6], _told(asks), max(ask.most for ask in asks)))


def _look(wanted: Wanted, turns: Turns, queues: Sequence[str] | None) -> Steps[_Seen]:
    """The lines there are; where one look does not see all, those of the best priority behind the last one's."""
    most = max(wanted.batch, MOST_LINES)
    cursor = turns.cursor
    if wanted.queues is None or len(wanted.queues) * most <= 10 * MOST_LINES or not queues:
        each = most
    else:
        each = max(4, 10 * MOST_LINES // len(queues))
    if turns.young or turns.wide:
        cursor = ((yield one("turn_get", name_of(wanted.queues))) or [(cursor,)])[0][0]
    behind = (yield from _lines(queues, cursor, each)) if turns.wide and cursor else []
    if behind and _cut(_best(behind), each):
        return _best(behind), True, cursor
    lines = yield from _lines(queues, "", each)
    if not _cut(lines, each):
        return _turned(lines, cursor), False, cursor
    if not turns.wide and cursor:
        behind = yield from _lines(queues, cursor, each)
    best = _best(lines)
    first = [line for line in behind if line.rank == best[0].rank]
    return [*first, *(line for line in best if line not in set(first))], True, cursor


def _lines(queues: Sequence[str] | None, after: str, most: int) -> Steps[list[Line]]:
    if queues is None:
        rows = yield one("turn_lines", after, most)
    else:
        rows = yield one("turn_lines_queues", tuple(queues), after, most)
    return [Line(*row) for row in rows]


def _best(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.rank == lines[0].rank]


def _cut(lines: Sequence[Line], most: int) -> bool:
    """Whether there may be more, of some queue."""
    counts: dict[str | None, int] = {}
    for line in lines:
        counts[line.queue] = counts.get(line.queue, 0) + 1
    return max(counts.values(), default=0) >= most


def _turned(lines: list[Line], cursor: str) -> list[Line]:
    """From behind the cursor on, so that nobody is first in each process that begins anew."""
    return sorted(lines, key=lambda line: (line.rank, line.tenant <= cursor, line.tenant))


def _told(asks: Sequence[Ask]) -> str:
    return json.dumps([
        {**ask.line._asdict(), "ord": place, "count": ask.most, "due": ask.due, "seq": ask.seq}
        for place, ask in enumerate(asks)
    ], default=str)  # fmt: skip
