"""Time limits of attempts, and stopping: graceful, hurried, in spite of bodies that will not end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from holdfast import Context, Holdfast, JobState, Retry
from holdfast.errors import JobFailed, JobStalled, MisuseError
from holdfast.testing import drain
from holdfast.worker import engine, runner

from .conftest import MakeApp
from .support import auntil, until


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_an_attempt_that_takes_too_long_fails(live: Holdfast, kind: str) -> None:
    release = threading.Event()

    async def loop() -> str:
        await asyncio.sleep(30)
        return "slept"

    def thread() -> str:
        release.wait(30)
        return "waited"

    task: Any = live.task(timeout="100ms")(loop if kind == "async" else thread)
    with live.worker():
        job = task.enqueue()
        began = time.monotonic()
        with pytest.raises(JobFailed, match=r"longer than its limit of 0\.1 s") as caught:
            job.result(timeout=20)
        assert time.monotonic() - began < 10
        assert caught.value.kind == "timeout"
        record = job.refresh()
        assert (record.state, record.reason, record.attempt) == (JobState.FAILED, "timeout", 1)
        assert record.errors[0].kind == "timeout"
        assert record.started_at is not None
        assert record.finished_at is not None
        assert 0.09 <= (record.finished_at - record.started_at).total_seconds() < 10
        release.set()


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_timed_out_attempt_is_tried_again(live: Holdfast, kind: str) -> None:
    release = threading.Event()

    async def loop(ctx: Context) -> str:
        if ctx.job.attempt == 1:
            await asyncio.sleep(30)
        return "second time lucky"

    def thread(ctx: Context) -> str:
        if ctx.job.attempt == 1:
            release.wait(30)
        return "second time lucky"

    task: Any = live.task(timeout=0.1, retry=Retry(2, base=0))(loop if kind == "async" else thread)
    with live.worker():
        job = task.enqueue()
        assert job.result(timeout=20) == "second time lucky"
        release.set()
    record = job.refresh()
    assert (record.attempt, record.crashes) == (2, 0)
    assert [error.kind for error in record.errors] == ["timeout"]


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_on_timeout_stall(live: Holdfast, kind: str) -> None:
    release = threading.Event()

    async def loop() -> None:
        await asyncio.sleep(30)

    def thread() -> None:
        release.wait(30)

    task: Any = live.task(timeout=0.1, on_timeout="stall", retry=5)(loop if kind == "async" else thread)
    with live.worker():
        job = task.enqueue()
        with pytest.raises(JobStalled, match="timeout"):
            job.result(timeout=20)
        record = job.refresh()
        assert (record.state, record.reason, record.attempt) == (JobState.STALLED, "timeout", 1)
        release.set()


def test_a_body_may_end_before_its_limit(live: Holdfast) -> None:
    @live.task(timeout="10s")
    async def quick() -> int:
        return 1

    @live.task(timeout=None)
    async def unlimited() -> int:
        return 2

    with live.worker():
        assert (quick.enqueue().result(timeout=20), unlimited.enqueue().result(timeout=20)) == (1, 2)


async def test_limits_of_many_bodies_ring_each_in_time(live: Holdfast) -> None:
    @live.task
    async def sleepy() -> None:
        await asyncio.sleep(50)

    worker = live.worker(concurrency=20)
    await worker.start()
    jobs = [await sleepy.using(timeout=limit).aenqueue() for limit in (40, 0.1, 30, 0.3, 0.2)]
    for short in (jobs[1], jobs[3], jobs[4]):
        with pytest.raises(JobFailed):
            await short.aresult(timeout=20)
        record = await short.arefresh()
        assert record.started_at is not None
        assert record.finished_at is not None
        assert record.timeout is not None
        assert record.timeout * 0.95 <= (record.finished_at - record.started_at).total_seconds() < 20
    assert [(await job.arefresh()).state for job in (jobs[0], jobs[2])] == [JobState.RUNNING] * 2
    await worker.stop(grace=0)


def test_a_timed_out_body_has_its_finally(live: Holdfast) -> None:
    cleaned: list[str] = []

    @live.task(timeout=0.1)
    async def tidy() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.01)
            cleaned.append("up")

    with live.worker():
        job = tidy.enqueue()
        with pytest.raises(JobFailed):
            job.result(timeout=20)
    assert cleaned == ["up"]


def test_swallowing_the_cancellation_does_not_turn_a_timeout_into_success(live: Holdfast) -> None:
    @live.task(timeout=0.1)
    async def stubborn() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        return "as if nothing had happened"

    with live.worker():
        job = stubborn.enqueue()
        with pytest.raises(JobFailed) as caught:
            job.result(timeout=20)
    assert caught.value.kind == "timeout"


def test_a_late_thread_is_told_and_its_result_does_not_count(live: Holdfast) -> None:
    told: list[bool] = []
    release = threading.Event()

    @live.task(timeout=0.1)
    def slow(ctx: Context) -> str:
        while not ctx.cancelled and not release.wait(0.01):
            pass
        told.append(ctx.cancelled)
        return "late"

    with live.worker():
        job = slow.enqueue()
        with pytest.raises(JobFailed):
            job.result(timeout=20)
        until(lambda: told)
        release.set()
    assert told == [True]
    assert job.refresh().state is JobState.FAILED


def test_a_late_thread_keeps_its_slot(live: Holdfast) -> None:
    release = threading.Event()
    ran: list[int] = []

    @live.task(timeout=0.1)
    def stuck() -> None:
        release.wait(30)

    @live.task
    def other() -> None:
        ran.append(1)

    with live.worker(concurrency=1, poll_interval=0.02):
        job = stuck.enqueue()
        with pytest.raises(JobFailed):
            job.result(timeout=20)
        second = other.enqueue()
        time.sleep(0.2)
        assert ran == []
        release.set()
        second.result(timeout=20)


def test_a_body_that_ignores_its_cancellation_still_times_out(live: Holdfast, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be made to stop, but its job must not be taken for a crash half a minute later."""
    monkeypatch.setattr(runner, "DEAF", 0.2)
    release = threading.Event()

    @live.task(timeout=0.1)
    async def deaf() -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)

    with live.worker():
        job = deaf.enqueue()
        with pytest.raises(JobFailed) as caught:
            job.result(timeout=20)
        release.set()
    assert caught.value.kind == "timeout"


