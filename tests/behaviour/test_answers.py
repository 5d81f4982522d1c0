"""Jobs that wait for messages, and for people."""

from __future__ import annotations

import random
import secrets
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from holdfast import Holdfast, JobState, Pipe, Retry, gather, step, wait_for
from holdfast.errors import AnswerRefused, InvalidArguments, InvalidOption, UnknownPipe, WaitNotFound, WaitTimeout
from holdfast.testing import Clock, drain
from holdfast.worker import parking

from .support import until

NOW = Retry(attempts=9, backoff=0, jitter=0)


@dataclass
class Approval:
    song: int
    ok: bool = True
    by: str | None = None


@pytest.fixture
def approved(app: Holdfast) -> Pipe[Approval]:
    return app.pipe("approved", Approval)


@pytest.fixture(params=["parked", "replayed", "either"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What becomes of the bodies of waiting jobs."""
    if request.param == "replayed":
        monkeypatch.setattr(parking, "CAP", 0)
    if request.param == "either":
        park, chance = parking.Parking.park, random.Random(7)

        def sometimes(self: parking.Parking, held: Any, verdict: Any) -> None:
            park(self, held, verdict)
            if chance.random() < 0.5:
                self.drop(held.job.id)

        monkeypatch.setattr(parking.Parking, "park", sometimes)
    return str(request.param)


def state(job: Any) -> JobState:
    found: JobState = job.refresh().state
    return found


def test_a_message_frees_exactly_those_that_wait_for_it(app: Holdfast, approved: Pipe[Approval]) -> None:
    @app.task
    async def publish(song: int) -> str | None:
        return (await wait_for(approved, where={"song": song, "ok": True})).by

    jobs = app.enqueue_many([publish.call(n % 2) for n in range(60)])
    drain(app)
    assert {state(job) for job in jobs} == {JobState.SUSPENDED}
    approved.send_many([Approval(1, ok=False), Approval(7)])
    drain(app)
    assert {state(job) for job in jobs} == {JobState.SUSPENDED}
    approved.send(Approval(1, by="ann"))
    drain(app)
    assert [job.result() for job in jobs[1::2]] == ["ann"] * 30
    assert {state(job) for job in jobs[::2]} == {JobState.SUSPENDED}


def test_messages_come_in_their_order_and_each_once_to_a_job(live: Holdfast, how: str) -> None:
    numbers = live.pipe("numbers", int)

    @live.task
    async def takes() -> list[int]:
        found = [await wait_for(numbers) for _ in range(2)]
        found += await gather(wait_for(numbers), wait_for(numbers))
        return [*found, await wait_for(numbers, where=lambda number: number > 6)]

    job = takes.enqueue()
    numbers.send_many([1, 2, 3])
    with live.worker(poll_interval="100ms"):
        until(lambda: state(job) is JobState.SUSPENDED)
        numbers.send_many([4, 5, 6, 7, 8])
        assert job.result(timeout=30) == [1, 2, 3, 4, 7] or job.result() == [1, 2, 4, 3, 7]


def test_which_messages_count(app: Holdfast, clock: Clock) -> None:
    numbers = app.pipe("numbers", int)
    found: dict[str, int] = {}

    @app.task
    async def takes(name: str, since: str | None) -> None:
        found[name] = await wait_for(numbers, since=since)

    numbers.send(1)
    clock.advance("1h")
    numbers.send(2)
    clock.advance("1m")
    takes.enqueue("enqueued", None)
    numbers.send(3)
    clock.advance("1m")
    for name in ("ever", "now", "30m"):
        takes.enqueue(name, name)
    drain(app)
    numbers.send(4)
    drain(app)
    assert found == {"enqueued": 3, "ever": 1, "now": 4, "30m": 2}


def test_a_wait_times_out(app: Holdfast, approved: Pipe[Approval], clock: Clock) -> None:
    @app.task
    async def publish() -> str:
        try:
            await wait_for(approved, where={"song": 1}, timeout="3d")
        except WaitTimeout:
            return "late"
        return "in time"

    job = publish.enqueue()
    drain(app)
    (wait,) = app.waits(job)
    assert (wait.pipe, wait.where) == ("approved", {"song": 1})
    assert wait.until is not None
    clock.advance("3d")
    approved.send(Approval(2))
    drain(app)
    assert job.result() == "late"
    assert app.waits(job) == []
    with pytest.raises(AnswerRefused, match="over"):
        app.answer(wait.token, Approval(1))


def test_people_answer_with_a_token(app: Holdfast, approved: Pipe[Approval]) -> None:
    told: list[str] = []

    @app.task
    async def publish(song: int) -> str | None:
        token = await step(secrets.token_urlsafe)
        await step("tell", told.append, token)
        return (await wait_for(approved, where={"song": song}, token=token)).by

    one, two = publish.enqueue(1), publish.enqueue(1)
    drain(app)
    assert [wait.token for wait in app.waits(one)] + [wait.token for wait in app.waits(two.id)] == told
    with pytest.raises(WaitNotFound):
        app.answer("x" * 30, Approval(1))
    with pytest.raises(InvalidArguments):
        app.answer(told[0], {"ok": 1})
    with pytest.raises(AnswerRefused, match='"song"'):
        app.answer(told[0], Approval(2))
    app.answer(told[0], Approval(1, by="ann"))
    with pytest.raises(AnswerRefused, match="over"):
        app.answer(told[0], Approval(1, by="bob"))
    drain(app)
    assert one.result() == "ann"
    assert state(two) is JobState.SUSPENDED
    assert len(app.pipes.messages(approved)) == 0, "it is no message, and nobody else sees it"
    with pytest.raises(WaitNotFound):
        app.tenant("acme").answer(told[1], Approval(1))


def test_what_is_wrong_is_said_at_once(app: Holdfast, approved: Pipe[Approval]) -> None:
    elsewhere: Pipe[int] = Pipe("elsewhere", int)
    wrong: list[Any] = [
        (InvalidOption, {"where": {"sing": 1}}), (InvalidOption, {"where": {"song": object()}}),
        (InvalidOption, {"since": "yesterday"}), (InvalidOption, {"token": "short"}), (InvalidOption, {"timeout": -1}),
    ]  # fmt: skip

    @app.task
    async def tries() -> int:
        count = 0
        for error, given in wrong:
            with pytest.raises(error):
                await wait_for(approved, **given)
            count += 1
        with pytest.raises(UnknownPipe):
            await wait_for(elsewhere)
        with pytest.raises(InvalidOption, match="are for a pipe"):
            await wait_for("0190163d-8694-79b5-8c1d-4f0e2a7b6c5d", where={})  # type: ignore[call-overload]
        return count

    job = tries.enqueue()
    drain(app)
    assert job.result() == len(wrong)


def test_a_body_sends_once_however_often_it_runs(app: Holdfast) -> None:
    numbers = app.pipe("numbers", int)
    runs: list[int] = []

    def sends(number: int) -> None:
        numbers.send(number)
        if len(runs) < 2:
            raise ValueError

    @app.task(retry=NOW)
    async def body() -> bool:
        runs.append(1)
        first = await numbers.asend(1)
        await numbers.asend_many([2, 3])
        await step.using(retry=3, backoff=0)(sends, 4)
        await numbers.asend(5, key="k")
        if len(runs) < 3:
            raise ValueError("again")
        return first.created

    job = body.enqueue()
    drain(app)
    assert job.result() is True
    assert len(runs) == 3
    assert [message.value for message in app.pipes.messages(numbers)][::-1] == [1, 2, 3, 4, 5]


def test_messages_come_at_once_to_workers_that_wait(live: Holdfast, how: str) -> None:
    numbers = live.pipe("numbers", int)
    waiting = threading.Barrier(1)

    @live.task
    async def takes() -> int:
        waiting.wait()
        return await wait_for(numbers, where=5)

    with live.worker(poll_interval="30s"):
        job = takes.enqueue()
        until(lambda: state(job) is JobState.SUSPENDED)
        numbers.send_many([4, 5])
        assert job.result(timeout=20) == 5


def test_a_failed_body_takes_what_it_took(app: Holdfast) -> None:
    numbers = app.pipe("numbers", int)
    runs: list[int] = []

    @app.task(retry=NOW)
    async def takes() -> int:
        runs.append(await wait_for(numbers))
        if len(runs) < 3:
            raise ValueError
        return runs[-1]

    job = takes.enqueue()
    numbers.send_many([1, 2])
    drain(app)
    assert (job.result(), runs) == (1, [1, 1, 1])
