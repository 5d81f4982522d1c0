"""Groups and limits under any sequence of operations: never more in a gate than it has places, no lost place, and no
job waits where places are free and passes run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from holdfast.model.gate import Pass, dump_passes, load_passes
from holdfast.model.job import ClaimedJob, JobState, NewJob
from holdfast.model.lifecycle import Finish, Requeue, Verdict
from holdfast.storage.base import Store
from holdfast.storage.op import Op
from holdfast.storage.ops import duties, gates, jobs, manage, workers
from holdfast.storage.ops.jobs import Ending, lease_of
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.storage.sqlite.store import SqliteStore
from holdfast.testing import Clock
from holdfast.testing.cluster import Server
from holdfast.testing.conformance.kit import LEASE, OURS, job, repeated, take

SIZES = {"group:a": 1, "group:b": 2, "limit:x": 3, "limit:y": 1}
RATED = "limit:rate"
SPACING = 5.0

QUEUES = ("q", "r")


def passes(draw: tuple[list[str], int, bool, bool]) -> list[Pass]:
    names, weight, block, stop = draw
    found: list[Pass] = []
    for name in dict.fromkeys(names):
        if name == RATED:
            found.append(Pass(name, name, 1, None, SPACING))
        elif name.startswith("group"):
            found.append(Pass(name, None, 1, SIZES[name], None, block, stop))
        else:
            found.append(Pass(name, name, min(weight, SIZES[name]), SIZES[name]))
    return found


GATED = st.tuples(
    st.lists(st.sampled_from([*SIZES, RATED]), max_size=3), st.integers(1, 3), st.booleans(), st.booleans()
)


def one_group(passes: list[Pass]) -> list[Pass]:
    """A job has one group at most: two jobs that keep their places through retries would wait for each other."""
    first = next((one for one in passes if one.group), None)
    return [one for one in passes if not one.group or one is first]


class Machine(RuleBasedStateMachine):
    store: Store
    clock: Clock
    ask: Any

    def __init__(self) -> None:
        super().__init__()
        self.running: dict[str, ClaimedJob] = {}
        self.stale: list[ClaimedJob] = []
        self.ids: list[str] = []
        self.starts: list[float] = []
        self.begun = False

    @initialize()
    def begin(self) -> None:
        type(self).ask("delete")
        self.begun = True

    @rule(
        wanted=st.lists(GATED, min_size=1, max_size=4),
        priority=st.integers(-1, 1),
        delay=st.sampled_from([None, None, 3.0]),
        queue=st.sampled_from(QUEUES),
        lent=st.booleans(),
        again=st.booleans(),
    )
    def enqueue(
        self, wanted: list[Any], priority: int, delay: float | None, queue: str, lent: bool, again: bool
    ) -> None:
        new: list[NewJob] = []
        for each in wanted:
            of = one_group(passes(each))
            group = next((one.gate[6:] for one in of if one.group), None)
            new.append(
                job(queue=queue, priority=priority, delay=delay, group=group, gates=dump_passes(of), max_attempts=9)
            )
        op = jobs.enqueue(new, OURS)
        if lent and op.lent is not None:
            steps = op.lent
            self.store.run(Op("lent", lambda again: steps()))
        else:
            self.store.run(op)
            if again:
                self.store.run(repeated(op))
        self.ids += [each.id for each in new]

    @rule(most=st.integers(1, 4), queues=st.sampled_from([None, ("q",), ("r",)]))
    def claim(self, most: int, queues: tuple[str, ...] | None) -> None:
        for each in take(self.store, most, queues=queues):
            self.running[each.id] = each
            if any(one.gate == RATED for one in load_passes(each.gates)):
                now = self.clock.now().timestamp()
                assert not self.starts or now - self.starts[-1] >= SPACING - 1e-6, "two starts too close"
                self.starts.append(now)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), how=st.sampled_from(["ok", "fail", "retry", "now", "snooze", "unknown", "release"]))
    def end(self, data: st.DataObject, how: str) -> None:
        held = self.running.pop(data.draw(st.sampled_from(sorted(self.running))))
        verdict: Verdict = {
            "ok": Finish(JobState.SUCCEEDED, 600.0),
            "fail": Finish(JobState.FAILED, 600.0),
            "retry": Requeue(JobState.SCHEDULED, "retry", 4.0),
            "now": Requeue(JobState.READY, "retry"),
            "snooze": Requeue(JobState.SCHEDULED, "snooze", 2.0, uncounted=True),
            "unknown": Requeue(JobState.BLOCKED, "unknown_task", uncounted=True),
            "release": Requeue(JobState.READY, uncounted=True),
        }[how]
        ending = Ending(lease_of(held), verdict, 0.0)
        self.store.run(jobs.end([ending]))
        if data.draw(st.booleans()):
            self.store.run(repeated(jobs.end([ending])))
        self.stale.append(held)

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def end_late(self, data: st.DataObject) -> None:
        """A worker that was given up for dead ends its job, perhaps before anybody else has claimed it."""
        held = data.draw(st.sampled_from(self.stale))
        self.store.run(jobs.end([Ending(lease_of(held), Finish(JobState.SUCCEEDED, 600.0), 0.0)]))

    @rule(seconds=st.sampled_from([0.3, 1.1, 5.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(suspect=st.booleans())
    def crash(self, suspect: bool) -> None:
        """Everybody's lease runs out."""
        self.clock.advance(LEASE + 1)
        verdict = (
            Requeue(JobState.SCHEDULED, "suspect", 10.0, uncounted=True, crashed=True)
            if suspect
            else Requeue(JobState.READY, "rescued", uncounted=True, crashed=True)
        )
        self.store.run(duties.rescue(_judge(verdict)))
        self.stale += self.running.values()
        self.running.clear()

    @rule()
    def promote(self) -> None:
        self.store.run(duties.promote())

    @rule()
    def look(self) -> None:
        self.store.run(gates.calls())

    @rule()
    def learn(self) -> None:
        self.store.run(workers.unblock(("add",)))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), how=st.sampled_from(["cancel", "delete", "retry"]))
    def manage(self, data: st.DataObject, how: str) -> None:
        id = data.draw(st.sampled_from(self.ids))
        op = {"cancel": manage.cancel, "delete": manage.delete, "retry": manage.retry}[how]
        self.store.run(op([id], OURS))
        if how == "delete":
            self.running.pop(id, None)

    @rule(name=st.sampled_from(["group:a", "group:b"]))
    def resume(self, name: str) -> None:
        self.store.run(gates.resume(("default", name)))

    @invariant()
    def never_more_than_there_are_places(self) -> None:
        used: dict[str, int] = {}
        for state, text in type(self).ask("select state, gates from {jobs} where gates is not null"):
            if state in ("ready", "running"):
                for each in load_passes(text):
                    used[each.gate] = used.get(each.gate, 0) + each.weight
        assert all(used.get(name, 0) <= size for name, size in SIZES.items()), used

    @invariant()
    def places_are_those_of_live_jobs(self) -> None:
        orphans = type(self).ask(
            "select g.gate from {gate_jobs} g left join {jobs} j on j.tenant = g.tenant and j.id = g.id "
            "where j.id is null and not g.stop"
        )
        assert orphans == []
        homeless = type(self).ask(
            "select j.id from {jobs} j where j.state = 'blocked' and j.reason = 'gate' and not exists ("
            "select 1 from {gate_jobs} g where g.tenant = j.tenant and g.id = j.id and not g.held)"
        )
        assert homeless == [], "a job waits and stands in no line"

    def teardown(self) -> None:
        """No more faults: with passes and workers everything comes to its end."""
        if not self.begun:
            return
        for _ in range(400):
            self.store.run(duties.rescue(_judge(Requeue(JobState.READY, "rescued", uncounted=True, crashed=True))))
            self.store.run(manage.overdue())
            self.store.run(workers.unblock(("add",)))
            self.store.run(duties.promote())
            for name in ("group:a", "group:b"):
                self.store.run(gates.resume(("default", name)))
            self.store.run(gates.calls())
            for held in take(self.store, 50):
                self.store.run(jobs.end([Ending(lease_of(held), Finish(JobState.SUCCEEDED, 600.0), 0.0)]))
            if not type(self).ask("select id from {jobs}"):
                return
            self.clock.advance(3.0)
        left = type(self).ask("select id, state, reason, gates from {jobs}")
        raise AssertionError(f"jobs wait for ever: {left}")