async def test_a_graceful_stop_waits_for_bodies(live: Holdfast) -> None:
    began, release = asyncio.Event(), asyncio.Event()

    @live.task
    async def loop() -> str:
        began.set()
        await release.wait()
        return "in peace"

    @live.task
    def other() -> None: ...

    worker = live.worker(concurrency=1)
    await worker.start()
    assert worker.running
    job = await loop.aenqueue()
    await began.wait()
    waiting = await other.aenqueue()
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0.1)
    assert not stopping.done()
    assert not worker.running
    release.set()
    await stopping
    assert (await job.arefresh()).state is JobState.SUCCEEDED
    assert (await waiting.arefresh()).state is JobState.READY
    assert waiting.record.attempt == 0


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_what_outlives_the_grace_is_given_back_uncounted(live: Holdfast, kind: str) -> None:
    began, release = threading.Event(), threading.Event()
    seen: list[str] = []

    async def loop(ctx: Context) -> str:
        began.set()
        if ctx.job.crashes == 0 and not release.is_set():
            try:
                await asyncio.sleep(30)
            finally:
                seen.append("cancelled")
        return f"attempt {ctx.job.attempt}"

    def thread(ctx: Context) -> str:
        began.set()
        release.wait(30)
        seen.append("cancelled" if ctx.cancelled else "not told")
        return f"attempt {ctx.job.attempt}"

    task: Any = live.task(loop if kind == "async" else thread)
    worker = live.worker()
    await worker.start()
    job = await task.aenqueue()
    await auntil(began.is_set)
    await worker.stop(grace=0.05)
    record = await job.arefresh()
    assert (record.state, record.attempt, record.crashes, record.errors) == (JobState.READY, 0, 0, ())
    assert record.worker is None
    release.set()
    await auntil(lambda: seen)
    assert seen == ["cancelled"]
    await live.awork_once()
    assert await job.aresult(timeout=5) == "attempt 1"


async def test_a_result_that_comes_while_stopping_is_kept(live: Holdfast) -> None:
    began = asyncio.Event()

    @live.task
    async def slow_to_stop() -> str:
        began.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return "finished all the same"
        return "no"

    worker = live.worker()
    await worker.start()
    job = await slow_to_stop.aenqueue()
    await began.wait()
    await worker.stop(grace=0)
    assert await job.aresult(timeout=5) == "finished all the same"


async def test_hurry_ends_the_grace(live: Holdfast) -> None:
    began = asyncio.Event()

    @live.task
    async def slow() -> None:
        began.set()
        await asyncio.sleep(60)

    worker = live.worker()
    await worker.start()
    job = await slow.aenqueue()
    await began.wait()
    stopping = asyncio.create_task(worker.stop(grace=50))
    await asyncio.sleep(0.05)
    assert not stopping.done()
    worker.hurry()
    async with asyncio.timeout(10):
        await stopping
    assert (await job.arefresh()).state is JobState.READY


