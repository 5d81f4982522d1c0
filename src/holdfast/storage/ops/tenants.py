"""What is said of tenants, and what their quotas let in."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from holdfast.clock import monotonic
from holdfast.errors import QuotaExceeded
from holdfast.model.job import NewJob
from holdfast.model.quota import TenantRecord
from holdfast.model.tenant import DEFAULT_TENANT, NONE, Scope
from holdfast.model.text import shown
from holdfast.storage.op import Op, Row, Statement, Steps, one
from holdfast.storage.rows import moment_or_none

R = TypeVar("R")

FRESH = 1.0
"""Seconds for which it is good to know that nobody has a quota."""


def get(name: str, scope: Scope) -> Op[TenantRecord]:
    """What was said of a tenant; of any name there is one, of which perhaps nothing was."""

    def steps(again: bool) -> Steps[TenantRecord]:
        return _record((yield one("tenant_get", name)), name)

    return Op("tenant_get", steps, scope, single=True)


def page(after: str, most: int) -> Op[list[TenantRecord]]:
    """Tenants of which something was said, by name."""

    def steps(again: bool) -> Steps[list[TenantRecord]]:
        return [_read(row) for row in (yield one("tenant_list", after, most))]

    return Op("tenant_list", steps, NONE, single=True)


def change(name: str, wanted: Callable[[TenantRecord], TenantRecord]) -> Op[TenantRecord]:
    """Say something of a tenant; answers what is said now. Repeating it changes nothing more."""

    def steps(again: bool) -> Steps[TenantRecord]:
        now = wanted(_record((yield one("tenant_get", name)), name))
        yield one("tenant_put", name, now.weight, now.live, now.storage)
        yield one("quota_mark")
        yield one("quota_unmark")
        return _record((yield one("tenant_get", name)), name)

    return Op("tenant_put", steps, NONE, apart=True)


class Quotas:
    """What a process knows of quotas: whether there are any, which it asks at most once a second, and only while it
    stores jobs of tenants that have a name."""

    def __init__(self) -> None:
        self._there = False
        self._asked_at = float("-inf")

    def unknown(self, jobs: Sequence[NewJob]) -> bool:
        """Whether it is to be asked before these are stored."""
        return monotonic() - self._asked_at > FRESH and any(job.tenant != DEFAULT_TENANT for job in jobs)

    def ask(self, scope: Scope) -> Op[bool]:
        """Whether any tenant has had a quota."""

        def steps(again: bool) -> Steps[bool]:
            self._there = bool((yield one("quotas"))[0][0])
            self._asked_at = monotonic()
            return self._there

        return Op("quotas", steps, scope, single=True, reads=True)

    def within(self, op: Op[R], jobs: Sequence[NewJob]) -> Op[R]:
        """An op that stores these jobs, where quotas let them in."""
        return within(op, jobs) if self._there and any(job.tenant != DEFAULT_TENANT for job in jobs) else op


def within(op: Op[R], jobs: Sequence[NewJob]) -> Op[R]:
    """An op that stores these jobs, but only where their tenants' quotas let them in.

    Raises QuotaExceeded, having stored nothing. Repeated after an unknown commit it is not judged again.
    """
    asked = [name for name in sorted({job.tenant for job in jobs}) if name != DEFAULT_TENANT]

    def steps(again: bool) -> Steps[R]:
        if not again:
            yield from _judge(asked, jobs)
        return (yield from op.steps(again))

    def lent(inner: Callable[[], Steps[R]]) -> Steps[R]:
        yield from _judge(asked, jobs)
        return (yield from inner())

    inner = op.lent
    return replace(op, steps=steps, single=False, apart=True, lent=None if inner is None else lambda: lent(inner))


def _judge(asked: Sequence[str], jobs: Sequence[NewJob]) -> Steps[None]:
    for ordinal, live, had, storage, stored in (yield Statement("quota", [(name,) for name in asked])):
        name = asked[int(ordinal) - 1]
        new = [job for job in jobs if job.tenant == name]
        if had + len(new) > live:
            raise QuotaExceeded(
                f"tenant {shown(name)} may have {live:,} live jobs, and with {len(new):,} more it would have more: "
                "nothing was stored",
                "live", live, had,
            )  # fmt: skip
        size = sum(len(job.args.encode()) for job in new)
        if storage is not None and stored + size > storage:
            raise QuotaExceeded(
                f"the live jobs of tenant {shown(name)} may have {storage:,} bytes of arguments, and with {size:,} "
                "more they would have more: nothing was stored",
                "storage", storage, stored,
            )  # fmt: skip


def _record(rows: list[Row], name: str) -> TenantRecord:
    return _read(rows[0]) if rows else TenantRecord(name)


def _read(row: Row) -> TenantRecord:
    name, weight, live, storage, updated_at = row
    return TenantRecord(name, weight, live, storage, moment_or_none(updated_at))
