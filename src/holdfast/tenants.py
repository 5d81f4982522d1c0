"""`app.tenants`: what is said of tenants: their weights and quotas."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from holdfast.errors import InvalidOption, MisuseError
from holdfast.executor import Executor
from holdfast.model.options import UNSET, Unset
from holdfast.model.quota import MOST_LIVE, MOST_WEIGHT, TenantRecord
from holdfast.model.tenant import DEFAULT_TENANT, Scope
from holdfast.model.text import check_name, shown
from holdfast.storage.op import Op
from holdfast.storage.ops import tenants as ops

MOST = 10_000
"""Tenants in a list."""

Found: TypeAlias = list[TenantRecord]  # named out here: in the class, `list` is a verb


class Tenants:
    """What was said of tenants. Each verb has a twin for event loops: `get` and `aget`. There is no need to say any of
    it: a tenant comes into being by its first job."""

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._scope = scope

    def configure(
        self,
        name: str,
        *,
        weight: int | Unset = UNSET,
        live: int | Unset | None = UNSET,
        storage: int | Unset | None = UNSET,
    ) -> TenantRecord:
        """Say something of a tenant; what is not given stays as it is, and None takes it back.

        weight: 1 to 1,000: how many turns it has for each of a tenant of weight 1 (which all are), where both wait.
        live: how many live jobs it may have, at most 100,000. Each enqueue counts them, as far as this.
        storage: how many bytes the arguments of its live jobs may have in all; only beside `live`, which bounds what is
            added up.

        An enqueue above a quota raises QuotaExceeded and stores nothing, also where a live job would have answered
        it. That holds in every process within a second, for what programs enqueue; jobs of schedules, of messages and
        from SQL are let in. Processes that enqueue at the same moment may together exceed it by what they store then.

        Raises InvalidOption, and changes nothing; MisuseError where only one tenant is reached.

        >>> app.tenants.configure("acme", weight=3, live=10_000).weight
        3
        """
        return self._executor.run(self._change(name, _wanted(weight, live, storage)))

    async def aconfigure(
        self,
        name: str,
        *,
        weight: int | Unset = UNSET,
        live: int | Unset | None = UNSET,
        storage: int | Unset | None = UNSET,
    ) -> TenantRecord:
        """`configure` for event loops."""
        return await self._executor.arun(self._change(name, _wanted(weight, live, storage)))

    def get(self, name: str) -> TenantRecord:
        """A tenant, and what was said of it.

        >>> app.tenants.get("acme").live is None
        True
        """
        return self._executor.run(self._get(name), "read")

    async def aget(self, name: str) -> TenantRecord:
        """`get` for event loops."""
        return await self._executor.arun(self._get(name), "read")

    def list(self, after: str = "") -> Found:
        """Tenants of which something was said, by name: the first 10,000 after `after`.

        >>> [tenant.name for tenant in app.tenants.list() if tenant.live is not None]
        """
        return self._executor.run(self._page(after), "read")

    async def alist(self, after: str = "") -> Found:
        """`list` for event loops."""
        return await self._executor.arun(self._page(after), "read")

    def _change(self, name: str, wanted: Callable[[TenantRecord], TenantRecord]) -> Op[TenantRecord]:
        self._for_all()
        return ops.change(_name(name), wanted)

    def _get(self, name: str) -> Op[TenantRecord]:
        if not self._scope.implied and name != self._scope.tenant:
            self._for_all()
        return ops.get(_name(name), Scope(name))

    def _page(self, after: str) -> Op[Found]:
        self._for_all()
        return ops.page(after, MOST)

    def _for_all(self) -> None:
        if not self._scope.implied:
            raise MisuseError(
                f"tenant {shown(self._scope.tenant)} alone says nothing of tenants, nor reads what was said of others: "
                "app.tenants does"
            )


def _name(name: object) -> str:
    return check_name(name, "a tenant's name")


def _wanted(weight: Any, live: Any, storage: Any) -> Callable[[TenantRecord], TenantRecord]:
    changes: dict[str, Any] = {}
    if not isinstance(weight, Unset):
        changes["weight"] = _whole(weight, "weight", 1, MOST_WEIGHT)
    if not isinstance(live, Unset):
        changes["live"] = None if live is None else _whole(live, "live", 0, MOST_LIVE)
    if not isinstance(storage, Unset):
        changes["storage"] = None if storage is None else _whole(storage, "storage", 0, 2**53)
    if not changes:
        raise InvalidOption("say what to change: weight=, live=, storage=")

    def wanted(now: TenantRecord) -> TenantRecord:
        then = replace(now, **changes)
        if then.name == DEFAULT_TENANT and then.live is not None:
            raise InvalidOption("the default tenant has no quotas: where nobody speaks of tenants nothing is counted")
        if then.storage is not None and then.live is None:
            raise InvalidOption("storage goes with live, which bounds what is added up: give both")
        return then

    return wanted


def _whole(value: object, what: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidOption(f"{what} must be a whole number from {least} to {most:,}, not {shown(value)}")
    return value
