"""Whose rows an operation may touch."""

from dataclasses import dataclass

DEFAULT_TENANT = "default"


@dataclass(frozen=True, slots=True)
class Scope:
    """One tenant, or all of them (`tenant=None`: workers and duties only)."""

    tenant: str | None = DEFAULT_TENANT


ALL = Scope(None)
