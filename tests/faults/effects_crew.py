"""What the processes of test_effects_kill.py do: bodies that write effects in their own transaction, and a producer
that writes orders and enqueues their jobs in one."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import threading
import time
from typing import Any

import psycopg

from holdfast import Context, Holdfast, Retry, TaskSet
from holdfast.errors import DatabaseError

tasks = TaskSet()
AGAIN = Retry(attempts=3, backoff="constant", base=0.02, jitter=0)
url = ""


def open_app(where: str) -> Holdfast:
    global url
    url = where
    app = Holdfast(where)
    app.include(tasks)
    return app


def theirs() -> Any:
    """A connection that the user's code opens."""
    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite:///"), timeout=20)
    return psycopg.connect(url)


@tasks.task
async def receipt(order: int) -> None: ...


def write(ctx: Context[Any], order: int) -> None:
    connection = ctx.connection
    connection.execute(f"insert into effects values ({order}, 1)")
    receipt.using(connection=connection).enqueue(order)
    time.sleep(random.uniform(0, 0.01))
    connection.execute(f"insert into effects values ({order}, 2)")


@tasks.task(transaction=True, max_crashes=None)
def pay(ctx: Context, order: int) -> int:
    write(ctx, order)
    return order


@tasks.task(transaction=theirs, max_crashes=None)
def pay_theirs(ctx: Context, order: int) -> int:
    write(ctx, order)
    return order


@tasks.task(transaction=True, max_crashes=None)
async def apay(ctx: Context, order: int) -> int:
    connection = await ctx.aconnection()
    for part in (1, 2):
        done = connection.execute(f"insert into effects values ({order}, {part})")
        if not isinstance(connection, sqlite3.Connection):
            await done
        await asyncio.sleep(random.uniform(0, 0.005))
    await receipt.using(connection=connection).aenqueue(order)
    return order


@tasks.task(transaction=True, max_crashes=None, retry=AGAIN)
def flaky(ctx: Context, order: int) -> int:
    """Fails in its first attempt, having written."""
    write(ctx, order)
    if ctx.job.attempt == 1:
        raise ValueError("after its effects")
    return order


@tasks.task(transaction=True, max_crashes=None)
def hopeless(ctx: Context, order: int) -> int:
    write(ctx, order)
    raise ValueError("after its effects")


PAYING = (pay, pay_theirs, apay, flaky, hopeless)


def work(where: str, lease: float) -> None:
    """A worker, until SIGTERM."""
    app = open_app(where)

    async def main() -> None:
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
        async with app.worker(lease=lease, concurrency=6, poll_interval=0.25):
            await told.wait()

    asyncio.run(main())
    app.close()


class ChangedItsMind(Exception):
    """The producer's own reason to roll back."""


def produce(where: str, seed: int, rate: float) -> None:
    """Orders and their jobs, each pair in one transaction, until SIGTERM."""
    chance = random.Random(seed)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    app = open_app(where)
    while not stopped.wait(chance.uniform(0, 2 / rate)):
        with contextlib.suppress(ChangedItsMind, DatabaseError), app.transaction() as connection:
            order = chance.randrange(2**52)
            connection.execute(f"insert into orders values ({order})")
            chance.choices(PAYING, (4, 2, 3, 2, 1))[0].using(connection=connection).enqueue(order)
            if chance.random() < 0.1:
                raise ChangedItsMind
    app.close()
