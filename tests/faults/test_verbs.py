"""Each public verb with each of its calls to the database failing: it says what it did, or that it does not know.

The table must name every verb of the surface: one that is added without a line here fails the first test.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.faults.conftest import FIGURES
from tests.faults.faulty import Fault
from tests.faults.test_calls import Check, Desk, count_up, desk, fail_each_call

from holdfast.audit import Audit
from holdfast.batches import Batch, Batches
from holdfast.bound import Surface
from holdfast.errors import DatabaseError, OutcomeUnknown
from holdfast.handle import Job
from holdfast.ids import new_id
from holdfast.limits import Groups, Limits
from holdfast.management import Jobs
from holdfast.metadata import Metadata
from holdfast.pipe import Pipe
from holdfast.pipes import Pipes
from holdfast.queues import Queues
from holdfast.schedules import Schedules
from holdfast.stats import Stats
from holdfast.steps import Steps
from holdfast.storage.ops.jobs import Wanted, claim
from holdfast.tenants import Tenants

__all__ = ["desk"]


@dataclass(frozen=True)
class Verb:
    """`call` of what `prepare` made; `look`: what the database says of it; `done`: that, once it is done."""

    prepare: Callable[[Desk], Any]
    call: Callable[[Desk, Any], Any]
    look: Callable[[Desk, Any], Any]
    done: Any


def waiting(desk: Desk, **options: Any) -> str:
    return count_up.using(queue=new_id(), **options).via(desk.app).enqueue(0).id if options else _plain(desk)


def _plain(desk: Desk) -> str:
    return desk.app.enqueue_many([count_up.using(queue=new_id()).call(0)])[0].id


def keyed(desk: Desk) -> tuple[str, str]:
    """A queue, and the key of the job that waits there."""
    queue = new_id()
    desk.app.enqueue_many([count_up.using(queue=queue, key="k").call(0)])
    return queue, "k"


def _claimed(desk: Desk) -> str:
    """A job that a worker holds who is of no further interest."""
    queue = new_id()
    (job,) = desk.app.enqueue_many([count_up.using(queue=queue).call(0)])
    (held,) = desk.app.store.run(claim(Wanted("worker", new_id(), 600.0, 1, queues=(queue,))))
    assert held.id == job.id
    return job.id


def cancelled(desk: Desk) -> str:
    id = _plain(desk)
    desk.app.jobs.cancel(id)
    return id


def parked(desk: Desk) -> str:
    """A job whose code asked for other steps than it had recorded."""
    id = _plain(desk)
    table = "holdfast_jobs" if "SQLite" in desk.app.store.where else "holdfast.jobs"
    with desk.app.transaction() as connection:
        connection.execute(f"update {table} set state = 'blocked', reason = 'nondeterminism' where id = '{id}'")
    return id


def limited(desk: Desk) -> str:
    """The name of a limit that is there."""
    name = "limit-" + new_id()
    desk.app.limits.set(name, concurrency=1)
    return name


def state(desk: Desk, id: str) -> str | None:
    found = desk.app.jobs.get(id)
    return None if found is None else found.state.value


def how_many(desk: Desk, queue: str) -> int:
    return len(list(desk.app.jobs.list(queue=queue)))


def places(desk: Desk, name: str) -> int | None:
    found = desk.app.limits.get(name)
    return None if found is None else found.size


def noted(desk: Desk) -> str:
    """A key that has a value."""
    key = new_id()
    desk.app.metadata.put(key, 5)
    return key


def fact(desk: Desk, key: str) -> object:
    return desk.app.metadata.get(key)


def opened(desk: Desk) -> Batch:
    return desk.app.batch("b").open()


def is_open(desk: Desk, batch: Batch) -> bool | None:
    found = desk.app.batches.get(batch.id)
    return None if found is None else found.record.state == "open"


def scheduled(desk: Desk, paused: bool = False) -> str:
    """The name of a schedule that is there."""
    name = "s-" + new_id()
    desk.app.schedules.put(name, count_up.call(0), cron="0 0 1 1 *", paused=paused)
    return name


def paused(desk: Desk, name: str) -> bool | None:
    found = desk.app.schedules.get(name)
    return None if found is None else found.paused


def made_by(desk: Desk, name: str) -> int:
    return len(list(desk.app.schedules.runs(name)))


def shut(desk: Desk) -> str:
    """The name of a queue that is paused."""
    return desk.app.queues.pause(new_id()).name


def is_paused(desk: Desk, name: str) -> bool:
    return desk.app.queues.get(name).paused


def queue_places(desk: Desk, name: str) -> int | None:
    return desk.app.queues.get(name).concurrency


def calls(queue: str, key: str | None = None, number: int = 1) -> list[Any]:
    task = count_up.using(queue=queue) if key is None else count_up.using(queue=queue, key=key)
    return [task.call(n) for n in range(number)]


def priority(desk: Desk, id: str) -> int | None:
    found = desk.app.jobs.get(id)
    return None if found is None else found.priority


def only(desk: Desk, id: str) -> dict[str, Any]:
    """Conditions that this job meets alone: its id begins with its time, and it is the newest."""
    found = desk.app.jobs.list(limit=1)[0]
    assert found.id == id
    return {"created": (found.created_at, None)}


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING: Callable[[Desk, Any], Any] = lambda desk, made: None  # noqa: E731


def numbers(desk: Desk, name: str) -> Pipe[int]:
    return Pipe[int](name, int).via(desk.app)


def sent(desk: Desk) -> str:
    name = new_id()
    numbers(desk, name).send(1)
    return name


def how_many_sent(desk: Desk, name: str) -> int:
    return len(desk.app.pipes.messages(name))


HIGH = {"priority": 3}

VERBS: dict[str, Verb] = {
    "app.enqueue_many": Verb(
        lambda desk: new_id(), lambda desk, queue: desk.app.enqueue_many(calls(queue, number=3)), how_many, 3
    ),
    "app.enqueue_many, keyed": Verb(
        lambda desk: new_id(), lambda desk, queue: desk.app.enqueue_many(calls(queue, "k")), how_many, 1
    ),
    "app.enqueue": Verb(lambda desk: new_id(), lambda desk, queue: desk.app.enqueue(calls(queue)), how_many, 1),
    "app.enqueue_raw": Verb(
        lambda desk: new_id(), lambda desk, queue: desk.app.enqueue_raw("t", b"\x00", queue=queue), how_many, 1
    ),
    "app.find": Verb(_plain, lambda desk, id: desk.app.find(count_up.using(cache="1h").call(5)), NOTHING, None),
    "jobs.get": Verb(_plain, lambda desk, id: desk.app.jobs.get(id), state, "ready"),
    "jobs.list": Verb(_plain, lambda desk, id: list(desk.app.jobs.list(limit=1)), state, "ready"),
    "jobs.count": Verb(_plain, lambda desk, id: desk.app.jobs.count(), state, "ready"),
    "jobs.explain": Verb(_plain, lambda desk, id: desk.app.jobs.explain(id), state, "ready"),
    "jobs.logs": Verb(_plain, lambda desk, id: desk.app.jobs.logs(id), state, "ready"),
    "jobs.cancel": Verb(_plain, lambda desk, id: desk.app.jobs.cancel(id), state, "cancelled"),
    "jobs.retry": Verb(cancelled, lambda desk, id: desk.app.jobs.retry(id), state, "ready"),
    "jobs.edit": Verb(_plain, lambda desk, id: desk.app.jobs.edit(id, priority=3), priority, 3),
    "jobs.edit_many": Verb(
        _plain, lambda desk, id: desk.app.jobs.edit_many({"priority": 3}, **only(desk, id)), priority, 3
    ),
    "jobs.cancel_many": Verb(_plain, lambda desk, id: desk.app.jobs.cancel_many(**only(desk, id)), state, "cancelled"),
    "jobs.retry_many": Verb(cancelled, lambda desk, id: desk.app.jobs.retry_many(**only(desk, id)), state, "ready"),
    "jobs.delete_many": Verb(_plain, lambda desk, id: desk.app.jobs.delete_many(**only(desk, id)), state, None),
    "jobs.rescue": Verb(
        _claimed, lambda desk, id: desk.app.jobs.rescue(force=True, created=only(desk, id)["created"]), state, "ready"
    ),
    "jobs.prune": Verb(cancelled, lambda desk, id: desk.app.jobs.prune(0), state, None),
    "audit.list": Verb(_plain, lambda desk, id: list(desk.app.audit.list()), state, "ready"),
    "jobs.delete": Verb(_plain, lambda desk, id: desk.app.jobs.delete(id), state, None),
    "jobs.delete, keyed": Verb(
        keyed, lambda desk, at: desk.app.jobs.delete(queue=at[0], key=at[1]), lambda desk, at: how_many(desk, at[0]), 0
    ),
    "jobs.resolve": Verb(_plain, lambda desk, id: desk.app.jobs.resolve(id, 5), state, "succeeded"),
    "jobs.fail": Verb(_plain, lambda desk, id: desk.app.jobs.fail(id, "why"), state, "failed"),
    "job.refresh": Verb(
        lambda desk: desk.app.enqueue_many(calls(new_id()))[0], lambda desk, job: job.refresh(), NOTHING, None
    ),
    "job.logs": Verb(
        lambda desk: desk.app.enqueue_many(calls(new_id()))[0], lambda desk, job: job.logs(), NOTHING, None
    ),
    "groups.get": Verb(_plain, lambda desk, id: desk.app.groups.get("g"), state, "ready"),
    "groups.resume": Verb(_plain, lambda desk, id: desk.app.groups.resume("g"), state, "ready"),
    "groups.list": Verb(_plain, lambda desk, id: desk.app.groups.list(stopped=True), state, "ready"),
    "limits.list": Verb(limited, lambda desk, name: desk.app.limits.list(), places, 1),
    "limits.get": Verb(limited, lambda desk, name: desk.app.limits.get(name), places, 1),
    "limits.set": Verb(limited, lambda desk, name: desk.app.limits.set(name, concurrency=7), places, 7),
    "limits.reset": Verb(limited, lambda desk, name: desk.app.limits.reset(name), places, 1),
    "steps.list": Verb(_plain, lambda desk, id: desk.app.steps.list(id), NOTHING, None),
    "steps.release": Verb(parked, lambda desk, id: desk.app.steps.release(id), state, "ready"),
    "schedules.put": Verb(
        lambda desk: "s-" + new_id(),
        lambda desk, name: desk.app.schedules.put(name, count_up.call(0), cron="0 0 1 1 *"),
        paused,
        False,
    ),
    "schedules.pause": Verb(scheduled, lambda desk, name: desk.app.schedules.pause(name), paused, True),
    "schedules.resume": Verb(
        lambda desk: scheduled(desk, paused=True), lambda desk, name: desk.app.schedules.resume(name), paused, False
    ),
    "schedules.delete": Verb(scheduled, lambda desk, name: desk.app.schedules.delete(name), paused, None),
    "schedules.trigger": Verb(scheduled, lambda desk, name: desk.app.schedules.trigger(name), made_by, 1),
    "schedules.backfill": Verb(
        scheduled, lambda desk, name: desk.app.schedules.backfill(name, NEW_YEAR, NEW_YEAR), made_by, 1
    ),
    "schedules.get": Verb(scheduled, lambda desk, name: desk.app.schedules.get(name), paused, False),
    "schedules.list": Verb(scheduled, lambda desk, name: desk.app.schedules.list(limit=1), paused, False),
    "schedules.simulate": Verb(scheduled, lambda desk, name: desk.app.schedules.simulate(name), paused, False),
    "schedules.runs": Verb(scheduled, lambda desk, name: desk.app.schedules.runs(name), paused, False),
    "schedules.stats": Verb(scheduled, lambda desk, name: desk.app.schedules.stats(), paused, False),
    "batches.get": Verb(opened, lambda desk, batch: desk.app.batches.get(batch.id), is_open, True),
    "batches.list": Verb(opened, lambda desk, batch: desk.app.batches.list(limit=1), is_open, True),
    "batch.open": Verb(lambda desk: desk.app.batch("b"), lambda desk, batch: batch.open(), is_open, True),
    "batch.close": Verb(opened, lambda desk, batch: batch.close(), is_open, False),
    "batch.cancel": Verb(opened, lambda desk, batch: batch.cancel(), is_open, False),
    "batch.enqueue_many": Verb(
        lambda desk: (opened(desk), new_id()),
        lambda desk, made: made[0].enqueue_many(calls(made[1], number=3)),
        lambda desk, made: how_many(desk, made[1]),
        3,
    ),
    "metadata.put": Verb(
        lambda desk: new_id(), lambda desk, key: desk.app.metadata.put(key, 1), lambda desk, key: fact(desk, key), 1
    ),
    "metadata.get": Verb(noted, lambda desk, key: desk.app.metadata.get(key), lambda desk, key: fact(desk, key), 5),
    "metadata.remove": Verb(
        noted, lambda desk, key: desk.app.metadata.remove(key), lambda desk, key: fact(desk, key), None
    ),
    "queues.get": Verb(lambda desk: new_id(), lambda desk, name: desk.app.queues.get(name), NOTHING, None),
    "queues.list": Verb(_plain, lambda desk, id: desk.app.queues.list(), state, "ready"),
    "queues.stats": Verb(_plain, lambda desk, id: desk.app.queues.stats("default"), state, "ready"),
    "queues.pause": Verb(lambda desk: new_id(), lambda desk, name: desk.app.queues.pause(name), is_paused, True),
    "queues.resume": Verb(shut, lambda desk, name: desk.app.queues.resume(name), is_paused, False),
    "queues.configure": Verb(
        lambda desk: new_id(), lambda desk, name: desk.app.queues.configure(name, concurrency=7), queue_places, 7
    ),
    "tenants.configure": Verb(
        lambda desk: new_id(),
        lambda desk, name: desk.app.tenants.configure(name, weight=7, live=70),
        lambda desk, name: (desk.app.tenants.get(name).weight, desk.app.tenants.get(name).live),
        (7, 70),
    ),
    "tenants.get": Verb(lambda desk: new_id(), lambda desk, name: desk.app.tenants.get(name), NOTHING, None),
    "tenants.list": Verb(lambda desk: new_id(), lambda desk, name: desk.app.tenants.list(), NOTHING, None),
    "pipe.send": Verb(lambda desk: new_id(), lambda desk, name: numbers(desk, name).send(1), how_many_sent, 1),
    "pipe.send, keyed": Verb(
        lambda desk: new_id(), lambda desk, name: numbers(desk, name).send(1, key="k"), how_many_sent, 1
    ),
    "pipes.send": Verb(
        lambda desk: new_id(), lambda desk, name: desk.app.pipes.send(numbers(desk, name), 1), how_many_sent, 1
    ),
    "pipes.send_many": Verb(
        lambda desk: new_id(),
        lambda desk, name: desk.app.pipes.send_many(numbers(desk, name), [1, 2]),
        how_many_sent,
        2,
    ),
    "pipes.list": Verb(sent, lambda desk, name: desk.app.pipes.list(), how_many_sent, 1),
    "pipes.stats": Verb(sent, lambda desk, name: desk.app.pipes.stats(name), how_many_sent, 1),
    "pipes.get": Verb(sent, lambda desk, name: desk.app.pipes.get(new_id()), how_many_sent, 1),
    "pipes.messages": Verb(sent, lambda desk, name: desk.app.pipes.messages(name), how_many_sent, 1),
    "pipes.pending": Verb(sent, lambda desk, name: desk.app.pipes.pending(name), how_many_sent, 1),
    "pipes.retry": Verb(sent, lambda desk, name: desk.app.pipes.retry(name), how_many_sent, 1),
    "stats.now": Verb(_plain, lambda desk, id: desk.app.stats.now(), state, "ready"),
    "stats.histogram": Verb(_plain, lambda desk, id: desk.app.stats.histogram("hour"), state, "ready"),
    "app.migrate": Verb(_plain, lambda desk, id: desk.app.migrate(), state, "ready"),
}

ELSEWHERE = {
    **dict.fromkeys(("stats.times", "stats.ended", "stats.queues", "stats.tasks", "stats.today"), "reads as stats.now"),
    "app.bind": "touches nothing",
    "app.tenant": "touches nothing",
    "app.batch": "touches nothing",
    "job.decode": "touches nothing",
    "steps.fork": "reads and stores as app.enqueue does: tests/behaviour/test_steps.py",
    "batch.wait": "reads until it has ended, as job.result does",
    "batch.await_": "the same for event loops",
    "batch.arecord": "`record` for event loops",
    "app.call_raw": "touches nothing",
    "app.waits": "one read: tests/behaviour/test_answers.py",
    "app.answer": "needs a job that waits: tests/behaviour/test_answers.py",
    "job.result": "asks the database again until it answers: tests/behaviour/test_results.py",
}


def public(kind: type, prefix: str) -> set[str]:
    """Verbs of a class; the twins for event loops run the same operations."""
    verbs = {name for name, value in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}
    return {f"{prefix}.{name}" for name in verbs if not (name.startswith("a") and name[1:] in verbs)}


def test_every_verb_is_in_the_table() -> None:
    surface = public(Surface, "app") | public(Jobs, "jobs") | public(Groups, "groups") | public(Limits, "limits")
    surface |= (
        public(Metadata, "metadata")
        | public(Batch, "batch")
        | public(Batches, "batches")
        | public(Job, "job")
        | public(Schedules, "schedules")
        | public(Steps, "steps")
        | public(Queues, "queues")
        | public(Pipes, "pipes")
        | public(Audit, "audit")
    )
    surface |= public(Stats, "stats") | public(Tenants, "tenants")
    listed = {name.partition(",")[0] for name in VERBS} | ELSEWHERE.keys()
    assert not surface - listed, "a verb without a line in VERBS"


@pytest.mark.parametrize("name", VERBS)
def test_nth_call_of_a_verb_fails(name: str, desk: Desk, record_property: pytest.RecordProperty) -> None:
    verb = VERBS[name]

    def scene(desk: Desk) -> tuple[Callable[[], Any], Check]:
        made = verb.prepare(desk)
        before = verb.look(desk, made)

        def check(answer: Any) -> None:
            now = verb.look(desk, made)
            if isinstance(answer, OutcomeUnknown):
                assert now in (before, verb.done), f"{now!r} is neither {before!r} nor {verb.done!r}"
            elif isinstance(answer, DatabaseError):
                assert now == before, f"said that nothing changed, and {before!r} became {now!r}"
            else:
                assert now == verb.done, f"said that it was done, and it is {now!r}, not {verb.done!r}"

        return (lambda: verb.call(desk, made)), check

    fail_each_call(scene, name, desk, record_property)


CHANGES = ("app.enqueue_many", "app.enqueue_many, keyed", "jobs.cancel", "jobs.retry", "jobs.delete", "jobs.resolve")
CUTS = 200


def test_replies_to_commits_are_cut_off(desk: Desk, record_property: pytest.RecordProperty) -> None:
    """The change is committed, and its caller never hears of it: it is repeated, done once, and answered rightly."""
    wrong: list[str] = []
    for number in range(CUTS):
        name = CHANGES[number % len(CHANGES)]
        verb = VERBS[name]
        desk.wire.arm(None)
        verb.call(desk, verb.prepare(desk))
        calls = list(desk.wire.calls)
        made = verb.prepare(desk)
        # Where there is no commit, the one statement that writes is its own transaction.
        # So is it where a wake-up, which comes when it likes, only shared its batch the first time.
        writes = [call for call in calls if call not in ("get", "by_key", "begin", "notify", "commit")]
        whole = "commit" in calls and (len(writes) > 1 or "notify" not in calls)
        desk.wire.arm(Fault(1, "after"), on="commit" if whole else writes[-1])
        answer = verb.call(desk, made)
        hit = desk.wire.hit
        desk.wire.heal()
        assert hit, f"{name}: no reply was cut off among {calls}"
        now = verb.look(desk, made)
        if now != verb.done or isinstance(answer, DatabaseError):
            wrong.append(f"{name}: {answer!r}, and it is {now!r}, not {verb.done!r}")
    record_property(FIGURES, f"replies to commits cut off, {desk.database.kind}: {CUTS}, wrong answers {len(wrong)}")
    assert not wrong


def test_a_fault_is_told_in_words() -> None:
    assert str(Fault(2, "after")) == "call 2 fails after its effect"
