"""Messages of pipes."""

from typing import Any

from holdfast.ids import new_id
from holdfast.model.message import NewMessage, Pending
from holdfast.model.tenant import Scope
from holdfast.storage.base import Store
from holdfast.storage.ops import deliveries, pipes
from holdfast.storage.ops.deliveries import Due, Look, Made
from holdfast.testing.clock import Clock
from holdfast.testing.conformance.kit import OURS, Fixtures, job, repeated, seconds_between, take


def message(value: str = "1", **columns: Any) -> NewMessage:
    given: dict[str, Any] = {
        "tenant": "default", "id": new_id(), "pipe": "p", "key": None, "value": value, "job": None,
        "keep": 60.0, **columns
    }  # fmt: skip
    return NewMessage(**given)


def send(store: Store, *messages: NewMessage) -> list[str]:
    """Send, in one op; answers the ids."""
    return [sent.id for sent in store.run(pipes.send(messages, OURS))]


def values(store: Store, pipe: str = "p", scope: Scope = OURS) -> list[Any]:
    return [each.value for each in store.run(pipes.page(pipe, scope, 100))]


class Pipes(Fixtures):
    def test_messages_are_kept_as_they_were_sent(self, store: Store, peer: Store, clock: Clock) -> None:
        sender = new_id()
        (id,) = send(store, message('{"a":[1,null]}', job=sender, keep=60.0))
        found = peer.run(pipes.get(id, OURS))
        assert found is not None
        assert (found.id, found.pipe, found.value, found.job) == (id, "p", {"a": [1, None]}, sender)
        assert (found.key, found.tenant, found.taken, found.sent_at) == (None, "default", 0, clock.now())
        assert seconds_between(found.sent_at, found.keep_until) == 60.0
        assert peer.run(pipes.get(id, Scope("other"))) is None
        assert peer.run(pipes.get(new_id(), OURS)) is None

    def test_a_key_is_taken_once(self, store: Store) -> None:
        one, two = store.run(pipes.send([message("1", key="k"), message("2", key="k")], OURS))
        assert (one.created, two.created, two.id) == (True, False, one.id)
        (again,) = store.run(pipes.send([message("3", key="k")], OURS))
        assert (again.created, again.id) == (False, one.id)
        others = [message("4", key="k", pipe="q"), message("5", key="k", tenant="other"), message("6")]
        assert all(sent.created for sent in store.run(pipes.send(others, Scope(None))))
        assert values(store) == [6, 1]

    def test_a_repeated_send_is_one_send(self, store: Store) -> None:
        op = pipes.send([message("1"), message("2", key="k")], OURS)
        assert store.run(op) == store.run(repeated(op))
        assert values(store) == [2, 1]

    def test_pages_begin_with_the_newest(self, store: Store) -> None:
        send(store, *(message(str(n)) for n in range(5)), message(pipe="q"), message(tenant="other"))
        first = store.run(pipes.page("p", OURS, 2))
        assert [each.value for each in first] == [4, 3]
        assert [each.value for each in store.run(pipes.page("p", OURS, 9, first[-1].place))] == [2, 1, 0]

    def test_pipes_are_known_by_their_messages(self, store: Store, clock: Clock) -> None:
        assert store.run(pipes.every(OURS)) == []
        send(store, *(message() for _ in range(3)), message(pipe="q"), message(pipe="r", tenant="other"))
        found = store.run(pipes.every(OURS))
        assert [(each.name, each.messages, each.last_at) for each in found] == [
            ("p", 3, clock.now()), ("q", 1, clock.now())
        ]  # fmt: skip
        assert store.run(pipes.stats("r", OURS)).messages == 0

    def test_messages_go_when_their_time_is_over(self, store: Store, clock: Clock) -> None:
        send(store, *(message(str(n), keep=60.0) for n in range(3)), message('"long"', keep=600.0))
        clock.advance(59)
        assert store.run(pipes.prune()) == 0
        clock.advance(1)
        assert store.run(pipes.prune(2)) == 2
        assert store.run(pipes.prune(2)) == 1
        assert values(store) == ["long"]


