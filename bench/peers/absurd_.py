"""Absurd 0.5: tasks without steps, claimed in batches of as many as are to run. Its schema comes with absurdctl."""

import threading
import time
from typing import Any

import absurdctl
import psycopg
from absurd_sdk import Absurd, AsyncAbsurd
from kit import Counted, main, rate_of


def _app(url: str) -> Absurd:
    """A client of a database that has the schema."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("select to_regnamespace('absurd')").fetchone() == (None,):
            connection.execute(absurdctl.BUNDLED_SCHEMA_SQL)
    app = Absurd(url)
    app.create_queue()
    return app


def fill(url: str, jobs: int) -> dict[str, Any]:
    app = _app(url)

    @app.register_task("noop")
    def noop(params: Any, context: Any) -> None: ...

    began = time.perf_counter()
    for number in range(jobs):
        app.spawn("noop", {"a": number, "b": "x"})
    return rate_of(jobs, time.perf_counter() - began)


async def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    app, counted = AsyncAbsurd(url), Counted(jobs)

    @app.register_task("noop")
    async def noop(params: Any, context: Any) -> None:
        if counted(params["a"]):
            app.stop_worker()

    await app.start_worker(concurrency=concurrency)
    await app.close()
    return counted.found()


def sync(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    """Its worker for plain functions, with 10 threads: one connection serves them all."""
    app, counted, ran = Absurd(url), Counted(jobs), threading.Event()

    @app.register_task("noop")
    def noop(params: Any, context: Any) -> None:
        if counted(params["a"]):
            ran.set()

    threading.Thread(target=app.start_worker, kwargs={"concurrency": min(concurrency, 10)}, daemon=True).start()
    ran.wait()
    return counted.found()


async def steps(url: str, jobs: int, concurrency: int, steps: int) -> dict[str, Any]:
    """Tasks whose steps are recorded one by one."""
    filling = _app(url)

    @filling.register_task("stepped")
    def later(params: Any, context: Any) -> None: ...

    for number in range(jobs):
        filling.spawn("stepped", {"a": number})
    app, counted = AsyncAbsurd(url), Counted(jobs)

    async def nothing() -> int:
        return 1

    @app.register_task("stepped")
    async def stepped(params: Any, context: Any) -> None:
        for each in range(steps):
            await context.step(f"nothing {each}", nothing)
        if counted(params["a"]):
            app.stop_worker()

    began = time.perf_counter()
    await app.start_worker(concurrency=concurrency)
    took = time.perf_counter() - began
    await app.close()
    return counted.found() | rate_of(jobs, took)


if __name__ == "__main__":
    main({"fill": fill, "drain": drain, "sync": sync, "one_by_one": fill, "steps": steps})
