"""Small facts of a tenant: JSON text by key."""

from holdfast.model.tenant import Scope
from holdfast.storage.op import Op, Statement, Steps, one


def put(key: str, value: str, scope: Scope) -> Op[None]:
    """Keep a value, in place of what was there. Repeating it changes nothing."""

    def steps(again: bool) -> Steps[None]:
        yield one("metadata_put", scope.tenant, key, value)

    return Op("metadata_put", steps, scope, single=True)


def get(key: str, scope: Scope) -> Op[str | None]:
    """The value of a key."""

    def steps(again: bool) -> Steps[str | None]:
        found = yield one("metadata_get", scope.tenant, key)
        return found[0][0] if found else None

    return Op("metadata_get", steps, scope, single=True)


def remove(key: str, scope: Scope) -> Op[str | None]:
    """Forget a key; answers what it had. Repeated, it answers what the first try saw and removed."""
    seen: list[str] = []

    def steps(again: bool) -> Steps[str | None]:
        found = yield one("metadata_lock", scope.tenant, key)
        if found:
            seen[:] = [found[0][0]]
            yield Statement("metadata_remove", [(scope.tenant, key)])
        return seen[0] if found or (again and seen) else None

    return Op("metadata_remove", steps, scope)
