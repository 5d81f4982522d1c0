"""`step.using(transaction=…)`: what a step writes and its record are one commit."""
# ruff: noqa: F811 - fixtures of another module

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import aiosqlite
import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from tests.behaviour import ways
from tests.behaviour.test_effects import Shop, make_shop, shop  # noqa: F401 - fixtures

from holdfast import Context, Retry, step
from holdfast.errors import InvalidOption, MisuseError, StepFailed
from holdfast.model.job import JobState
from holdfast.testing import drain


def insert(connection: Any, n: int) -> int:
    text = f"insert into effects values ({n})"
    connection.execute(sa.text(text) if isinstance(connection, Session | sa.Connection) else text)
    return n


async def ainsert(connection: Any, n: int) -> int:
    text = f"insert into effects values ({n})"
    await connection.execute(sa.text(text) if isinstance(connection, AsyncSession) else text)
    return n


def open_threaded(shop: Shop) -> Any:
    if shop.kind == "sqlite":
        return sqlite3.connect(ways.file_of(shop.url), check_same_thread=False)
    return psycopg.connect(shop.url)


async def aopen(shop: Shop) -> Any:
    if shop.kind == "sqlite":
        return await aiosqlite.connect(ways.file_of(shop.url))
    return await asyncpg.connect(shop.url)


OPEN: dict[str, Callable[[Shop], Any]] = {
    "a driver": open_threaded,
    "a session": lambda shop: Session(shop.engine()),
    "a connection": lambda shop: shop.engine().connect(),
}


@pytest.mark.parametrize("how", OPEN)
def test_a_step_commits_in_the_callers_transaction(how: str, shop: Shop) -> None:
    app, session = shop.app, OPEN[how](shop)
    fails = [True]

    def charge(n: int) -> int:
        insert(session, n)
        if n == 2 and fails:
            fails.clear()
            raise ValueError("after the write")
        return n

    @app.task(retry=Retry(attempts=2, backoff=0))
    async def work() -> int:
        one = await step.using(transaction=session, retry=1)("one", charge, 1)
        return one + await step.using(transaction=session, retry=1)("two", charge, 2)

    job = work.enqueue()
    drain(app)
    assert job.result(timeout=5) == 3
    assert shop.effects() == [1, 2]
    assert [(each.name, each.state, each.result) for each in app.steps.list(job.id)] == [
        ("one", "done", 1), ("two", "done", 2),
    ]  # fmt: skip
    session.close()


@pytest.mark.parametrize("how", ["a driver", "a session"])
def test_the_same_awaited(how: str, shop: Shop) -> None:
    app = shop.app

    @app.task
    async def work() -> int:
        if how == "a driver":
            connection: Any = await aopen(shop)
        else:
            driver = "aiosqlite" if shop.kind == "sqlite" else "asyncpg"
            engine = create_async_engine(ways.alchemy_url(shop.url, driver))
            connection = AsyncSession(engine)
        try:
            with pytest.raises(StepFailed):
                await step.using(transaction=connection, retry=1)("no", broken, connection)
            return await step.using(transaction=connection)("one", ainsert, connection, 1)
        finally:
            await connection.close()
            if how != "a driver":
                await connection.bind.dispose()

    async def broken(connection: Any) -> None:
        await ainsert(connection, 7)
        raise ValueError

    job = work.enqueue()
    drain(app)
    assert (job.result(timeout=5), shop.effects()) == (1, [1])


def test_one_that_is_opened_for_the_step_is_its_contexts(shop: Shop) -> None:
    app = shop.app

    def charge(ctx: Context, n: int) -> int:
        return insert(ctx.connection, n)

    @app.task
    async def work() -> int:
        engine = shop.engine()
        one = await step.using(transaction=True)("ours", charge, 1)
        return one + await step.using(transaction=lambda: Session(engine))("made", charge, 2)

    job = work.enqueue()
    drain(app)
    assert (job.result(timeout=5), shop.effects()) == (3, [1, 2])


def test_a_lost_lease_takes_the_writes_along(shop: Shop) -> None:
    app, session = shop.app, open_threaded(shop)

    def charge(ctx: Context) -> None:
        insert(session, 1)
        if shop.kind == "postgres":
            shop.sql(f"update {shop.jobs} set token = token + 1 where id = '{ctx.job.id}'")
        else:  # nobody else writes meanwhile: it is the only way to see it lost there
            session.execute(f"update {shop.jobs} set token = token + 1 where id = '{ctx.job.id}'")

    @app.task
    async def work() -> None:
        await step.using(transaction=session)(charge)

    job = work.enqueue()
    app.work_once()
    assert shop.effects() == []
    assert job.refresh().state is JobState.RUNNING  # another's
    session.close()


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_that_is_in_doubt_is_looked_up(
    committed: bool,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = shop.app
    engine, tries = shop.engine(), []

    class Doubtful(Session):
        def commit(self) -> None:
            if committed or len(tries) > 1:
                super().commit()
            if len(tries) == 1:
                raise sa.exc.OperationalError("commit", None, Exception("the line went dead"))

    def charge(ctx: Context) -> str:
        tries.append(1)
        insert(ctx.connection, 1)
        return "charged"

    @app.task
    async def work() -> str:
        return await step.using(transaction=lambda: Doubtful(engine), backoff="1ms")(charge)

    job = work.enqueue()
    drain(app)
    assert (job.result(timeout=5), shop.effects(), len(tries)) == ("charged", [1], 1 if committed else 2)


def test_misuse_is_refused_before_anything_is_written(shop: Shop) -> None:
    app, session = shop.app, open_threaded(shop)

    @app.task
    async def work() -> str:
        session.execute("insert into effects values (9)")
        try:
            await step.using(transaction=session)(insert, session, 1)
        except MisuseError as error:
            session.rollback()
            return str(error)
        return ""

    job = work.enqueue()
    drain(app)
    assert "a transaction is open" in job.result(timeout=5)
    assert shop.effects() == []
    with pytest.raises(InvalidOption, match="cpu or transaction"):
        step.using(transaction=session, cpu=True)
    session.close()
