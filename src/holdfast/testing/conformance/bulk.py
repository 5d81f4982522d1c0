"""What people do to many jobs: under their locks, only to those that still meet the conditions, with a note of each."""

import pytest

from holdfast.ids import new_id
from holdfast.model.audit import Deed
from holdfast.model.edit import Edit
from holdfast.model.filter import JobFilter
from holdfast.model.job import JobState
from holdfast.model.lifecycle import Verdict
from holdfast.model.tenant import Scope
from holdfast.storage.base import Store
from holdfast.storage.ops import bulk, lists
from holdfast.storage.ops.bulk import Change, Old
from holdfast.storage.ops.duties import Lapsed
from holdfast.storage.ops.lists import ByClaim, ById
from holdfast.storage.ops.manage import Answer
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import (
    LEASE,
    OURS,
    Fixtures,
    add,
    end_one,
    error_entry,
    finish,
    job,
    look,
    repeated,
    see,
    states,
    take,
    take_one,
)

MAIL = JobFilter.of(queue="mail")


def deed(verb: str) -> Deed:
    return Deed(verb, "ada", '{"queue":"mail"}')


def done(changes: list[Change]) -> list[str]:
    return [each.id for each in changes if each.answer is Answer.DONE]


def notes(store: Store, id: str | None = None) -> list[tuple[str, str, str]]:
    """Who did what to which, the newest first."""
    return [(note.verb, note.actor, note.job) for note in store.run(bulk.audited(OURS, 100, id)).entries]


class Bulk(Fixtures):
    def test_only_what_meets_the_conditions_is_cancelled_and_noted(self, store: Store) -> None:
        ids = add(store, job(queue="mail"), job(queue="other"), job(queue="mail"))
        op = bulk.cancel([*ids, new_id()], MAIL, OURS, deed("cancel"))
        assert done(store.run(op)) == [ids[0], ids[2]]
        assert [look(store, id) is None or see(store, id).state for id in ids] == ["cancelled", "ready", "cancelled"]
        assert sorted(notes(store)) == sorted([("cancel", "ada", ids[0]), ("cancel", "ada", ids[2])])
        (note,) = store.run(bulk.audited(OURS, 100, ids[0])).entries
        assert (note.said, note.before, note.after) == (
            {"queue": "mail"}, {"state": "ready", "version": 1}, {"state": "cancelled", "version": 1},
        )  # fmt: skip
        assert done(store.run(repeated(op))) == [ids[0], ids[2]], "after an unknown commit it says what it did"
        assert len(notes(store)) == 2
        assert store.run(bulk.audited(Scope("other"), 100)).entries == []

    def test_what_runs_is_asked_to_stop(self, store: Store) -> None:
        (id,) = add(store, job(queue="mail"))
        take_one(store)
        (change,) = store.run(bulk.cancel([id], MAIL, OURS, deed("cancel")))
        assert change.answer is Answer.ASKED
        (note,) = store.run(bulk.audited(OURS, 1)).entries
        assert note.after == {"state": "running", "version": 1, "stop": "explicit"}

    def test_retries_come_at_their_pace_and_leave_other_states(self, store: Store) -> None:
        ids = add(store, *(job(queue="mail") for _ in range(3)))
        for held in take(store, 2):
            end_one(store, finish(held, JobState.FAILED, error=error_entry()))
        delays = {ids[0]: 0.0, ids[1]: 60.0, ids[2]: 0.0}
        assert done(store.run(bulk.retry(delays, MAIL, OURS, deed("retry")))) == ids[:2]
        assert states(store, ids) == ["ready", "scheduled", "ready"]
        assert [see(store, id).version for id in ids] == [2, 2, 1]

    def test_a_deleted_job_fences_its_worker(self, store: Store) -> None:
        (id,) = add(store, job(queue="mail"))
        held = take_one(store)
        assert done(store.run(bulk.delete([id], MAIL, OURS, deed("delete")))) == [id]
        assert look(store, id) is None
        assert end_one(store, finish(held)).value == "lost"
        (note,) = store.run(bulk.audited(OURS, 1)).entries
        assert (note.before, note.after) == ({"state": "running", "version": 1}, None)

    def test_edits(self, store: Store) -> None:
        ids = add(store, *(job(queue="mail", delay=60) for _ in range(2)), job(queue="mail"))
        held = take_one(store)
        changes = {"priority": 7, "queue": "post", "tags": ["a"], "metadata": {"b": 1}, "delay": 0, "args": {"a": 2}}
        op = bulk.edit(ids, MAIL, Edit.of(changes), OURS, deed("edit"))
        assert {change.id: change.answer for change in store.run(op)} == {
            ids[0]: Answer.DONE, ids[1]: Answer.DONE, held.id: Answer.FORBIDDEN,
        }  # fmt: skip
        record = see(store, ids[0])
        assert (record.state, record.priority, record.queue, record.tags) == ("ready", 7, "post", ("a",))
        assert (dict(record.metadata), dict(record.args)) == ({"b": 1}, {"a": 2})
        (note,) = store.run(bulk.audited(OURS, 1, ids[0])).entries
        assert (note.before["priority"], note.after["priority"], note.after["args"]) == (0, 7, "…")
        assert sorted(done(store.run(repeated(op)))) == sorted(ids[:2])

    @pytest.mark.parametrize(
        ("old", "expected"), [(Old(0), [0]), (Old(33), []), (Old(0, True), [0, 1]), (Old(20, True), [0])]
    )
    def test_running_jobs_by_their_age(self, store: Store, clock: Clock, old: Old, expected: list[int]) -> None:
        ids = add(store, job(queue="mail"), job(queue="mail"), job(queue="mail"))
        take(store, 1)
        clock.advance(LEASE - 10)
        take(store, 1)
        clock.advance(11)
        wanted = [ids[place] for place in expected]
        assert store.run(bulk.running(old, OURS, 100)) == wanted
        assert store.run(bulk.running(old, Scope("other"), 100)) == []
        verdicts: dict[str, tuple[Lapsed, Verdict]] = {}
        changes = store.run(bulk.rescue(ids, MAIL, OURS, deed("rescue"), old, verdicts))
        assert done(changes) == wanted
        assert sorted(verdicts) == sorted(wanted)
        assert [see(store, id).crashes for id in ids] == [int(id in wanted) for id in ids]
        assert [note[2] for note in notes(store)][::-1] == wanted

    def test_the_audit_has_pages_and_forgets(self, store: Store, clock: Clock) -> None:
        ids = add(store, *(job(queue="mail") for _ in range(5)))
        for id in ids:
            store.run(bulk.cancel([id], MAIL, OURS, deed("cancel")))
        first = store.run(bulk.audited(OURS, 3))
        assert ([note.job for note in first.entries], first.more) == (ids[:1:-1], True)
        rest = store.run(bulk.audited(OURS, 3, None, first.entries[-1].seq))
        assert ([note.job for note in rest.entries], rest.more) == (ids[1::-1], False)
        clock.advance("89d")
        assert store.run(bulk.prune_audit()) == 0
        clock.advance("2d")
        assert (store.run(bulk.prune_audit(2)), store.run(bulk.prune_audit())) == (2, 3)