async def test_a_body_that_ignores_its_cancellation_does_not_hold_up_the_stop(
    live: Holdfast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "AFTERMATH", 0.3)
    began, release = asyncio.Event(), asyncio.Event()

    @live.task
    async def deaf() -> None:
        began.set()
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    worker = live.worker()
    await worker.start()
    job = await deaf.aenqueue()
    await began.wait()
    before = time.monotonic()
    await worker.stop(grace=0)
    assert time.monotonic() - before < 12
    assert (await job.arefresh()).state is JobState.READY
    release.set()
    await asyncio.sleep(0.05)
    assert (await job.arefresh()).state is JobState.READY, "what it does afterwards is not recorded"


async def test_a_stopped_worker_may_start_again(live: Holdfast) -> None:
    @live.task
    async def work(n: int) -> int:
        return n

    worker = live.worker()
    for n in range(3):
        async with worker:
            assert worker.running
            with pytest.raises(MisuseError, match="runs already"):
                await worker.start()
            assert await (await work.aenqueue(n)).aresult(timeout=20) == n
        assert not worker.running
    await worker.stop()
    with pytest.raises(MisuseError, match="does not run"):
        worker.pause()


def test_a_worker_for_programs_without_a_loop(live: Holdfast) -> None:
    @live.task
    async def loop(n: int) -> int:
        return n

    @live.task
    def thread(n: int) -> int:
        return n

    worker = live.worker()
    with worker:
        assert worker.running
        assert loop.enqueue(1).result(timeout=20) == 1
        assert thread.enqueue(2).result(timeout=20) == 2
        with pytest.raises(MisuseError):
            worker.__enter__()
    assert not worker.running
    assert live.store.where in repr(live)


def test_a_worker_that_cannot_start_says_so(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(url=f"sqlite:///{tmp_path}/nowhere/x.db")
    worker = app.worker()
    with pytest.raises(Exception, match="does not exist"):
        worker.__enter__()
    assert not worker.running

    async def start() -> None:
        async with worker:
            pass

    with pytest.raises(Exception, match="does not exist"):
        asyncio.run(start())
    assert not worker.running


async def test_pause_and_resume(live: Holdfast) -> None:
    ran: list[int] = []

    @live.task
    async def work(n: int) -> None:
        ran.append(n)

    async with live.worker(poll_interval=0.02) as worker:
        await (await work.aenqueue(1)).aresult(timeout=20)
        worker.pause()
        await asyncio.sleep(0.05)
        job = await work.aenqueue(2)
        await asyncio.sleep(0.2)
        assert ran == [1]
        assert (await job.arefresh()).state is JobState.READY
        worker.resume()
        await job.aresult(timeout=20)
    assert ran == [1, 2]


def test_pause_and_resume_from_another_thread(live: Holdfast) -> None:
    @live.task
    def work(n: int) -> int:
        return n

    with live.worker(poll_interval=30) as worker:
        worker.pause()
        job = work.enqueue(1)
        time.sleep(0.3)
        assert job.refresh().state is JobState.READY
        before = time.monotonic()
        worker.resume()
        assert job.result(timeout=20) == 1
        assert time.monotonic() - before < 5, "it does not wait for its next look"


def test_what_runs_goes_on_while_paused(live: Holdfast) -> None:
    began, release = threading.Event(), threading.Event()

    @live.task
    def work() -> str:
        began.set()
        assert release.wait(20)
        return "went on"

    with live.worker() as worker:
        job = work.enqueue()
        assert began.wait(20)
        worker.pause()
        release.set()
        assert job.result(timeout=20) == "went on"
        worker.resume()


PROGRAM = """
import asyncio, sys, time
from holdfast import Holdfast
app = Holdfast(sys.argv[1])

@app.task
async def loop():
    print("began", flush=True)
    await asyncio.sleep(float(sys.argv[2]))
    print("ended", flush=True)

@app.task
async def deaf():
    print("began", flush=True)
    while True:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            pass

@app.task
def thread():
    print("began", flush=True)
    time.sleep(float(sys.argv[2]))
    print("ended", flush=True)

if __name__ == "__main__":
    app.run_worker(grace=float(sys.argv[3]))
    print("left", flush=True)
"""


def run_program(tmp_path: Path, url: str, sleep: float, grace: float) -> subprocess.Popen[str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, str(program), url, str(sleep), str(grace)], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )


def declared(app: Holdfast, name: str) -> Any:
    def body() -> None: ...

    return app.task(name=name)(body)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["loop", "thread"])
