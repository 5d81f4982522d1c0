"""What a body said while its words are on their way to the database."""

import asyncio
from typing import Any, cast

from holdfast.events.bus import Bus
from holdfast.model.job import ClaimedJob
from holdfast.storage.base import Store
from holdfast.storage.op import Op
from holdfast.worker.holding import Holding
from holdfast.worker.narrator import Narrator
from holdfast.worker.teller import Teller


class SlowStore:
    """A store whose batch arrives when it is told to."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.asked = asyncio.Event()

    async def arun(self, op: Op[Any], lane: str = "write") -> None:
        self.asked.set()
        await self.arrived.wait()


class Silent:
    def note(self, *args: object, **parts: object) -> None: ...


def _holding() -> Holding:
    job = ClaimedJob(
        tenant="default", id="x", token=1, version=1, task="t", queue="q", args="{}", priority=0, attempt=1,
        max_attempts=1, crashes=0, timeout=None, policy="{}", due=0, seq=1, metadata=None, deadline_in=None,
    )  # fmt: skip
    return Holding(job)


def _rows(op: Op[None] | None) -> dict[str, list[Any]]:
    """What the operation would write, by statement."""
    if op is None:
        return {}
    found: dict[str, list[Any]] = {}
    steps = op.steps(False)
    try:
        statement = next(steps)
        while True:
            found[statement.name] = list(statement.rows)
            statement = steps.send([])
    except StopIteration:
        return found


async def _scene() -> None:
    store, held, other = SlowStore(), _holding(), _holding()
    teller = Teller(cast(Store, store), Bus(), cast(Narrator, Silent()))
    teller.progress(held, {"done": 1})
    teller.line(held, "INFO", "one")
    teller.line(other, "INFO", "other")
    writing = asyncio.create_task(teller.flush())
    await store.asked.wait()
    teller.line(held, "INFO", "two")

    taken = _rows(teller.take(held))
    assert [row[3] for row in taken["progress"]] == ['{"done": 1}']
    assert [(row[3], row[7]) for row in taken["log"]] == [(1, "one"), (2, "two")]

    store.arrived.set()
    await writing
    assert not teller.pending
    assert teller.take(held) is None


def test_the_end_takes_along_what_is_on_its_way() -> None:
    asyncio.run(_scene())


async def _newer() -> None:
    store, held = SlowStore(), _holding()
    teller = Teller(cast(Store, store), Bus(), cast(Narrator, Silent()))
    teller.progress(held, {"done": 1})
    writing = asyncio.create_task(teller.flush())
    await store.asked.wait()
    teller.progress(held, {"done": 2})
    assert [row[3] for row in _rows(teller.take(held))["progress"]] == ['{"done": 2}']
    store.arrived.set()
    await writing


def test_newer_progress_wins_over_what_is_on_its_way() -> None:
    asyncio.run(_newer())
