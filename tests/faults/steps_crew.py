"""A job with steps, waits and children, and workers that kill themselves at one of its writes."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

from holdfast import Context, Holdfast, TaskSet, gather, sleep, step, wait_for
from holdfast.ids import new_id
from holdfast.storage.op import Op

tasks = TaskSet()
WRITES = frozenset({"step", "start", "end"})
MESSAGES = frozenset(
    {
        "step",
        "start",
        "end",
        "ask",
        "match",
        "messages_hand",
        "deliver",
        "message_send",
        "ends_tell",
        "triggers_declare",
    }
)
log = ""


def effect(job: str, what: str) -> str:
    """Something that is seen outside, once each time: a line, and a value of its own."""
    value = new_id()
    with open(log, "a") as file:
        file.write(f"{job} {what} {value}\n")
    return value


@tasks.task(max_crashes=None)
async def child(parent: str, n: int) -> str:
    return await step("child step", effect, parent, f"child {n}")


@tasks.task(max_crashes=None)
async def note(parent: str) -> None:
    effect(parent, "note")


@tasks.task(max_crashes=None)
async def song(ctx: Context[Any]) -> dict[str, Any]:
    me, queue = ctx.job.id, ctx.job.queue
    await note.using(queue=queue).aenqueue(me)
    first = await step("first", effect, me, "first")

    async def line(n: int) -> list[str]:
        one = await step("fetch", effect, me, f"fetch {n}")
        return [one, await step("parse", effect, me, f"parse {n}")]

    lines = await asyncio.gather(line(0), line(1))
    await sleep("20ms")
    children = await gather(*(child.using(queue=queue).invoke(me, n) for n in range(2)))
    await note.using(queue=queue).aenqueue(me)
    last = await step("last", effect, me, "last")
    found = {"first": first, "last": last}
    for n, (fetched, parsed) in enumerate(lines):
        found |= {f"fetch {n}": fetched, f"parse {n}": parsed, f"child {n}": children[n]}
    return found


heard = tasks.pipe("heard", dict[str, Any])
approved = tasks.pipe("approved", dict[str, Any])


@tasks.task(max_crashes=None, triggers=[heard.into(lambda message: {"number": message["number"]})])
async def listener(ctx: Context[Any], number: int) -> str:
    """Triggered by a message, waits for another, and sends one itself."""
    effect(ctx.job.id, f"heard-{number}")
    found = await wait_for(approved, where={"number": number}, since="ever")
    await approved.asend({"number": 100 + number})
    return str(found["by"])


@tasks.task(max_crashes=None, triggers=[listener.succeeded.into(lambda end: {"number": end.args["number"]})])
def follower(number: int) -> int:
    """Triggered by the end of another task's job."""
    return number


def put_back(done: str, job: str, what: str) -> None:
    effect(job, f"undo-{what}")


@tasks.task(max_crashes=None)
async def trip(ctx: Context[Any]) -> None:
    me = ctx.job.id
    await step.using(undo=put_back)("flight", effect, me, "flight")
    await step.using(undo=lambda done: effect(me, "undo-bus"))("bus", effect, me, "bus")
    await sleep("20ms")
    await step.using(undo=put_back)("room", effect, me, "room")
    raise ValueError("no car")


def open_app(url: str) -> Holdfast:
    app = Holdfast(url)
    app.include(tasks)
    return app


def work(url: str, path: str, queue: str, nth: int, after: bool, messages: int = 0) -> None:
    """Work on a queue, and die before or after the nth write; or until nothing of it is left, and so many messages have
    become jobs that ended."""
    writes = MESSAGES if messages else WRITES
    global log
    log = path
    app = open_app(url)
    store: Any = app.store
    arun, count = store.arun, 0

    async def counted(op: Op[Any], lane: str = "write") -> Any:
        nonlocal count
        if op.name not in writes:
            return await arun(op, lane)
        count += 1
        fatal = count == nth
        if fatal and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await arun(op, lane)
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    run = store.run

    def counted_too(op: Op[Any], lane: str = "write") -> Any:
        nonlocal count
        if op.name not in MESSAGES or not messages:
            return run(op, lane)
        count += 1
        fatal = count == nth
        if fatal and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = run(op, lane)
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    store.arun, store.run = counted, counted_too

    def over(records: list[Any]) -> bool:
        return len(records) >= 2 * messages and all(record.state.finished for record in records)

    async def main() -> None:
        async with app.worker([queue], concurrency=4, poll_interval=0.05, lease=1.0, leader=False):
            while not over(list(await app.jobs.alist(queue=queue, limit=1000))):
                await asyncio.to_thread(app.do_duties)
                await asyncio.sleep(0.01)

    asyncio.run(main())
    app.close()
