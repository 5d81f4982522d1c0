"""The shape of our worker and of our shared commits, with no library around them.

`raw_postgres.py` and `raw_sqlite.py` put our tables and our own statements below it. What they reach is the most that
a library of this shape could reach on this machine in this minute, and `run.py` divides by it.
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, Protocol

KEPT = 7 * 86400.0
"""Seconds for which a finished job's row is kept."""

AHEAD = 1000
"""Jobs taken ahead at most: as many as ours takes where bodies are so short."""

Handler = Callable[..., Awaitable[object]]
Ending = tuple[str, str, int, str, float]
"""Tenant, id, token, result as JSON, seconds."""

TENANT, ID, TOKEN, ARGS, PRIORITY, TIMEOUT, DUE, SEQ = 0, 1, 2, 6, 7, 11, 13, 14
"""Columns of a claimed row."""


class Hand(Protocol):
    """A connection with a thread of its own, which claims, or writes endings, or both in one transaction."""

    claims: bool
    ends: bool

    def exchange(self, endings: list[Ending], wanted: int) -> list[tuple[Any, ...]]:
        """Write `endings`, claim up to `wanted` jobs."""
        ...


class Worker:
    """One asyncio task with a time limit per job, a local buffer refilled at half, endings written as soon as the
    last ones are: no timer anywhere."""

    def __init__(self, hands: Sequence[Hand], handler: Handler, concurrency: int = 100) -> None:
        self.handler = handler
        self.concurrency = concurrency
        self.room = max(2 * concurrency, AHEAD)
        self.hands = [(hand, ThreadPoolExecutor(1)) for hand in hands]
        self.busy: set[Hand] = set()
        self.buffer: deque[tuple[Any, ...]] = deque()
        self.endings: list[Ending] = []
        self.running = 0
        self.more = True
        self.loop = asyncio.get_running_loop()
        self.dry: asyncio.Future[None] = self.loop.create_future()

    async def drain(self) -> None:
        """Run all that is queued and return when the last ending is written."""
        self.turn()
        await self.dry

    def turn(self) -> None:
        """Start what may start, and give every idle hand what there is for it."""
        while self.buffer and self.running < self.concurrency:
            self.running += 1
            self.loop.create_task(self.run(self.buffer.popleft()))
        for hand, thread in self.hands:
            if hand not in self.busy:
                self.employ(hand, thread)
        if not (self.more or self.running or self.busy or self.endings):
            self.dry.set_result(None)

    def employ(self, hand: Hand, thread: ThreadPoolExecutor) -> None:
        wanted = 0
        if hand.claims and self.more and len(self.buffer) <= self.room // 2:
            wanted = self.room - len(self.buffer)
        endings: list[Ending] = []
        if hand.ends and self.endings:
            endings, self.endings = self.endings, []
        if not (wanted or endings):
            return
        self.busy.add(hand)
        future = self.loop.run_in_executor(thread, hand.exchange, endings, wanted)
        future.add_done_callback(lambda done: self.exchanged(hand, wanted, done))

    def exchanged(self, hand: Hand, wanted: int, done: "asyncio.Future[list[tuple[Any, ...]]]") -> None:
        self.busy.discard(hand)
        if (error := done.exception()) is not None:
            self.dry.set_exception(error)
            return
        rows = done.result()
        if wanted and not rows:
            self.more = False
        rows.sort(key=place)
        self.buffer.extend(rows)
        self.turn()

    async def run(self, job: tuple[Any, ...]) -> None:
        began = perf_counter()
        async with asyncio.timeout(job[TIMEOUT]):
            result = await self.handler(**json.loads(job[ARGS]))
        self.endings.append((job[TENANT], job[ID], job[TOKEN], json.dumps(result), perf_counter() - began))
        self.running -= 1
        self.turn()


def place(row: tuple[Any, ...]) -> tuple[int, str, Any, int]:
    """A job's place in the order of claims."""
    return -row[PRIORITY], row[TENANT], row[DUE], row[SEQ]


class Share:
    """Callers share commits: the next one starts when the last has returned, with all that came meanwhile."""

    def __init__(self, commit: Callable[[Sequence[str]], None]) -> None:
        self.commit = commit
        self.thread = ThreadPoolExecutor(1)
        self.waiting: list[tuple[str, asyncio.Future[None]]] = []
        self.busy = False
        self.loop = asyncio.get_running_loop()

    async def store(self, args: str) -> None:
        done: asyncio.Future[None] = self.loop.create_future()
        self.waiting.append((args, done))
        self.flush()
        await done

    def flush(self) -> None:
        if self.busy or not self.waiting:
            return
        self.busy = True
        batch, self.waiting = self.waiting, []
        future = self.loop.run_in_executor(self.thread, self.commit, [args for args, _ in batch])
        future.add_done_callback(lambda done: self.flushed(batch, done))

    def flushed(self, batch: list[tuple[str, "asyncio.Future[None]"]], done: "asyncio.Future[None]") -> None:
        done.result()
        self.busy = False
        for _, waiter in batch:
            waiter.set_result(None)
        self.flush()