class Deliveries(Fixtures):
    """What messages become."""

    def test_a_message_is_handed_to_all_tasks_that_it_triggers(self, store: Store) -> None:
        store.run(deliveries.declare([("p", "a"), ("p", "b"), ("q", "a")], ["a", "b"]))
        (one, two) = send(store, message("1"), message("2"))
        send(store, message(pipe="r"))
        assert store.run(deliveries.look(["a"], ["p"], 10)) == Look([], True)
        assert store.run(deliveries.hand(["p", "q"], 10)) == 2
        look = store.run(deliveries.look(["a"], ["p", "q"], 10))
        assert look == Look([Due("default", one, "a", "p", "1"), Due("default", two, "a", "p", "2")], False)
        assert [each.message for each in store.run(deliveries.look(["b", "z"], ["p"], 1)).due] == [one]
        found = store.run(pipes.get(one, OURS))
        assert found is not None
        assert found.taken == 2
        assert store.run(deliveries.hand(["p", "q"], 10)) == 0

    def test_messages_wait_for_the_first_trigger(self, store: Store) -> None:
        send(store, message())
        assert store.run(deliveries.hand(["p"], 10)) == 0
        store.run(deliveries.declare([("p", "a")], ["a"]))
        assert store.run(deliveries.hand(["p"], 10)) == 1
        store.run(deliveries.declare([("p", "a"), ("p", "b")], ["a", "b"]))
        assert store.run(deliveries.hand(["p"], 10)) == 0, "what came later takes what comes from now on"

    def test_a_task_is_triggered_no_more(self, store: Store) -> None:
        store.run(deliveries.declare([("p", "a"), ("p", "b")], ["a", "b"]))
        store.run(deliveries.declare([], ["a", "c"]))
        send(store, message())
        store.run(deliveries.hand(["p"], 10))
        assert store.run(deliveries.look(["a"], ["p"], 10)).due == []
        assert len(store.run(deliveries.look(["b"], ["p"], 10)).due) == 1

    def test_of_two_who_deliver_one_does(self, store: Store, peer: Store) -> None:
        (due,) = handed(store)
        (first,) = store.run(deliveries.deliver([Made(due, (job(task="a"), job(task="a")))]))
        assert [answer.how for answer in first[1]] == ["new", "new"]
        assert peer.run(deliveries.deliver([Made(due, (job(task="a"),))])) == []
        assert len(take(store)) == 2
        assert store.run(deliveries.look(["a"], ["p"], 10)) == Look([], False)

    def test_delivering_repeated(self, store: Store) -> None:
        (due,) = handed(store)
        op = deliveries.deliver([Made(due, (job(task="a"),))])
        store.run(op)
        assert store.run(repeated(op)) == []
        assert len(take(store)) == 1

    def test_what_cannot_be_made_is_set_aside_and_kept(self, store: Store, clock: Clock) -> None:
        (due,) = handed(store)
        assert store.run(deliveries.deliver([Made(due, refusal="it broke")])) == []
        assert store.run(pipes.pending("p", OURS, 10)) == [Pending(due.message, "a", "it broke")]
        stats = store.run(pipes.stats("p", OURS))
        assert (stats.pending, stats.parked) == (1, 1)
        assert store.run(deliveries.look(["a"], ["p"], 10)).due == []
        clock.advance("1d")
        assert store.run(pipes.prune()) == 0, "it is still to become something"
        assert store.run(pipes.retry("p", OURS)) == 1
        assert store.run(deliveries.look(["a"], ["p"], 10)).due == [due]
        store.run(deliveries.deliver([Made(due, refusal="it broke")]))
        assert store.run(deliveries.declare([("p", "a")], ["a"])) == 1
        store.run(deliveries.deliver([Made(due)]))
        assert store.run(pipes.prune()) == 1

    def test_requests_that_others_decide(self, store: Store) -> None:
        one, two = handed(store, 2)
        keyed = [job(task="a", key="k"), job(task="a", key="k"), job(task="a")]
        done = store.run(deliveries.deliver([Made(one, tuple(keyed[:2])), Made(two, (keyed[2],))]))
        assert [[answer.how for answer in answers] for _, answers in done] == [["new", "kept"], ["new"]]


def handed(store: Store, number: int = 1) -> list[Due]:
    store.run(deliveries.declare([("p", "a")], ["a"]))
    send(store, *(message(str(n)) for n in range(number)))
    store.run(deliveries.hand(["p"], 100))
    return store.run(deliveries.look(["a"], ["p"], 100)).due