def _judge(verdict: Verdict) -> Callable[[duties.Lapsed], Verdict]:
    def judge(lapsed: duties.Lapsed) -> Verdict:
        return Finish(JobState.CANCELLED, 600.0, "explicit") if lapsed.stop_reason else verdict

    return judge


def _asking(run: Any, prefix: str) -> Any:
    tables = {name: prefix + name for name in ("jobs", "gate_jobs", "gates", "gate_notes", "history")}

    def ask(query: str) -> list[Any]:
        if query == "delete":
            for table in tables.values():
                run(f"delete from {table}")
            return []
        return [tuple(row) for row in run(query.format(**tables))]

    return ask


def check(store: Store, clock: Clock, ask: Any, examples: int) -> None:
    machine = type("Gates", (Machine,), {"store": store, "clock": clock, "ask": staticmethod(ask)})
    run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType]
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )


def test_on_sqlite() -> None:
    clock = Clock()
    store = SqliteStore(None, clock)
    store.migrate()

    def run(query: str) -> list[Any]:
        connection = store._memory  # pyright: ignore[reportPrivateUsage]
        assert connection is not None
        return connection.execute(query).fetchall()

    check(store, clock, _asking(run, "holdfast_"), int(os.environ.get("HOLDFAST_SEQUENCES") or 60))
    store.close()


@contextmanager
def database(cluster: Server) -> Iterator[str]:
    url = cluster.create_database()
    yield url
    cluster.drop_database(url)


def test_on_postgres(cluster: Server) -> None:
    clock = Clock()
    with database(cluster) as url:
        store = PostgresStore(UrlSource(url), clock)
        store.migrate()
        with psycopg.connect(url, autocommit=True) as connection:

            def run(query: str) -> list[Any]:
                cursor = connection.execute(query.encode())
                return cursor.fetchall() if cursor.description is not None else []

            check(store, clock, _asking(run, "holdfast."), int(os.environ.get("HOLDFAST_SEQUENCES") or 15))
        store.close()
