"""`app.groups` and `app.limits`: what is in one, its size set at run time, a stopped group opened again."""

from holdfast.errors import InvalidOption
from holdfast.executor import Executor
from holdfast.model.gate import LIMIT, group_gate, split
from holdfast.model.limit import check_places
from holdfast.model.spacing import Rate, spaced
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name
from holdfast.storage.ops import gates
from holdfast.storage.ops.gates import Gate


class Groups:
    """Groups of jobs. Each verb has a twin for event loops: `get` and `aget`."""

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._tenant = scope.tenant or "default"
        self._scope = scope

    def get(self, name: str) -> Gate | None:
        """What is in a group: `size` (its places), `used` (places taken by jobs that run or are about to), `stopped`.
        None for one that has had no jobs for a day or more.

        >>> app.groups.get("customer:42").used
        1
        """
        return self._executor.run(gates.get([(self._tenant, group_gate(name))]).within(self._scope), "read")[0]

    async def aget(self, name: str) -> Gate | None:
        """`get` for event loops."""
        op = gates.get([(self._tenant, group_gate(name))]).within(self._scope)
        return (await self._executor.arun(op, "read"))[0]

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
        (seconds between two starts), `used`, `edited` (whether it was set by hand). None for one without jobs.

        >>> app.limits.get("api", part="acme").used
        2
        """
        return self._executor.run(gates.get([self._key(name, part)]).within(self._scope), "read")[0]

    async def aget(self, name: str, part: str | None = None) -> Gate | None:
        """`get` for event loops."""
        op = gates.get([self._key(name, part)]).within(self._scope)
        return (await self._executor.arun(op, "read"))[0]

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


def _limit(name: str) -> str:
    return check_name(name, "a limit's name")


def _numbers(concurrency: int | None, throttle: Rate | None) -> tuple[int | None, float | None]:
    if concurrency is None and throttle is None:
        raise InvalidOption("give concurrency=, throttle= or both")
    size = None if concurrency is None else check_places(concurrency, "concurrency")
    return size, None if throttle is None else spaced(throttle, "throttle")
