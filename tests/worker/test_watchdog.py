"""A claim loop that stands still is noticed and begun anew; one that goes on is left alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Holdfast
from holdfast.worker import watchdog
from holdfast.worker.claimer import Claimer


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LONGEST_WAIT", 0.3)


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def app(database_url: str, told: list[dict[str, Any]]) -> Any:
    app = Holdfast(database_url, poll_interval=0.02)
    app.migrate()
    app._bus.on("worker.stuck", lambda event: told.append(dict(event.details)))

    @app.task
    async def greet(name: str) -> str:
        return f"hello {name}"

    yield app
    app.close()


def run(app: Holdfast, **others: Any) -> Any:
    (greet,) = app.tasks

    async def main() -> str:
        async with asyncio.timeout(20), app.worker(leader=False, **others):
            job = await greet.aenqueue("you")
            answer: str = await job.aresult()
            return answer

    return asyncio.run(main())


def test_a_loop_that_stands_still_begins_anew(
    app: Holdfast, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 0
    original = Claimer.look

    async def look(self: Claimer) -> bool:
        nonlocal looks
        looks += 1
        if looks == 2:
            await waits_for_nothing()
        return await original(self)

    async def waits_for_nothing() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Claimer, "look", look)
    assert run(app) == "hello you"
    (one,) = told
    assert one["seconds"] >= 0.3
    assert "waits_for_nothing" in one["stack"]
    assert "the claim loop has not looked for work" in caplog.text


def test_a_loop_that_swallows_its_end_is_left_behind(
    app: Holdfast, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    original = Claimer.look

    async def look(self: Claimer) -> bool:
        nonlocal looks
        looks += 1
        if looks == 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(5)
        return await original(self)

    monkeypatch.setattr(Claimer, "look", look)
    assert run(app) == "hello you"
    assert len(told) == 1


@pytest.mark.parametrize("wait", [0.0, 1.0])
def test_a_worker_that_is_paused_or_waits_is_no_such_case(app: Holdfast, told: list[Any], wait: float) -> None:
    async def main() -> None:
        async with app.worker(leader=False) as worker:
            if wait:
                worker.pause()
            await asyncio.sleep(wait or 0.8)

    asyncio.run(main())
    assert not told


def test_it_ends_as_the_loop_does() -> None:
    async def ends() -> None:
        await asyncio.sleep(0)

    async def breaks() -> None:
        raise ValueError("broken")

    async def main() -> None:
        await watchdog.watched(ends, lambda: 0.0, 0.1, None)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="broken"):
            await watchdog.watched(breaks, lambda: 0.0, 0.1, None)  # type: ignore[arg-type]

    asyncio.run(main())
