"""`app.bind(connection)`: everything an app does, in the caller's transaction. Commit keeps, rollback removes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.behaviour.ways import ASYNC, SYNC, AsyncWay, Way

from holdfast import Holdfast, JobState, TaskSet
from holdfast.bound import Bound

tasks = TaskSet()


@tasks.task
def good(n: int = 0) -> int:
    return n


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Iterator[Callable[[str], tuple[Holdfast, str]]]:
    """An app with our tasks on a database of this kind, and its URL."""
    made: list[Holdfast] = []

    def open_app(kind: str) -> tuple[Holdfast, str]:
        url: str = request.getfixturevalue(f"{kind}_url")
        app = Holdfast(url)
        app.include(tasks)
        app.migrate()
        made.append(app)
        return app, url

    yield open_app
    for app in made:
        app.close()


Opened = Callable[[str], tuple[Holdfast, str]]


def failed(app: Holdfast) -> str:
    return app.jobs.fail(waiting(app)).id


def waiting(app: Holdfast) -> str:
    return good.via(app).using(delay="1h").enqueue(1).id


def nothing(app: Holdfast) -> str:
    return ""


@dataclass(frozen=True)
class Verb:
    """Something done by way of `bind`: the job it needs, the call and its awaited twin, and what is seen by then in
    the transaction and after its commit. Before the commit, and after a rollback, everybody sees what was before."""

    name: str
    begin: Callable[[Holdfast], str]
    call: Callable[[Bound, str], Any]
    acall: Callable[[Bound, str], Awaitable[Any]]
    state: JobState | None


def sent(bound: Bound, _: str) -> str:
    return good.via(bound).enqueue(5).id


async def asent(bound: Bound, _: str) -> str:
    return (await good.via(bound).aenqueue(5)).id


async def asent_many(bound: Bound, _: str) -> str:
    return (await bound.aenqueue_many([good.call(n) for n in range(3)]))[0].id


VERBS = [
    Verb("enqueue", nothing, sent, asent, JobState.READY),
    Verb(
        "enqueue_many",
        nothing,
        lambda bound, _: bound.enqueue_many([good.call(n) for n in range(3)])[0].id,
        asent_many,
        JobState.READY,
    ),
    Verb("cancel", waiting, lambda b, id: b.jobs.cancel(id), lambda b, id: b.jobs.acancel(id), JobState.CANCELLED),
    Verb("retry", failed, lambda b, id: b.jobs.retry(id), lambda b, id: b.jobs.aretry(id), JobState.READY),
    Verb("delete", failed, lambda b, id: b.jobs.delete(id), lambda b, id: b.jobs.adelete(id), None),
    Verb("delete live", waiting, lambda b, id: b.jobs.delete(id), lambda b, id: b.jobs.adelete(id), None),
    Verb(
        "resolve",
        waiting,
        lambda b, id: b.jobs.resolve(id, 7),
        lambda b, id: b.jobs.aresolve(id, 7),
        JobState.SUCCEEDED,
    ),
    Verb("fail", waiting, lambda b, id: b.jobs.fail(id), lambda b, id: b.jobs.afail(id), JobState.FAILED),
]


def state(jobs: Any, id: str) -> JobState | None:
    record = jobs.get(id) if id else None
    return None if record is None else record.state


@pytest.mark.parametrize("way", SYNC, ids=lambda way: f"{way.name}-{way.kind}".replace(" ", "_"))
def test_commit_keeps_and_rollback_removes(way: Way, opened: Opened) -> None:
    app, url = opened(way.kind)
    given = {verb.name: verb.begin(app) for verb in VERBS}
    told: list[str] = []
    app.on("*", lambda event: told.append(event.name))
    with way.open(url) as connection:
        bound = app.bind(connection)
        for verb in VERBS:
            before = state(app.jobs, given[verb.name])
            for last in (way.rollback, way.commit):
                answer = verb.call(bound, given[verb.name])
                id = given[verb.name] or answer
                assert state(bound.jobs, id) == verb.state, verb.name
                assert state(app.jobs, id) == before, verb.name
                last(connection)
                assert state(app.jobs, id) == (before if last is way.rollback else verb.state), verb.name
        assert app.jobs.count() == bound.jobs.count()
    assert told == []


@pytest.mark.parametrize("way", ASYNC, ids=lambda way: f"{way.name}-{way.kind}".replace(" ", "_"))
async def test_commit_keeps_and_rollback_removes_awaited(way: AsyncWay, opened: Opened) -> None:
    app, url = opened(way.kind)
    given = {verb.name: verb.begin(app) for verb in VERBS}
    async with way.open(url) as connection:
        bound = app.bind(connection)
        for verb in VERBS:
            before = state(app.jobs, given[verb.name])
            for last in (way.rollback, way.commit):
                answer = await verb.acall(bound, given[verb.name])
                id = given[verb.name] or answer
                seen = await bound.jobs.aget(id)
                assert (None if seen is None else seen.state) == verb.state, verb.name
                assert state(app.jobs, id) == before, verb.name
                await last(connection)
                assert state(app.jobs, id) == (before if last is way.rollback else verb.state), verb.name