class Listing(Fixtures):
    def test_every_condition(self, store: Store, clock: Clock) -> None:
        start = clock.now()
        first = add(store, job(priority=-5))
        clock.advance(60)
        late = clock.now()
        second = add(store, job(priority=3, delay=3600), job())
        end_one(store, finish(take_one(store), JobState.FAILED, error=error_entry("no such host")))
        third = clock.advance(60)
        cases: list[tuple[dict[str, object], list[str]]] = [
            ({"priority": (None, -1)}, first), ({"priority": 3}, second[:1]),
            ({"created": (start, late)}, first), ({"created": (late, None)}, second[::-1]), ({"created": start}, first),
            ({"due": (third, None)}, second[:1]), ({"finished": (start, third)}, second[1:]),
            ({"finished": (third, None)}, []),
            ({"error": "such host"}, second[1:]), ({"error": "ValueError"}, second[1:]),
            ({"error": "%"}, []), ({"state": ["failed", "scheduled"]}, second[::-1]),
        ]  # fmt: skip
        for conditions, expected in cases:
            which = JobFilter.of(**conditions)
            found = store.run(lists.page(which, OURS, 10))
            assert [record.id for record, _ in found.jobs] == expected, conditions
            counts, complete = store.run(lists.count(which, OURS))
            assert (sum(counts.values()), complete) == (len(expected), True), conditions

    def test_pages_go_both_ways(self, store: Store) -> None:
        ids = add(store, *(job() for _ in range(7)))
        for held in take(store, 3):
            end_one(store, finish(held))
        for up in (False, True):
            wanted = ids if up else ids[::-1]
            seen: list[str] = []
            place: ById | None = None
            more = True
            while more:
                found = store.run(lists.page(JobFilter(), OURS, 3, place, up))
                seen += [record.id for record, _ in found.jobs]
                last, more = found.jobs[-1][1], found.more
                assert isinstance(last, ById)
                place = last
            assert seen == wanted
            back = store.run(lists.page(JobFilter(), OURS, 3, place, not up))
            assert [record.id for record, _ in back.jobs] == wanted[-2:-5:-1]

    def test_the_line_of_ready_jobs(self, store: Store, clock: Clock) -> None:
        low, mid = add(store, job(priority=1), job(priority=5))
        clock.advance(1)
        (later,) = add(store, job(priority=5))
        add(store, job(delay=60, priority=9))
        first = store.run(lists.line(JobFilter(), OURS, 2))
        assert [record.id for record, _ in first.jobs] == [mid, later]
        place = first.jobs[-1][1]
        assert isinstance(place, ByClaim)
        rest = store.run(lists.line(JobFilter(), OURS, 2, place))
        assert [record.id for record, _ in rest.jobs] == [low]
        assert [taken.id for taken in take(store, 3)] == [mid, later, low], "as they are claimed"
