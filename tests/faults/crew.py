"""What the processes of the fault tests do: workers, producers, and the tasks between them.

Every body writes its beginning and its end to the journal and returns the token it ran under. So the database's
result column says under which claim a result was made, and a result that a stale worker got written shows.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import random
import signal
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.faults.journal import Journal

from holdfast import Call, Context, Event, Fail, Holdfast, Retry, TaskSet
from holdfast.errors import DatabaseError
from holdfast.ids import new_id
from holdfast.model import lifecycle
from holdfast.model.tenant import Scope
from holdfast.storage.ops.inspect import get
from holdfast.storage.ops.jobs import enqueue
from holdfast.task import to_new_job
from holdfast.worker.engine import Engine
from holdfast.worker.holding import Holding

tasks = TaskSet()
journal: Journal
folder: Path


def prepare() -> None:
    """In the nursery, before any fork: what each child would have to load for itself."""
    for database in ("postgres", "sqlite"):
        importlib.import_module(f"holdfast.storage.{database}.store")
    for task in tasks:
        task.signature.prepare()


# ---------------------------------------------------------------- bodies


def begin(ctx: Context[Any]) -> int:
    token: int = ctx.job.metadata["token"]
    journal.write("begin", job=ctx.job.id, token=token, attempt=ctx.job.attempt)
    return token


def end(ctx: Context[Any], how: str = "returned") -> None:
    journal.write("end", job=ctx.job.id, token=ctx.job.metadata["token"], how=how)


@tasks.task(max_crashes=None)
async def noop(ctx: Context) -> int:
    token = begin(ctx)
    end(ctx)
    return token


@tasks.task(max_crashes=None)
async def nap(ctx: Context, seconds: float) -> int:
    token = begin(ctx)
    await asyncio.sleep(seconds)
    end(ctx)
    return token


@tasks.task(max_crashes=None)
def threaded(ctx: Context, seconds: float) -> int:
    token = begin(ctx)
    time.sleep(seconds)
    end(ctx)
    return token


@tasks.task(max_crashes=None, retry=Retry(attempts=3, backoff="constant", base=0.05, jitter=0))
async def flaky(ctx: Context) -> int:
    """Fails in its first two attempts."""
    token = begin(ctx)
    await asyncio.sleep(0.01)
    if ctx.job.attempt < 3:
        end(ctx, "raised")
        raise ValueError(f"under token {token}")
    end(ctx)
    return token


@tasks.task(max_crashes=None, retry=Retry(attempts=2, backoff="constant", base=0.05, jitter=0))
def hopeless(ctx: Context) -> int:
    """Fails in every attempt."""
    token = begin(ctx)
    end(ctx, "raised")
    raise ValueError(f"under token {token}")


@tasks.task(max_crashes=None)
async def large(ctx: Context, text: str, checksum: int) -> int:
    token = begin(ctx)
    if zlib.crc32(text.encode()) != checksum:
        journal.write("damaged", job=ctx.job.id)
    await asyncio.sleep(0.01)
    end(ctx)
    return token


@tasks.task(max_crashes=None, retry=Retry(attempts=2, backoff="constant", base=60, jitter=0))
async def linger(ctx: Context, how: str, gate: str, done: str | None = None) -> int:
    """Waits until the file `gate` is there, and then returns, or raises in order to be retried or to fail at once.

    Where it runs again after a crash, it waits for `done`.
    """
    token = begin(ctx)
    while not passed(ctx, gate, done):
        await asyncio.sleep(0.02)
    if how != "return" and ctx.job.crashes == 0:
        end(ctx, "raised")
        raise Fail("at once") if how == "fail" else ValueError("to be retried")
    end(ctx)
    return token


@tasks.task(max_crashes=None)
def linger_threaded(ctx: Context, gate: str, done: str | None = None) -> int:
    token = begin(ctx)
    while not passed(ctx, gate, done):
        time.sleep(0.02)
    end(ctx)
    return token


def passed(ctx: Context[Any], gate: str, done: str | None) -> bool:
    file = gate if ctx.job.crashes == 0 else done
    return file is None or (folder / file).exists()


@tasks.task
async def poison(ctx: Context, how: str) -> int:
    """Takes its worker with it."""
    begin(ctx)
    await asyncio.sleep(0.1)
    if how == "exit":
        os._exit(9)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


@tasks.task
async def neighbour(ctx: Context, seconds: float) -> int:
    """An ordinary job with the ordinary limit of crashes."""
    token = begin(ctx)
    await asyncio.sleep(seconds)
    end(ctx)
    return token


@tasks.task
async def plain(value: str) -> str:
    """Says nothing to the journal."""
    return value


FAILS = frozenset({"hopeless"})


def call(chance: random.Random) -> Call[Any]:
    """A job of some kind."""
    kind = chance.choices(("noop", "nap", "long", "threaded", "flaky", "hopeless", "large"), (4, 4, 2, 3, 2, 1, 1))[0]
    match kind:
        case "noop":
            return noop.call()
        case "nap":
            return nap.call(chance.uniform(0.005, 0.05))
        case "long":
            return nap.call(chance.uniform(0.2, 0.6))
        case "threaded":
            return threaded.call(chance.uniform(0.005, 0.1))
        case "flaky":
            return flaky.call()
        case "hopeless":
            return hopeless.call()
        case _:
            text = chance.choice("abcdefgh") * chance.randint(500, 20_000)
            return large.call(text, zlib.crc32(text.encode()))


# ---------------------------------------------------------------- processes


def open_app(url: str, where: str, **settings: Any) -> Holdfast:
    """The app of a child process, with its journal."""
    global journal, folder
    folder = Path(where)
    journal = Journal(where)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s.%(msecs)03d %(name)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("holdfast.storage").setLevel(logging.DEBUG)
    app = Holdfast(url, **settings)
    app.include(tasks)
    return app


def work(
    url: str,
    where: str,
    lease: float = 1.0,
    concurrency: int = 10,
    poll_interval: float = 0.25,
    suspect_wait: float | None = None,
    deaf: bool = False,
    leader: bool = True,
    grace: float = 10.0,
) -> None:
    """A worker, until SIGTERM.

    suspect_wait: seconds instead of the ten that a suspect waits.
    deaf: does not hear from its renewals that a lease is lost, so that its late ends reach the database.
    """
    if suspect_wait is not None:
        lifecycle.SUSPECT_WAIT = suspect_wait
    app = open_app(url, where)
    show_tokens()
    if deaf:
        Engine._lost = lambda self, held: None  # type: ignore[method-assign]
    app.on("lease.lost", note)
    app.on("job.rescued", note)
    worker = app.worker(lease=lease, concurrency=concurrency, poll_interval=poll_interval, leader=leader)
    journal.write("boot", boot=worker.id)

    async def main() -> None:
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
        await worker.start()
        journal.write("ready", boot=worker.id)
        await told.wait()
        await worker.stop(grace)

    asyncio.run(main())
    app.close()


def note(event: Event) -> None:
    journal.write("event", name=event.name, job=event.details["id"])


def show_tokens() -> None:
    """Let bodies see the token they run under, among their job's metadata."""
    original = Engine._context

    def context(self: Engine, held: Holding, task: Any) -> Context[Any]:
        made = original(self, held, task)
        made.job = replace(made.job, metadata={"token": held.lease.token})
        return made

    Engine._context = context  # type: ignore[method-assign]


