"""Workers' signs of life."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from dataclasses import dataclass

from holdfast.storage.op import Op, Steps, one


@dataclass(frozen=True, slots=True)
class Sign:
    """What a worker says of itself; `boot` is its random identity, `name` is for people."""

    boot: str
    name: str
    host: str
    pid: int
    queues: str | None
    tasks: str
    lease: float
    running: int
    version: str


def seen(sign: Sign) -> Op[None]:
    """Say that the worker lives. Repeating it is harmless."""
    statement = one(
        "worker_seen", sign.boot, sign.name, sign.host, sign.pid, sign.queues, sign.tasks, sign.lease, sign.running,
        sign.version,
    )  # fmt: skip

    def steps(again: bool) -> Steps[None]:
        yield statement

    return Op("worker_seen", steps, single=True)


def gone(boot: str) -> Op[None]:
    """Take the worker off the list. Repeating it is harmless."""

    def steps(again: bool) -> Steps[None]:
        yield one("worker_gone", boot)

    return Op("worker_gone", steps, single=True)