def test_a_signal_lets_bodies_end(live: Holdfast, database_url: str, tmp_path: Path, number: int, name: str) -> None:
    job = declared(live, name).enqueue()
    process = run_program(tmp_path, database_url, sleep=0.5, grace=20)
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    process.send_signal(number)
    assert process.communicate(timeout=20)[0] == "ended\nleft\n"
    assert process.returncode == 0
    assert job.refresh().state is JobState.SUCCEEDED


@pytest.mark.parametrize("name", ["loop", "thread"])
def test_a_second_signal_waits_for_nothing(live: Holdfast, database_url: str, tmp_path: Path, name: str) -> None:
    job = declared(live, name).enqueue()
    process = run_program(tmp_path, database_url, sleep=60, grace=60)
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=15)[0] == "left\n"
    assert process.returncode == 0
    record = job.refresh()
    assert (record.state, record.attempt, record.crashes) == (JobState.READY, 0, 0)


@pytest.mark.slow
def test_a_process_ends_in_spite_of_a_body_that_ignores_its_cancellation(
    live: Holdfast, database_url: str, tmp_path: Path
) -> None:
    job = declared(live, "deaf").enqueue()
    process = run_program(tmp_path, database_url, sleep=0, grace=0)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=20)[0] == "left\n"
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
    assert job.refresh().state is JobState.READY


def test_a_stop_leaves_no_thread_of_ours_behind(live: Holdfast) -> None:
    before = set(threading.enumerate())  # bodies that other tests left asleep among them

    @live.task
    def work() -> None: ...

    with live.worker():
        work.enqueue().result(timeout=20)
    lanes = {f"holdfast-{lane}" for lane in ("write", "read", "claim", "keys", "lease", "notify", "deadlines")}

    def left() -> list[str]:
        new = set(threading.enumerate()) - before
        return [one.name for one in new if one.name.startswith("holdfast")]

    until(lambda: len(left()) == len(set(left())))
    until(lambda: set(left()) <= lanes)
    live.close()
    until(lambda: left() == [])
    drain(live)


BESIDE = """
import asyncio, sys
from holdfast import Holdfast
app = Holdfast(sys.argv[1])

@app.task
async def loop():
    print("began", flush=True)
    await asyncio.sleep(float(sys.argv[2]))
    print("ended", flush=True)

async def main():
    async with app.worker():
        print("up", flush=True)
        await asyncio.sleep(60)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""

WITHOUT_LOOP = """
import sys, time
from holdfast import Holdfast
app = Holdfast(sys.argv[1])

@app.task
def loop():
    print("began", flush=True)
    time.sleep(float(sys.argv[2]))
    print("ended", flush=True)

try:
    with app.worker():
        print("up", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("program", [BESIDE, WITHOUT_LOOP], ids=["async with", "with"])
def test_ctrl_c_beside_a_worker_stops_it_gracefully(
    live: Holdfast, database_url: str, tmp_path: Path, program: str
) -> None:
    file = tmp_path / "program.py"
    file.write_text(program)
    command = [sys.executable, str(file), database_url, "0.5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    job = declared(live, "loop").enqueue()
    assert process.stdout.readline() == "began\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[0] == "ended\ninterrupted\n"
    assert job.refresh().state is JobState.SUCCEEDED


def test_an_error_beside_a_worker_stops_it_too(live: Holdfast) -> None:
    @live.task
    def work() -> int:
        return 1

    worker = live.worker()

    def fail() -> None:
        with worker:
            assert work.enqueue().result(timeout=20) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not worker.running

    async def beside() -> None:
        async with worker:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(beside())
    assert not worker.running


async def test_a_start_that_is_cancelled_leaves_nothing(live: Holdfast, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = live.worker()
    release = threading.Event()
    store: Any = live.store
    real = store.listen

    def slow(wake: Any) -> Any:
        release.wait(20)
        return real(wake)

    monkeypatch.setattr(store, "listen", slow)
    starting = asyncio.create_task(worker.start())
    await asyncio.sleep(0.1)
    starting.cancel()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not worker.running
    monkeypatch.setattr(store, "listen", real)
    async with worker:
        assert worker.running


def test_a_quarter_of_the_slots_leaked_is_told(live: Holdfast) -> None:
    """By this a worker that runs alone stops, for its supervisor to start another."""
    free = threading.Event()

    @live.task(timeout="0.1s")
    def hang() -> None:
        free.wait(30)

    async def work() -> None:
        async with live.worker(concurrency=4) as worker:
            told = asyncio.create_task(worker.leaking())
            await asyncio.sleep(0)
            assert not told.done()
            await hang.aenqueue()
            await asyncio.wait_for(told, 20)
            free.set()

    try:
        asyncio.run(work())
    finally:
        free.set()
