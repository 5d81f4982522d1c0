"""`app.groups` and `app.limits`: what is in them, sizes set at run time, stopped groups opened again."""

from typing import TypeAlias

from holdfast.errors import InvalidOption
from holdfast.executor import Executor
from holdfast.model.gate import GROUP, LIMIT, Gate, group_gate, split
from holdfast.model.limit import check_places
from holdfast.model.page import Records
from holdfast.model.spacing import Rate, spaced
from holdfast.model.tenant import Scope
from holdfast.model.text import LONGEST_NAME, check_name, shown
from holdfast.paging import checked
from holdfast.storage.op import Op
from holdfast.storage.ops import gates, standing

Gates: TypeAlias = Records[Gate]  # named out here: in the classes, `list` is a verb
Page: TypeAlias = Op[list[Gate]]


class Groups:
    """Groups of jobs. Each verb has a twin for event loops: `get` and `aget`."""

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._tenant = scope.tenant or "default"
        self._scope = scope

    def get(self, name: str) -> Gate | None:
        """What is in a group: `size` (its places), `used` (places taken by jobs that run or are about to), `waiting`
        (jobs in its line, counted up to 10,000), `stopped` and by which job: `stopped_by`.
        None for one that has had no jobs for a day or more.

        >>> app.groups.get("customer:42").used
        1
        """
        return self._executor.run(standing.get([(self._tenant, group_gate(name))]).within(self._scope), "read")[0]

    async def aget(self, name: str) -> Gate | None:
        """`get` for event loops."""
        op = standing.get([(self._tenant, group_gate(name))]).within(self._scope)
        return (await self._executor.arun(op, "read"))[0]

    def list(self, *, stopped: bool = False, limit: int = 100, after: str | None = None) -> Gates:
        """Groups by name: a page of at most `limit` (1 to 1,000), after the cursor `after`.

        stopped: only those that a failure keeps shut. Raises InvalidOption.

        >>> [(group.name, group.stopped_by) for group in app.groups.list(stopped=True)]
        """
        return _cut(self._executor.run(self._page(stopped, limit, after), "read"), limit)

    async def alist(self, *, stopped: bool = False, limit: int = 100, after: str | None = None) -> Gates:
        """`list` for event loops."""
        return _cut(await self._executor.arun(self._page(stopped, limit, after), "read"), limit)

    def _page(self, stopped: bool, limit: int, after: str | None) -> Page:
        return standing.page(self._tenant, GROUP, checked(limit) + 1, _cursor(after), stopped).within(self._scope)

    def resume(self, name: str) -> bool:
        """Let a group go on that a failure has stopped (`on_failure="stop"`), without the job that failed; whether it
        was stopped. A retry of that job does so too, and runs it first.

        >>> app.groups.resume("customer:42")
        True
        """
        return self._executor.run(gates.resume((self._tenant, group_gate(name))).within(self._scope))

    async def aresume(self, name: str) -> bool:
        """`resume` for event loops."""
        return await self._executor.arun(gates.resume((self._tenant, group_gate(name))).within(self._scope))


class Limits:
    """Limits by name. Each verb has a twin for event loops: `set` and `aset`."""

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._tenant = scope.tenant or "default"
        self._scope = scope

    def get(self, name: str, part: str | None = None) -> Gate | None:
        """What is in a limit, or in its part for one value of `by`: `size` (its places, None for any number), `spacing`
        (seconds between two starts), `used`, `waiting`, `edited` (whether it was set by hand). None for one that has
        had no jobs for a day or more.

        >>> app.limits.get("api", part="acme").used
        2
        """
        return self._executor.run(standing.get([self._key(name, part)]).within(self._scope), "read")[0]

    async def aget(self, name: str, part: str | None = None) -> Gate | None:
        """`get` for event loops."""
        op = standing.get([self._key(name, part)]).within(self._scope)
        return (await self._executor.arun(op, "read"))[0]

    def list(self, *, limit: int = 100, after: str | None = None) -> Gates:
        """Limits and their parts by name: a page of at most `limit` (1 to 1,000), after the cursor `after`. One that
        nobody has used for a day is not there, unless it was set by hand.

        >>> [(one.name, one.part, one.used, one.waiting) for one in app.limits.list()]
        """
        return _cut(self._executor.run(self._page(limit, after), "read"), limit)

    async def alist(self, *, limit: int = 100, after: str | None = None) -> Gates:
        """`list` for event loops."""
        return _cut(await self._executor.arun(self._page(limit, after), "read"), limit)

    def _page(self, limit: int, after: str | None) -> Page:
        return standing.page(self._tenant, LIMIT, checked(limit) + 1, _cursor(after)).within(self._scope)

    def set(self, name: str, *, concurrency: int | None = None, throttle: Rate | None = None) -> None:
        """Give a limit and all its parts other numbers, now and for good: what the code says no longer counts for it.
        Jobs that run go on; a smaller limit is reached as they end.

        concurrency, throttle: as in Limit; both are set, None is no limit. Raises InvalidOption.

        >>> app.limits.set("api", concurrency=2, throttle="10/s")
        """
        self._executor.run(
            gates.edit(LIMIT + _limit(name), self._tenant, *_numbers(concurrency, throttle)).within(self._scope)
        )

    async def aset(self, name: str, *, concurrency: int | None = None, throttle: Rate | None = None) -> None:
        """`set` for event loops."""
        await self._executor.arun(
            gates.edit(LIMIT + _limit(name), self._tenant, *_numbers(concurrency, throttle)).within(self._scope)
        )

    def reset(self, name: str) -> None:
        """Leave a limit to the code again, whose numbers count from the next start of a worker on.

        >>> app.limits.reset("api")
        """
        self._executor.run(gates.release(LIMIT + _limit(name), self._tenant).within(self._scope))

    async def areset(self, name: str) -> None:
        """`reset` for event loops."""
        await self._executor.arun(gates.release(LIMIT + _limit(name), self._tenant).within(self._scope))

    def _key(self, name: str, part: str | None) -> tuple[str, str]:
        gate = LIMIT + _limit(name)
        return (self._tenant, gate if part is None else split(gate, part))


def _cursor(after: object) -> str:
    """A name, or a limit's and its part's."""
    if after is None:
        return ""
    if not isinstance(after, str) or not 0 < len(after) <= 2 * LONGEST_NAME + 1:
        raise InvalidOption(f"after must be the cursor that a page ended with, not {shown(after)}")
    for start in range(0, len(after), LONGEST_NAME):
        check_name(after[start : start + LONGEST_NAME], "after")
    return after


def _cut(found: list[Gate], limit: int) -> Gates:
    """A page of what was found, one more than it holds."""
    if len(found) <= limit:
        return Records(found, None)
    last = found[limit - 1]
    return Records(found[:limit], last.name if last.part is None else f"{last.name}/{last.part}")


def _limit(name: str) -> str:
    return check_name(name, "a limit's name")


def _numbers(concurrency: int | None, throttle: Rate | None) -> tuple[int | None, float | None]:
    if concurrency is None and throttle is None:
        raise InvalidOption("give concurrency=, throttle= or both")
    size = None if concurrency is None else check_places(concurrency, "concurrency")
    return size, None if throttle is None else spaced(throttle, "throttle")
