"""Whose rows an operation may touch."""

from dataclasses import dataclass

DEFAULT_TENANT = "default"


@dataclass(frozen=True, slots=True)
class Scope:
    """One tenant, or all of them (`tenant=None`: workers and duties only).

    implied: nobody named the tenant; refused where the database keeps tenants apart.
    """

    tenant: str | None = DEFAULT_TENANT
    implied: bool = False


ALL = Scope(None)
NONE = Scope("")
"""For what is about no tenant's rows."""
IMPLIED = Scope(implied=True)
