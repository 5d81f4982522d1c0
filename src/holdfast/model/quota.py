"""What was said of a tenant: its weight among others, and what it may have."""

from dataclasses import dataclass
from datetime import datetime

MOST_LIVE = 100_000
"""The largest quota of live jobs: each enqueue counts as far as it reaches."""

MOST_WEIGHT = 1000


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant, and what was said of it. One of which nothing was said has weight 1 and no quotas.

    weight: how many turns it has for each of a tenant of weight 1, where both wait.
    live: how many live jobs (waiting, running, suspended) it may have; None: any number.
    storage: how many bytes the arguments of these may have in all; None: any number.
    updated_at: when something was said of it last; None: never.
    """

    name: str
    weight: int = 1
    live: int | None = None
    storage: int | None = None
    updated_at: datetime | None = None
