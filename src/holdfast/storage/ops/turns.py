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


_Seen: TypeAlias = tuple[Sequence[Line], bool, bool]
"""Lines, whether there are more of the best priority, and whether the next look goes on behind them."""


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
        seen = turns.lines, turns.wide, True
    lines, wide, moves = seen
    cursor = turns.cursor
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
    cursor = asks[-1].line.tenant if moves else cursor
    if moves and looked and (wide or turns.young):
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
    behind: list[Line] = []
    if turns.wide and cursor:
        rank = min((line.rank for line in (yield from _lines(queues, "", 1))), default=0)
        behind = [line for line in (yield from _lines(queues, cursor, each)) if line.rank == rank]
        if _cut(behind, each):
            return behind, True, True
    lines = yield from _lines(queues, "", each)
    if not _cut(lines, each):
        return _turned(lines, cursor), False, True
    if not _cut(_best(lines), each):  # the place among those below is kept
        return lines, False, False
    if not turns.wide and cursor:
        behind = yield from _lines(queues, cursor, each)
    best = _best(lines)
    first = [line for line in behind if line.rank == best[0].rank]
    seen = set(first)
    return [*first, *(line for line in best if line not in seen)], True, True


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
    """As JSON, put together by hand: it is half a thousand objects a claim."""
    told: list[str] = []
    for place, ((rank, tenant, weight, queue), most, due, seq) in enumerate(asks):
        where = "null" if queue is None else json.dumps(queue)
        since = "null" if due is None else json.dumps(due, default=str)
        told.append(
            f'{{"ord":{place},"rank":{rank},"tenant":{json.dumps(tenant)},"weight":{weight},"queue":{where},'
            f'"count":{most},"due":{since},"seq":{seq}}}'
        )
    return f"[{','.join(told)}]"
