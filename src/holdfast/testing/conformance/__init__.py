"""What every store must do, as a suite of tests that any store can run.

A third-party store passes when this does:

    from holdfast.testing.conformance import StoreConformance

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def store(self, clock):
            store = MyStore(..., clock)  # fresh and empty for each test; its statements go by `clock`
            store.migrate()
            yield store
            store.close()

        @pytest.fixture
        def peer(self, store, clock):
            yield MyStore(...)  # the same database as another process sees it; without it: `store` itself

No test sleeps: `clock` is `holdfast.testing.Clock`, and time passes when the test says so.
"""

import pytest

ROOMS = (
    "batches", "batching", "bulk", "claiming", "dependencies", "dependencies_by_hand", "endings", "ends", "enqueueing",
    "gates", "inspection", "keys", "leadership", "leases", "limits", "pipes", "promotion", "queues", "repeats",
    "rescue", "retention", "schedules", "stats", "steps", "versions", "waking", "workers",
)  # fmt: skip

pytest.register_assert_rewrite(*(f"{__name__}.{room}" for room in ROOMS))

from holdfast.testing.conformance.batches import Batches  # noqa: E402 - asserts are rewritten before they are imported
from holdfast.testing.conformance.batching import Batching  # noqa: E402
from holdfast.testing.conformance.bulk import Bulk, Listing  # noqa: E402
from holdfast.testing.conformance.claiming import Claiming  # noqa: E402
from holdfast.testing.conformance.dependencies import Dependencies  # noqa: E402
from holdfast.testing.conformance.dependencies_by_hand import DependenciesByHand  # noqa: E402
from holdfast.testing.conformance.endings import Endings  # noqa: E402
from holdfast.testing.conformance.ends import Ends  # noqa: E402
from holdfast.testing.conformance.enqueueing import Enqueueing  # noqa: E402
from holdfast.testing.conformance.gates import Gates  # noqa: E402
from holdfast.testing.conformance.inspection import Inspection  # noqa: E402
from holdfast.testing.conformance.keys import Keys  # noqa: E402
from holdfast.testing.conformance.leadership import Leadership  # noqa: E402
from holdfast.testing.conformance.leases import Leases  # noqa: E402
from holdfast.testing.conformance.limits import Limits  # noqa: E402
from holdfast.testing.conformance.pipes import Deliveries, Pipes  # noqa: E402
from holdfast.testing.conformance.promotion import Promotion  # noqa: E402
from holdfast.testing.conformance.queues import Queues  # noqa: E402
from holdfast.testing.conformance.repeats import Repeats  # noqa: E402
from holdfast.testing.conformance.rescue import Rescue  # noqa: E402
from holdfast.testing.conformance.retention import Retention  # noqa: E402
from holdfast.testing.conformance.schedules import Schedules  # noqa: E402
from holdfast.testing.conformance.stats import Stats  # noqa: E402
from holdfast.testing.conformance.steps import StepRecords, Suspension  # noqa: E402
from holdfast.testing.conformance.versions import Versions  # noqa: E402
from holdfast.testing.conformance.waking import Waking  # noqa: E402
from holdfast.testing.conformance.workers import Workers  # noqa: E402


class StoreConformance(
    Enqueueing,
    Claiming,
    Leases,
    Endings,
    Ends,
    Rescue,
    Promotion,
    Retention,
    Schedules,
    StepRecords,
    Suspension,
    Stats,
    Leadership,
    Workers,
    Inspection,
    Listing,
    Bulk,
    Keys,
    Versions,
    Repeats,
    Batches,
    Waking,
    Gates,
    Limits,
    Queues,
    Dependencies,
    DependenciesByHand,
    Batching,
    Pipes,
    Deliveries,
):
    """Everything: inherit from it in a class named `Test…` and supply the fixture `store`."""


__all__ = [
    "Batches", "Batching", "Bulk", "Claiming", "Deliveries", "Dependencies", "DependenciesByHand", "Endings",
    "Enqueueing", "Gates", "Inspection", "Keys", "Leadership", "Leases", "Limits", "Listing", "Pipes", "Promotion",
    "Queues", "Repeats", "Rescue", "Retention", "Schedules", "Stats", "StepRecords", "StoreConformance", "Suspension",
    "Versions", "Waking", "Workers",
]  # fmt: skip
