"""Workers' signs of life, and the jobs that waited for one that knows their task."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.storage.op import Op, Steps, one
from holdfast.storage.ops.gated import entered


@dataclass(frozen=True, slots=True)
class Sign:
    """What a worker says of itself; `boot` is its random identity, `name` is for people.

    queues: JSON of the names it serves, None for all. tasks: JSON of the names it knows, and of the marks of queues of
        which it takes what is left.
    """

    boot: str
    name: str
    host: str
    pid: int
    queues: str | None
    tasks: str
    lease: float
    running: int
    version: str
    concurrency: int = 1
    paused: bool = False


def seen(sign: Sign) -> Op[None]:
    """Say that the worker lives. Repeating it is harmless."""
    statement = one(
        "worker_seen", sign.boot, sign.name, sign.host, sign.pid, sign.queues, sign.tasks, sign.lease, sign.running,
        sign.concurrency, sign.paused, sign.version,
    )  # fmt: skip

    def steps(again: bool) -> Steps[None]:
        yield statement

    return Op("worker_seen", steps, single=True)


def gone(boot: str) -> Op[None]:
    """Take the worker off the list. Repeating it is harmless."""

    def steps(again: bool) -> Steps[None]:
        yield one("worker_gone", boot)

    return Op("worker_gone", steps, single=True)


def unblock(tasks: Sequence[str], batch: int = 1000, rest: Sequence[str] = ()) -> Op[int]:
    """Make jobs ready that waited for a worker that knows one of `tasks`: one page. Repeating it is harmless.

    rest: marks of queues of which every job, or every raw one, is known.
    It wakes nobody, for most often there are none: who is answered more than 0 rings.
    """
    statement = one("unblock", tuple(tasks), batch)

    def steps(again: bool) -> Steps[int]:
        freed = list((yield statement))
        if rest and len(freed) < batch:
            freed += yield one("unblock_rest", tuple(rest), batch - len(freed))
        if any(gates for (gates,) in freed):
            yield entered()
        return len(freed)

    return Op("unblock", steps)
