"""Apps: many in a process, opened late, closed and opened again, carried over a fork."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from holdfast import Holdfast, JobState, TaskSet
from holdfast.errors import ConfigError, DatabaseUnavailable, MisuseError
from holdfast.testing import drain

from .conftest import MakeApp
from .support import until


def echo_task(app: Holdfast) -> Any:
    @app.task
    def echo(n: int) -> int:
        return n

    return echo


def test_nothing_is_opened_before_the_first_use(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    app = Holdfast(f"sqlite:///{path}")
    echo = echo_task(app)
    echo.call(1)
    app.worker()
    assert repr(app) == f"<Holdfast on sqlite:///{path}>"
    assert not path.exists()
    Holdfast("postgresql://nobody@localhost:1/none").worker()
    echo.enqueue(1)
    assert path.exists()
    app.close()


def test_a_function_as_url_is_asked_late(tmp_path: Path) -> None:
    asked: list[int] = []

    def url() -> str:
        asked.append(1)
        return f"sqlite:///{tmp_path / 'app.db'}"

    app = Holdfast(url)
    assert asked == [], "a secret may not be there yet when the module is imported"
    with app.worker():
        assert echo_task(app).enqueue(1).result(timeout=20) == 1
    assert asked == [1]
    app.close()
    assert app.jobs.count() == {"succeeded": 1}
    assert asked == [1, 1], "once for each opening: a password may have changed"
    app.close()


def test_configure_comes_before_the_first_use(make_app: MakeApp, database_url: str) -> None:
    app = Holdfast()
    echo = echo_task(app)
    app.configure(database_url)
    job = echo.enqueue(1)
    assert drain(app).succeeded == 1
    assert job.result() == 1
    with pytest.raises(MisuseError, match="before the first use"):
        app.configure(database_url)
    app.close()
    app.configure("sqlite:///:memory:")
    assert app.jobs.count() == {}
    app.close()


def test_showing_an_app_opens_nothing(tmp_path: Path) -> None:
    app = Holdfast("postgresql://ann:secret@127.0.0.1:1/nowhere")
    assert "127.0.0.1:1/nowhere" in repr(app)
    assert "secret" not in repr(app)
    app.configure(lambda: f"sqlite:///{tmp_path / 'x.db'}")
    assert repr(app) == "<Holdfast on the database of the given url>"
    app.configure(connect=lambda: None)
    assert repr(app) == "<Holdfast on the database of the given connect>"
    app.configure("sqlite:///:memory:")
    assert app.jobs.count() == {}
    assert repr(app) == "<Holdfast on an in-memory SQLite database>"
    app.close()


def test_close_and_use_again(make_app: MakeApp) -> None:
    app = make_app()
    echo = echo_task(app)
    job = echo.enqueue(1)
    app.close()
    app.close()
    assert app.jobs.get(job.id) is not None
    drain(app)
    app.close()
    assert job.result() == 1
    assert asyncio.run(job.aresult()) == 1


async def test_aclose(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    echo = echo_task(app)
    async with app.worker():
        job = await echo.aenqueue(1)
        assert await job.aresult(timeout=20) == 1
    await app.aclose()
    assert (await job.arefresh()).state is JobState.SUCCEEDED
    await app.aclose()


async def test_closing_beside_a_running_worker_is_refused_and_changes_nothing(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    echo = echo_task(app)
    asked: list[str] = []

    @app.task
    async def closes() -> None:
        try:
            await app.aclose()
        except MisuseError as error:
            asked.append(str(error))

    worker = app.worker()
    async with worker:
        for close in (app.aclose(), asyncio.to_thread(app.close)):
            with pytest.raises(MisuseError, match="stop the worker"):
                await close
        assert await (await echo.aenqueue(1)).aresult(timeout=20) == 1
        await (await closes.aenqueue()).aresult(timeout=20)
        assert len(asked) == 1
    await app.aclose()
    await closes.aenqueue()
    assert (await app.awork_once()).succeeded == 1
    assert len(asked) == 2, "a worker that works once is one, too"
    await app.aclose()


def test_a_worker_without_a_loop_keeps_nobody_from_closing(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    echo_task(app)
    left = app.worker(leader=False)

    async def forget_to_stop() -> None:
        await left.start()

    with app.worker() as _, pytest.raises(MisuseError, match="stop the worker"):
        app.close()
    asyncio.run(forget_to_stop())
    app.close()
    engine: Any = left._engine
    engine.renewer.stop()
    failing = Holdfast("postgresql://nobody@localhost:1/none")
    with pytest.raises(DatabaseUnavailable), failing.worker():
        pass
    failing.close()


def test_several_apps_work_side_by_side(make_app: MakeApp, tmp_path: Path) -> None:
    apps = [make_app(clock=None), *(make_app(clock=None, url=f"sqlite:///{tmp_path / name}.db") for name in "abc")]
    echoes = [echo_task(app) for app in apps]
    workers = [app.worker() for app in apps]
    for worker in workers:
        worker.__enter__()
    try:
        jobs = [echo.enqueue(n) for n, echo in enumerate(echoes)]
        assert [job.result(timeout=20) for job in jobs] == [0, 1, 2, 3]
    finally:
        for worker in workers:
            worker.__exit__()
    for n, app in enumerate(apps):
        assert [record.args for record in app.jobs.list()] == [{"n": n}]


def test_events_stay_with_their_app(make_app: MakeApp) -> None:
    one, other = make_app(), make_app(url="sqlite:///:memory:")
    heard: list[Any] = []
    other.on("*", heard.append)
    echo_task(one).enqueue(1)
    drain(one)
    assert heard == []


def test_every_memory_app_is_a_database_of_its_own() -> None:
    apps = [Holdfast("sqlite:///:memory:") for _ in range(3)]
    echoes = [echo_task(app) for app in apps]
    for n, echo in enumerate(echoes):
        for _ in range(n):
            echo.enqueue(n)
    assert [app.jobs.count() for app in apps] == [{}, {"ready": 1}, {"ready": 2}]
    for app in apps:
        app.close()
    assert apps[2].jobs.count() == {}, "closing it is the end of what is in memory"
    apps[2].close()


def test_a_worker_on_a_database_in_memory() -> None:
    app = Holdfast("sqlite:///:memory:")
    echo = echo_task(app)
    with app.worker(concurrency=5):
        jobs = app.enqueue_many([echo.call(n) for n in range(100)])
        assert [job.result(timeout=20) for job in jobs] == list(range(100))
    app.close()


def test_first_use_by_many_threads_is_one_app(make_app: MakeApp) -> None:
    for url in ("sqlite:///:memory:", None):
        app = make_app(url=url) if url else make_app()
        echo = echo_task(app)
        meet = threading.Barrier(16)

        def use(n: int, echo: Any = echo, meet: threading.Barrier = meet) -> None:
            meet.wait()
            echo.enqueue(n)

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(use, range(16)))
        assert app.jobs.count() == {"ready": 16}


def test_many_threads_and_a_loop_enqueue_at_once(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    echo = echo_task(app)

    def in_thread(n: int) -> int:
        return sum(1 for _ in range(25) if echo.enqueue(n).id)

    async def on_loop() -> int:
        return len(await asyncio.gather(*(echo.aenqueue(n) for n in range(100))))

    with ThreadPoolExecutor(9) as pool:
        futures = [pool.submit(in_thread, n) for n in range(8)]
        loop = pool.submit(asyncio.run, on_loop())
        assert sum(future.result() for future in futures) + loop.result() == 300
    assert app.jobs.count() == {"ready": 300}


def end_in(seconds: int) -> None:
    """In a forked child: whatever hangs, it ends."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)


