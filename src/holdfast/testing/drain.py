"""Running what is ready, here and now: through the real claim, run and finish, without a worker's waits."""

import asyncio
from collections.abc import Iterable

from holdfast.app import Holdfast
from holdfast.errors import MisuseError
from holdfast.storage.ops.passing import due
from holdfast.storage.ops.workers import unblock
from holdfast.worker.tally import Report
from holdfast.worker.until_told import on_loop


class DrainLimit(AssertionError):
    """More jobs ran than a test expected: most often one that enqueues itself."""


def drain(app: Holdfast, limit: int = 10_000, queues: Iterable[str] | None = None, *, concurrency: int = 1) -> Report:
    """Run every job that is ready, and those that these make ready, until none is left; answer what came of them.

    Jobs due by now are promoted first, schedules that are due fire, and jobs past their `expires` or `deadline` are
    cancelled. What is due later stays: advance the test's clock and drain again.

    limit: runs above which DrainLimit is raised.
    queues: only these; None: those that the app's workers serve, all if nothing else is set.
    concurrency: bodies at once. With 1 they run one after another, in order of priority, due time and sequence.

    Raises MisuseError on an event loop: `await adrain(app)` there.

    >>> drain(app)
    Report(claimed=1, succeeded=1, failed=0, retried=0, cancelled=0, left=0)
    """
    if on_loop():
        raise MisuseError("drain blocks, and this is an event loop: await adrain(app)")
    return asyncio.run(adrain(app, limit, queues, concurrency=concurrency))


async def adrain(
    app: Holdfast, limit: int = 10_000, queues: Iterable[str] | None = None, *, concurrency: int = 1
) -> Report:
    """`drain` for event loops."""
    wanted = None if queues is None else tuple(queues)
    await app.adeclare_schedules()
    report: Report | None = None
    while True:
        await asyncio.to_thread(app.promote)
        freed = await app.store.arun(unblock(app.kept().names(), rest=app.kept().rest_marks()))
        if freed:
            app.store.ring()
        last = await app.worker(wanted, concurrency=concurrency, leader=False).once(limit + 1, None)
        report = last if report is None else report + last
        if report.claimed > limit:
            raise DrainLimit(f"more than {limit} jobs ran: does one enqueue itself? {report}")
        if await asyncio.to_thread(app.deliver):
            continue
        if last.claimed == 0 or not (await app.store.arun(due(), "read")).any:  # nobody waits for what ended
            break
    return report
