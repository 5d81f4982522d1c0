"""Jobs edited, cancelled, retried and deleted by conditions, with notes of it; on both databases."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from holdfast import Holdfast, JobState
from holdfast.errors import InvalidOption, JobNotFound, WrongState
from holdfast.ids import new_id
from holdfast.many import PAGE
from holdfast.testing import Clock, drain

from .support import vanish


@pytest.fixture
def good(app: Holdfast) -> Any:
    @app.task(name="good", tags=["t"])
    def good(n: int = 0) -> int:
        return n

    return good


@pytest.fixture
def bad(app: Holdfast) -> Any:
    @app.task(name="bad")
    def bad(why: str = "x") -> None:
        raise ValueError(why)

    return bad


def test_edit(app: Holdfast, good: Any, clock: Clock) -> None:
    id = good.enqueue(1).id
    edited = app.jobs.edit(
        id, by="ada", priority=7, queue="q", args={"n": 5}, tags=["u"], metadata={"a": 1}, timeout=None, retry=4,
        keep_succeeded="2d",
    )  # fmt: skip
    assert (edited.priority, edited.queue, edited.args, edited.tags, edited.metadata, edited.timeout) == (
        7, "q", {"n": 5}, ("u",), {"a": 1}, None
    )  # fmt: skip
    assert (edited.max_attempts, edited.keep_succeeded, edited.state) == (4, 2 * 86_400, "ready")
    later = app.jobs.edit(id, delay="5m")
    assert (later.state, later.due_at - clock.now()) == ("scheduled", later.due_at - clock.now())
    assert (later.due_at - clock.now()).total_seconds() == 300
    assert app.jobs.edit(id, delay=0).state == "ready"
    drain(app)
    assert app.jobs.get(id).result == 5  # type: ignore[union-attr]
    with pytest.raises(WrongState):
        app.jobs.edit(id, priority=1)
    notes = app.audit.list(job=id)
    assert [note.verb for note in notes] == ["edit"] * 3
    first = notes[2]
    assert (first.actor, first.before["priority"], first.after["priority"], first.after["args"]) == ("ada", 0, 7, "…")


@pytest.mark.parametrize(
    "changes",
    [{}, {"stat": 1}, {"key": "k"}, {"priority": "high"}, {"args": [1]}, {"priority": lambda n: n}],
    ids=["none", "unknown", "key", "wrong", "args", "function"],
)
def test_a_bad_edit_changes_nothing(app: Holdfast, good: Any, changes: dict[str, Any]) -> None:
    job = good.enqueue(1)
    before = app.jobs.get(job.id)
    with pytest.raises(InvalidOption):
        app.jobs.edit(job.id, **changes)
    with pytest.raises(InvalidOption):
        app.jobs.edit_many(changes, queue="default")
    assert app.jobs.get(job.id) == before
    assert not app.audit.list()


def test_what_does_not_wait_is_not_edited(app: Holdfast, good: Any) -> None:
    with pytest.raises(JobNotFound):
        app.jobs.edit(new_id(), priority=1)
    running = good.enqueue()
    vanish(app, running)
    with pytest.raises(WrongState):
        app.jobs.edit(running.id, priority=1)
    good.using(queue="b", key="k").enqueue()
    keyed = good.using(queue="a", key="k").enqueue()
    with pytest.raises(WrongState):
        app.jobs.edit(keyed.id, queue="b")
    gated = good.using(queue="a", group="g").enqueue()
    with pytest.raises(WrongState):
        app.jobs.edit(gated.id, delay=60)
    assert app.jobs.edit(gated.id, priority=3).priority == 3
    assert [note.job for note in app.audit.list()] == [gated.id]


def test_cancel_many(app: Holdfast, good: Any) -> None:
    app.enqueue_many([good.using(queue="ab"[n % 2]).call(n) for n in range(2 * PAGE + 10)])
    other = good.using(queue="b", tags=["keep"]).enqueue()
    told: list[str] = []
    app.on("job.cancelled", queue="a")(lambda event: told.append(event.job.id))
    assert app.jobs.cancel_many(queue="a", dry_run=True) == PAGE + 5
    assert app.jobs.count(state="cancelled").total == 0
    some = app.jobs.cancel_many(queue="a", limit=3)
    assert (some, some.more) == (3, True)
    rest = app.jobs.cancel_many(queue="a", by="ops")
    assert (rest, rest.more) == (PAGE + 2, False)
    assert len(set(told)) == PAGE + 5
    assert app.jobs.count() == {"cancelled": PAGE + 5, "ready": PAGE + 6}
    assert app.jobs.get(other.id).state == "ready"  # type: ignore[union-attr]
    note = app.audit.list(limit=1)[0]
    assert (note.verb, note.actor, note.said["queue"], note.before["state"], note.after["state"]) == (
        "cancel", "ops", "a", "ready", "cancelled"
    )  # fmt: skip
    page = app.audit.list(limit=1000)
    assert len(page) == PAGE + 5
    assert page.next is None


def test_running_ones_are_asked_to_stop(app: Holdfast, good: Any) -> None:
    job = good.enqueue()
    vanish(app, job)
    assert app.jobs.cancel_many(task=good) == 1
    assert app.audit.list(job=job.id)[0].after["stop"] == "explicit"


def test_retry_many_at_a_rate(app: Holdfast, bad: Any, clock: Clock) -> None:
    jobs = app.enqueue_many([bad.call(f"why {n}") for n in range(5)])
    drain(app)
    assert app.jobs.retry_many(error="why", rate="1/s", dry_run=True) == 5
    assert app.jobs.retry_many(error="why", rate="1/s") == 5
    due = sorted(
        (record.due_at - clock.now()).total_seconds() for record in app.jobs.list(state=["ready", "scheduled"])
    )
    assert due == [0, 1, 2, 3, 4]
    assert app.jobs.retry_many(error="why") == 0, "they are live: their old versions are history"
    newest = app.jobs.get(jobs[0].id)
    assert newest is not None
    assert (newest.id, newest.version) == (jobs[0].id, 2)


def test_delete_and_prune(app: Holdfast, good: Any, bad: Any, clock: Clock) -> None:
    old = good.enqueue().id
    drain(app)
    clock.advance("2h")
    failed, fresh = bad.enqueue().id, good.enqueue().id
    drain(app)
    assert app.jobs.prune("1h", dry_run=True) == 1
    assert app.jobs.prune("1h", states="failed") == 0
    assert app.jobs.prune("1h") == 1
    assert app.jobs.get(old) is None
    assert app.jobs.delete_many(state=JobState.FAILED) == 1
    assert app.jobs.get(failed) is None
    assert app.jobs.get(fresh) is not None
    assert [(note.verb, note.job, note.after) for note in app.audit.list()] == [
        ("delete", failed, None), ("delete", old, None)
    ]  # fmt: skip
    clock.advance("91d")
    app.do_duties()
    assert not app.audit.list()


def test_edit_many(app: Holdfast, good: Any) -> None:
    app.enqueue_many([good.call(n) for n in range(3)])
    assert app.jobs.edit_many({"priority": 3}, tag="t") == 3
    assert {record.priority for record in app.jobs.list()} == {3}


def test_everything_must_not_be_meant_by_chance(app: Holdfast, good: Any) -> None:
    good.enqueue()
    for verb in (app.jobs.cancel_many, app.jobs.retry_many, app.jobs.delete_many):
        with pytest.raises(InvalidOption, match="condition"):
            verb()
        with pytest.raises(InvalidOption):
            verb(queu="x")
    with pytest.raises(InvalidOption):
        app.jobs.retry_many(state="running")
    assert app.jobs.count() == {"ready": 1}


async def test_from_an_event_loop(app: Holdfast, good: Any) -> None:
    job = await good.aenqueue()
    assert (await app.jobs.aedit(job.id, priority=2)).priority == 2
    assert await app.jobs.aedit_many({"priority": 4}, task=good) == 1
    assert await app.jobs.acancel_many(task=good) == 1
    assert await app.jobs.aretry_many(task=good) == 1
    assert await app.jobs.adelete_many(task=good) == 1
    assert len(await app.audit.alist()) == 5


def test_in_the_callers_transaction(app: Holdfast, good: Any) -> None:
    job = good.enqueue()
    with suppress(ZeroDivisionError), app.transaction() as connection:
        assert app.bind(connection).jobs.cancel_many(task=good) == 1
        raise ZeroDivisionError
    assert app.jobs.get(job.id).state == "ready"  # type: ignore[union-attr]
    assert not app.audit.list()


def test_rescue_of_what_lapsed(app: Holdfast, good: Any, clock: Clock) -> None:
    told: list[Any] = []
    app.on("job.rescued")(told.append)
    old, young = good.enqueue(1), good.using(queue="b").enqueue(2)
    vanish(app, old)
    clock.advance("20s")
    vanish(app, young)
    clock.advance("15s")
    for rule in ({"older_than": "1m"}, {"queue": "b"}, {"priority": 9}):
        assert app.jobs.rescue(**rule) == 0, rule  # type: ignore[arg-type]
    assert app.jobs.rescue(dry_run=True) == 1
    assert old.refresh().state is JobState.RUNNING
    assert app.jobs.rescue("30s", by="ada") == 1
    record = old.refresh()
    assert (record.state, record.reason, record.crashes, record.attempt) == ("ready", "rescued", 1, 0)
    assert "rescued by hand" in record.errors[-1].message
    (note,) = app.audit.list(job=old.id)
    assert (note.verb, note.actor, note.before["state"], note.after) == ("rescue", "ada", "running", {"state": "ready"})
    assert [(event.details["id"], event.details["crashes"]) for event in told] == [(old.id, 1)]
    assert young.refresh().state is JobState.RUNNING


def test_rescue_by_force_ends_what_crashes_too_often(app: Holdfast, good: Any, clock: Clock) -> None:
    told: list[str] = []
    app.on("job.failed")(lambda event: told.append(event.job.id))
    poison, gone, fine = (
        good.using(max_crashes=1).enqueue(1), good.using(max_crashes=1, keep_failed=0).enqueue(2), good.enqueue(3),
    )  # fmt: skip
    for job in (poison, gone, fine):
        vanish(app, job)
    assert app.jobs.rescue() == 0
    changed = app.jobs.rescue(force=True, limit=2)
    assert (changed, changed.more) == (2, True)
    changed = app.jobs.rescue(force=True)
    assert (changed, changed.more) == (1, False)
    assert (poison.refresh().state, poison.refresh().reason) == ("failed", "crashed")
    assert app.jobs.get(gone.id) is None
    assert told == [poison.id, gone.id]
    drain(app)
    assert fine.refresh().result == 3
    with pytest.raises(InvalidOption):
        app.jobs.rescue("10m", state="ready")
    with pytest.raises(InvalidOption):
        app.jobs.rescue("soon")


async def test_rescue_on_an_event_loop(app: Holdfast, good: Any) -> None:
    job = good.enqueue(1)
    vanish(app, job)
    assert await app.jobs.arescue(force=True, dry_run=True) == 1
    assert await app.jobs.arescue(force=True) == 1
    assert job.refresh().state is JobState.READY
