"""Recorded jobs, run again on their record alone, against the code of another day."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast import Holdfast, gather, patched, sleep, step
from holdfast.errors import InvalidOption, JobNotFound, MisuseError, StepFailed
from holdfast.ids import new_id
from holdfast.testing import Clock, History, assert_replays, drain, replay

CALLED: list[Any] = []
CODE: set[str] = set()
"""What has changed since."""


@pytest.fixture(autouse=True)
def as_it_was() -> None:
    CALLED.clear()
    CODE.clear()


def call(what: Any) -> Any:
    CALLED.append(what)
    if what == "bad":
        raise ValueError("bad")
    return what


@pytest.fixture
def tasks(app: Holdfast) -> Any:
    @app.task
    async def child(n: int) -> int:
        return n

    @app.task
    async def song(name: str, fails: bool = False) -> dict[str, Any]:
        await child.aenqueue(0)
        first = await step("renamed" if "renamed" in CODE else "first", call, name)
        if "new step" in CODE:
            await step("new", call, "new")
        if "patched" in CODE and await patched("more"):
            await step("more", call, "more")
        two = await asyncio.gather(step(call, 1), step(call, 2))
        three = await gather(child.invoke(3))
        try:
            await step.using(retry=1)("bad", call, "bad")
        except StepFailed as error:
            CALLED.append(error.kind)
        await sleep("1h")
        if "shorter" not in CODE:
            await step("last", call, "last")
        if fails:
            raise ValueError("fails")
        return {"first": first, "all": [*two, *three], "more": "other" in CODE}

    return song


def test_the_same_code_comes_to_the_same_end_and_calls_nothing(app: Holdfast, clock: Clock, tasks: Any) -> None:
    done, failed = tasks.enqueue("a"), tasks.enqueue("b", fails=True)
    drain(app)
    waits = replay(app, done.id)
    assert (waits.fits, waits.said) == (True, "it comes to sleep sleep, where its record ends")
    clock.advance("1h")
    drain(app)
    CALLED.clear()
    before = app.jobs.count().total
    one, two = replay(app, done.id), replay(app, failed.id)
    assert (one.fits, one.said, one.pieces) == (True, "it returns, as it did", 8)
    assert (two.fits, two.said) == (True, "it raises ValueError: fails, as it did")
    assert CALLED == ["ValueError"] * 2  # the code between steps runs
    assert app.jobs.count().total == before
    CODE.add("patched")
    assert replay(app, done.id).fits


@pytest.mark.parametrize(
    ("change", "said", "diff"),
    [
        ("renamed", "another piece", ["- step first", "+ step renamed"]),
        ("new step", "another piece", ["+ step new"]),
        ("shorter", "without having asked", ["- step last"]),
        ("other", "something else", ['-  "more": false', '+  "more": true']),
    ],
)
def test_changed_code_is_shown_with_what_it_changed(
    app: Holdfast, clock: Clock, tasks: Any, tmp_path: Path, change: str, said: str, diff: list[str]
) -> None:
    job = tasks.enqueue("a")
    drain(app)
    clock.advance("1h")
    drain(app)
    (tmp_path / "song.json").write_text(History.of(app, job.id).dumps())
    app.jobs.delete(job.id)
    CALLED.clear()
    assert assert_replays(app, tmp_path) == 1
    CODE.add(change)
    with pytest.raises(AssertionError, match="1 of 1 histories do not fit") as told:
        assert_replays(app, tmp_path)
    assert said in str(told.value)
    for line in diff:
        assert line in str(told.value)
    assert "new" not in CALLED


def test_what_cannot_be_replayed_is_refused(app: Holdfast, tasks: Any, tmp_path: Path) -> None:
    @app.task
    def plain() -> None: ...

    @app.task
    async def stores() -> None:
        plain.enqueue()

    stored = stores.enqueue()
    drain(app)
    told, jobs = replay(app, stored.id), app.jobs.count().total
    assert (told.fits, "a replay stores nothing" in told.said, app.jobs.count().total) == (False, True, jobs)
    job = plain.enqueue()
    with pytest.raises(MisuseError, match="no async function"):
        replay(app, job.id)
    with pytest.raises(JobNotFound):
        replay(app, new_id())
    with pytest.raises(InvalidOption, match="no history"):
        History.loads("{}")
    with pytest.raises(AssertionError, match="no histories"):
        assert_replays(app, tmp_path)
    other = Holdfast("sqlite:///:memory:")
    with pytest.raises(InvalidOption, match="no task"):
        replay(other, History.of(app, job.id))
    other.close()