def produce(url: str, where: str, seed: int, rate: float, most: int | None = None) -> None:
    """Enqueue jobs of all kinds, some alone and some together, until SIGTERM or `most`, `rate` a second.

    What is not known to be stored is asked about and enqueued again under the same ids.
    """
    chance = random.Random(seed)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    app = open_app(url, where)
    asked = 0
    began = time.monotonic()
    while not stopped.is_set() and (most is None or asked < most):
        calls = [call(chance) for _ in range(1 if chance.random() < 0.7 else chance.randint(2, 12))]
        insist(app, calls)
        asked += len(calls)
        stopped.wait(max(0.0, began + asked / rate - time.monotonic()))
    app.close()


def write(url: str, where: str, batch: int, seconds: float) -> None:
    """Enqueue as fast as possible, so many jobs in each transaction."""
    app = open_app(url, where)
    worst = 0.0
    writes = 0
    end_at = time.monotonic() + seconds
    while (began := time.monotonic()) < end_at:
        try:
            made = app.enqueue_many([noop.call() for _ in range(batch)])
        except DatabaseError as error:
            journal.write("refused", error=f"{type(error).__name__}: {error}")
            continue
        worst = max(worst, time.monotonic() - began)
        writes += 1
        for job in made if batch > 1 else ():
            journal.write("ack", job=job.id)
    journal.write("wrote", writes=writes, worst=worst)
    app.close()


def insist(app: Holdfast, calls: list[Call[Any]]) -> None:
    """Enqueue until it is known to be done. All of a batch are stored or none."""
    new = [to_new_job(one) for one in calls]
    ids = [one.id for one in new]
    for one in new:
        journal.write("ask", job=one.id, task=one.task)
    while True:
        try:
            app.store.run(enqueue(new, Scope()))
            break
        except DatabaseError as error:
            journal.write("refused", error=f"{type(error).__name__}: {error}"[:300])
        found = persist(lambda: app.store.run(get(ids, Scope()), "read"))
        there = [one for one in found if one is not None]
        if len(there) not in (0, len(new)):
            journal.write("torn", job=ids[0], stored=len(there), of=len(new))
        if len(there) == len(new):
            break
        time.sleep(0.02)
    for id in ids:
        journal.write("ack", job=id)


def persist(action: Callable[[], Any]) -> Any:
    """Until the database answers."""
    while True:
        try:
            return action()
        except DatabaseError:
            time.sleep(0.05)


__all__ = ["FAILS", "call", "insist", "new_id", "open_app", "prepare", "produce", "tasks", "work"]