def enqueue_in_child(app: Holdfast, echo: Any, write: int) -> None:
    end_in(15)
    try:
        jobs = [echo.enqueue(100 + n) for n in range(5)]
        threads = [threading.Thread(target=echo.enqueue, args=(200 + n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = [job.refresh().state for job in jobs]
        os.write(write, b"ok" if found == ["ready"] * 5 else b"no")
    except BaseException as error:
        os.write(write, repr(error).encode())
    finally:
        os._exit(0)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_producer_survives_a_fork(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    echo = echo_task(app)
    before = [echo.enqueue(n) for n in range(5)]
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            echo.enqueue(-1)

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    children: list[tuple[int, int]] = []
    for _ in range(4):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            enqueue_in_child(app, echo, write)
        os.close(write)
        children.append((pid, read))
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    for pid, read in children:
        assert os.read(read, 500) == b"ok"
        os.close(read)
        assert os.waitpid(pid, 0)[1] == 0
    after = echo.enqueue(1000)
    numbers = [record.args["n"] for record in app.jobs.list(limit=1000)]
    assert all(sum(1 for n in numbers if n == number) == 4 for number in (*range(100, 105), *range(200, 205)))
    assert {job.refresh().state for job in (*before, after)} == {JobState.READY}
    ids = [record.id for record in app.jobs.list(limit=1000)]
    assert len(ids) == len(set(ids))


def worker_in_child(url: str, tasks: TaskSet) -> None:
    app = Holdfast(url)
    app.include(tasks)
    with app.worker():
        until(lambda: app.jobs.count().get("succeeded") == 3)
    app.close()


def work_after_fork(url: str) -> None:
    tasks = TaskSet()

    @tasks.task
    def echo(n: int) -> int:
        return n

    worker_in_child(url, tasks)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_in_a_child_process(make_app: MakeApp, database_url: str, method: str) -> None:
    app = make_app(clock=None)
    echo = echo_task(app)
    jobs = [echo.enqueue(n) for n in range(3)]
    child = multiprocessing.get_context(method).Process(target=work_after_fork, args=(database_url,))
    child.start()
    try:
        assert [job.result(timeout=20) for job in jobs] == [0, 1, 2]
        child.join(20)
        assert child.exitcode == 0
    finally:
        if child.is_alive():
            child.kill()
            child.join()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_waiting_process_can_wait_too(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    echo = echo_task(app)
    job = echo.enqueue(1)
    found: list[int] = []
    waiting = threading.Thread(target=lambda: found.append(job.result(timeout=30)))
    waiting.start()
    time.sleep(0.05)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        end_in(20)
        try:
            os.write(write, str(job.result(timeout=15)).encode())
        finally:
            os._exit(0)
    os.close(write)
    app.work_once()
    waiting.join(20)
    assert found == [1]
    assert os.read(read, 100) == b"1"
    os.close(read)
    os.waitpid(pid, 0)


def test_a_worker_notices_that_its_app_was_closed(make_app: MakeApp) -> None:
    app = make_app(clock=None)
    echo = echo_task(app)
    with app.worker(poll_interval=0.05):
        assert echo.enqueue(1).result(timeout=20) == 1
    app.close()
    with app.worker(poll_interval=0.05):
        assert echo.enqueue(2).result(timeout=20) == 2


def test_a_lost_wake_up_costs_one_look(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nobody to ring, polling alone finds the work."""
    app, producer = make_app(clock=None), make_app(clock=None)
    echo, far = echo_task(app), echo_task(producer)

    class Deaf:
        def close(self) -> None: ...

    monkeypatch.setattr(app.store, "listen", lambda wake: Deaf())
    monkeypatch.setattr(producer.store, "ring", lambda: None)
    assert echo is not far
    with app.worker(poll_interval=0.2):
        for n in range(3):
            began = time.monotonic()
            assert far.enqueue(n).result(timeout=20) == n
            assert time.monotonic() - began < 5


def test_a_wake_up_comes_long_before_the_next_look(make_app: MakeApp) -> None:
    app, producer = make_app(clock=None), make_app(clock=None)
    echo_task(app)
    far = echo_task(producer)
    with app.worker(poll_interval=30):
        time.sleep(0.3)
        for n in range(3):
            began = time.monotonic()
            assert far.enqueue(n).result(timeout=20) == n
            assert time.monotonic() - began < 10


def test_settings_that_exclude_one_another(tmp_path: Path) -> None:
    app = Holdfast(connect=lambda: None, pool=object())
    with pytest.raises(ConfigError, match="one of pool, engine and connect"):
        app.jobs.count()


def test_a_foreign_lock_is_waited_for(make_app: MakeApp, tmp_path: Path) -> None:
    """Somebody's own program holds SQLite's write lock for a while."""
    path = tmp_path / "app.db"
    app = make_app(url=f"sqlite:///{path}", clock=None)
    echo = echo_task(app)
    echo.enqueue(1)
    foreign = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    foreign.execute("begin immediate")
    timer = threading.Timer(0.5, lambda: foreign.execute("commit"))
    timer.start()
    began = time.monotonic()
    echo.enqueue(2)
    assert time.monotonic() - began > 0.4
    timer.join()
    foreign.close()
    assert app.jobs.count() == {"ready": 2}


def test_an_app_in_use_says_when_the_database_is_gone(tmp_path: Path) -> None:
    app = Holdfast(f"sqlite:///{tmp_path / 'no' / 'app.db'}")
    with pytest.raises(ConfigError, match="does not exist"):
        echo_task(app).enqueue(1)
    (tmp_path / "no").mkdir()
    assert app.jobs.count() == {}, "a later call tries again"
    app.close()
