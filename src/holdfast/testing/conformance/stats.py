"""Counting: each ended job once, in its minute, hour and day, whoever counts and whenever; live ones as they stand."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.model.job import JobState
from holdfast.model.sketch import Quantiles
from holdfast.model.stats import Asked, Slot
from holdfast.model.tenant import Scope
from holdfast.storage.base import Store
from holdfast.storage.op import Op, Row, Statement, Steps
from holdfast.storage.ops import duties, stats
from holdfast.storage.ops.manage import delete
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import OURS, Fixtures, add, end_one, finish, job, take_one

MORNING = datetime(2026, 3, 1, 8, 0, 30, tzinfo=UTC)
KEPT = 40 * 86_400.0


def ended(
    store: Store, clock: Clock, state: str = "succeeded", wait: float = 0, run: float = 0, **columns: object
) -> None:
    """A job that waited and ran so long."""
    add(store, job(**columns))
    clock.advance(wait)
    claimed = take_one(store)
    clock.advance(run)
    end_one(store, finish(claimed, JobState(state), keep=KEPT, elapsed=run))


def alone(statement: Statement) -> Op[list[Row]]:
    """An op of this one statement."""

    def steps(again: bool) -> Steps[list[Row]]:
        return (yield statement)

    return Op(statement.name, steps, OURS, single=True)


def folded(store: Store, clock: Clock) -> int:
    """Two turns of the leader: after the first it is certain that nobody still writes what has ended."""
    total = 0
    for _ in range(2):
        clock.advance(5)
        while count := store.run(stats.fold()):
            total += count
    return total


def slots(store: Store, by: str, last: str, scope: Scope = OURS, **where: str) -> list[Slot]:
    return store.run(stats.histogram(Asked.of(by, last, None, None), scope, stats.Where(**where)), "read")


class Stats(Fixtures):
    @pytest.fixture
    def morning(self, clock: Clock) -> Clock:
        """The clock, at an instant whose minute, hour and day are known."""
        clock.set(MORNING)
        return clock

    def test_what_ended_is_counted_once_before_and_after_the_leaders_turn(self, store: Store, morning: Clock) -> None:
        for state in ("succeeded", "succeeded", "failed", "cancelled", "stalled"):
            ended(store, morning, state)
        morning.advance("2m")
        ended(store, morning, task="other", queue="mail")
        minutes = [MORNING.replace(second=0) + timedelta(minutes=n) for n in (-1, 0, 1, 2)]
        wanted = [Slot(minutes[0]), Slot(minutes[1], 2, 1, 1, 1), Slot(minutes[2]), Slot(minutes[3], 1)]
        assert slots(store, "minute", "4m") == wanted
        assert store.run(stats.ahead(), "read")
        assert folded(store, morning) == 6
        assert not store.run(stats.ahead(), "read")
        assert folded(store, morning) == 0
        assert slots(store, "minute", "4m") == wanted
        assert [slot.finished for slot in slots(store, "hour", "2h")] == [0, 6]
        assert [slot.finished for slot in slots(store, "day", "3d")] == [0, 0, 6]
        assert slots(store, "hour", "1h", queue="mail")[0].finished == 1
        assert slots(store, "hour", "1h", task="add")[0].finished == 5
        assert slots(store, "hour", "1h", Scope("other"))[0].finished == 0

    def test_a_turn_adds_to_what_is_counted_of_the_same_minute(self, store: Store, morning: Clock) -> None:
        for _ in range(3):
            ended(store, morning, "failed")
            folded(store, morning)
            ended(store, morning)
        assert slots(store, "day", "1d")[0] == Slot(datetime(2026, 3, 1, tzinfo=UTC), 3, 3)
        found = store.run(stats.ended(3600, OURS), "read")
        assert [(one.queue, one.task, one.succeeded, one.failed) for one in found] == [("default", "add", 3, 3)]
        assert found[0].last_failed_at is not None

    def test_small_pages_count_the_same(self, store: Store, morning: Clock) -> None:
        for number in range(7):
            ended(store, morning, task=f"t{number % 2}", run=1)
        morning.advance(5)
        store.run(stats.fold(2))
        morning.advance(5)
        counts = [store.run(stats.fold(2)) for _ in range(8)]
        assert sum(counts) <= 7
        assert max(counts) <= 3
        assert sum(slot.succeeded for slot in slots(store, "minute", "5m")) == 7

    def test_places_that_become_free_are_counted_again(self, store: Store, morning: Clock) -> None:
        """Removing the newest rows of history leaves no gap into which the next ones fall unseen."""
        ended(store, morning)
        folded(store, morning)
        (id,) = add(store, job())
        end_one(store, finish(take_one(store), keep=KEPT))
        folded(store, morning)
        store.run(delete([id], OURS))
        ended(store, morning)
        assert folded(store, morning) == 1
        assert slots(store, "hour", "1h")[0].succeeded == 3

    def test_a_turn_between_two_statements_of_a_read_counts_nothing_twice(self, store: Store, morning: Clock) -> None:
        """Each statement is a transaction of its own here, as on a server each sees its own instant."""
        for _ in range(2):
            ended(store, morning)
        read = stats.histogram(Asked.of("hour", "1h", None, None), OURS).steps(False)
        asked = next(read)
        turns = [folded]
        found: list[Slot] = []
        try:
            while True:
                rows = store.run(alone(asked))
                if asked.name == "stats_page" and turns:
                    assert turns.pop()(store, morning) == 2
                asked = read.send(rows)
        except StopIteration as answer:
            found = answer.value
        assert [slot.succeeded for slot in found] == [2]

    def test_rows_that_retention_takes_stay_counted(self, store: Store, morning: Clock) -> None:
        add(store, job())
        end_one(store, finish(take_one(store), keep=0))
        folded(store, morning)
        morning.advance("2h")
        store.run(duties.prune())
        assert [slot.succeeded for slot in slots(store, "hour", "3h")] == [1, 0, 0]

    def test_waits_and_runs_have_quantiles(self, store: Store, morning: Clock) -> None:
        assert store.run(stats.times(3600, OURS), "read").runs == Quantiles()
        for number in range(20):
            ended(store, morning, wait=0.1, run=10 if number == 19 else 0.5)
        for _ in range(2):
            found = store.run(stats.times(3600, OURS), "read")
            assert (found.waits.count, found.runs.count) == (20, 20)
            assert found.waits.p99 == pytest.approx(0.1, rel=0.06)
            assert found.runs.p50 == found.runs.p95 == pytest.approx(0.5, rel=0.06)
            assert found.runs.p99 == pytest.approx(10, rel=0.06)
            assert found.runs.max == pytest.approx(10, rel=0.12)
            folded(store, morning)

    def test_live_jobs_are_counted_by_queue_task_and_state(self, store: Store, morning: Clock) -> None:
        nothing = store.run(stats.live(OURS), "read")
        assert (nothing.total, nothing.oldest_due, nothing.next_due) == (0, None, None)
        add(store, job(queue="a"), job(queue="a", task="x"), job(queue="b", delay=60), job(queue="b", tenant="other"))
        running = add(store, job(queue="a", priority=9))
        assert take_one(store).id == running[0]
        found = store.run(stats.live(OURS), "read")
        assert found.complete
        assert found.by_state == {**dict.fromkeys(found.by_state, 0), JobState.READY: 2, JobState.RUNNING: 1,
                                  JobState.SCHEDULED: 1}  # fmt: skip
        assert {name: sum(counts.values()) for name, counts in found.by_queue.items()} == {"a": 3, "b": 1}
        assert found.by_task["x"][JobState.READY] == 1
        assert found.oldest_due == morning.now()
        assert (found.next_due or morning.now()) - morning.now() == morning.now().resolution * 60_000_000

    def test_many_live_jobs_are_counted_on_a_walk(
        self, store: Store, morning: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stats, "WALK", 4)
        add(store, *(job(queue=random.choice("ab"), task=f"t{n % 3}") for n in range(10)))
        part = store.run(stats.live(OURS), "read")
        assert (part.total, part.complete) == (4, False)
        rows: list[Row] = []
        after = ("", stats.FIRST)
        while True:
            page = store.run(stats.walk(*after, page=4), "read")
            rows += page.rows
            after = (page.tenant, page.id)
            if page.size < 4:
                break
        assert sum(row[4] for row in rows) == 10
        early = datetime(2026, 3, 1, tzinfo=UTC)
        sums: dict[Row, Row] = {row[:4]: (*row[:4], 1, early) for row in rows}
        store.run(stats.live_counted(sums.values(), morning.now()))
        whole = store.run(stats.live(OURS), "read")
        assert (whole.complete, whole.total, whole.as_of) == (True, len(sums), morning.now())
        assert whole.oldest_due == morning.now(), "not what the walk has seen"

    def test_what_was_counted_long_ago_is_forgotten(self, store: Store, morning: Clock) -> None:
        ended(store, morning)
        folded(store, morning)
        assert store.run(stats.prune(morning.now())) == 0
        morning.advance("3d")
        assert store.run(stats.prune(morning.now())) == 1
        assert [slot.succeeded for slot in slots(store, "day", "4d")] == [1, 0, 0, 0]
