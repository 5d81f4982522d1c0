"""Three roles, and row security that holds for all that is there: what PostgreSQL itself refuses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg
import pytest

from holdfast import Holdfast
from holdfast.errors import ConfigError, DatabaseError, MisuseError, TenantRequired
from holdfast.ids import new_id
from holdfast.testing import drain


@dataclass
class Walled:
    """A database that keeps tenants apart. `admin` is the superuser that made it so."""

    admin_url: str
    worker_url: str
    user_url: str
    stranger_url: str
    roles: str

    def ask(self, text: str, user: bool = False) -> list[Any]:
        with psycopg.connect(self.user_url if user else self.admin_url, autocommit=True) as connection:
            return connection.execute(cast("LiteralString", text)).fetchall()


@pytest.fixture(scope="module")
def walled(cluster: Any) -> Iterator[Walled]:
    url = cluster.create_database()
    roles = "t" + new_id().replace("-", "")
    admin = Holdfast(url)
    admin.migrate()
    made = admin.store.keep_apart(roles)
    assert made == [f"{roles}_admin", f"{roles}_worker", f"{roles}_user"]
    admin.close()
    logins = {name: f"{roles}_{name}" for name in ("w", "u", "x")}
    with psycopg.connect(url, autocommit=True) as connection:
        for name, login in logins.items():
            connection.execute(cast("LiteralString", f"create role {login} login"))
            group = {"w": "worker", "u": "user"}.get(name)
            if group:
                connection.execute(cast("LiteralString", f"grant {roles}_{group} to {login}"))
    urls = {name: url.replace("postgres@", f"{login}@") for name, login in logins.items()}
    yield Walled(url, urls["w"], urls["u"], urls["x"], roles)
    cluster.drop_database(url)


@pytest.fixture
def user(walled: Walled) -> Iterator[Holdfast]:
    app = Holdfast(walled.user_url)
    yield with_task(app)
    app.close()


@pytest.fixture
def worker(walled: Walled) -> Iterator[Holdfast]:
    app = Holdfast(walled.worker_url)
    yield with_task(app)
    app.close()


def with_task(app: Holdfast) -> Holdfast:
    @app.task
    def add(a: int) -> int:
        return a + 1

    return app


def add(app: Holdfast) -> Any:
    return next(iter(app.tasks))


def test_every_table_is_under_row_security(walled: Walled) -> None:
    loose = walled.ask("""
        select relname from pg_class where relnamespace = 'holdfast'::regnamespace and relkind in ('r', 'p')
            and not (relrowsecurity and relforcerowsecurity)
    """)
    assert loose == []


def test_nothing_there_is_unclassified(walled: Walled) -> None:
    """What the user role may do with each table is one of three things, by whether it has a tenant."""
    rows = walled.ask(f"""
        select c.relname, c.relispartition,
            exists (select from pg_attribute where attrelid = c.oid and attname = 'tenant' and not attisdropped),
            (select string_agg(p, ' ' order by p) from unnest(array['select', 'insert', 'update', 'delete', 'truncate',
                'references', 'trigger']) as p where has_table_privilege('{walled.roles}_user', c.oid, p))
        from pg_class c where c.relnamespace = 'holdfast'::regnamespace and c.relkind in ('r', 'p')
    """)
    assert len(rows) > 50
    for name, part, tenant, may in rows:
        if part or (not tenant and name not in ("meta", "migrations", "stats_marks")):
            assert may is None, name
        else:
            own = tenant and name != "tenants"  # what is said of a tenant is not the tenant's to say
            assert may == ("delete insert select update" if own else "select"), name
    others = walled.ask("""
        select relname from pg_class where relnamespace = 'holdfast'::regnamespace and relkind in ('v', 'm', 'f')
    """)
    assert others == [], "views and foreign tables know no row security"


def test_no_function_there_is_everybodys(walled: Walled) -> None:
    rows = walled.ask(f"""
        select p.proname, p.prosecdef, coalesce(array_to_string(p.proconfig, ','), ''),
            has_function_privilege('{walled.roles}_user', p.oid, 'execute'),
            has_function_privilege('{walled.roles}_x', p.oid, 'execute'),
            pg_get_function_arguments(p.oid)
        from pg_proc p where p.pronamespace = 'holdfast'::regnamespace
    """)
    assert {name for name, definer, *_ in rows if definer} == {"protect", "ensure_history", "drop_history"}
    for name, definer, config, user, stranger, arguments in rows:
        assert not stranger, name
        if definer:
            assert not user, name
            assert "search_path=pg_catalog, pg_temp" in config, name
            assert "text" not in arguments, name


def test_a_partition_made_later_is_under_it_too(walled: Walled, worker: Holdfast) -> None:
    (last,) = walled.ask("""
        select relname from pg_class
        where relname ~ '^history_day_[0-9]+$' and relkind = 'r' order by relname desc limit 1
    """)[0]
    with psycopg.connect(walled.admin_url, autocommit=True) as connection:
        connection.execute(cast("LiteralString", f"drop table holdfast.{last}"))
    assert worker.do_duties().upkeep.made == 1
    assert walled.ask(f"""
        select relrowsecurity and relforcerowsecurity, pg_get_userbyid(relowner) from pg_class where relname = '{last}'
    """) == [(True, f"{walled.roles}_admin")]


def test_roles_that_it_would_not_hold_are_refused(walled: Walled) -> None:
    for url, why in ((walled.admin_url, "a superuser"), (walled.stranger_url, "may not do that")):
        app = Holdfast(url)
        with pytest.raises((ConfigError, DatabaseError), match=why):
            app.jobs.list()
        app.close()
    with psycopg.connect(walled.admin_url, autocommit=True) as connection:
        login = f"{walled.roles}_x"
        for change, back, why in (
            (f"alter role {login} bypassrls", f"alter role {login} nobypassrls", "exempt from row security"),
            (f"grant {walled.roles}_admin to {login}", f"revoke {walled.roles}_admin from {login}", "the owner"),
        ):
            connection.execute(cast("LiteralString", f"grant {walled.roles}_user to {login}"))
            connection.execute(cast("LiteralString", change))
            app = Holdfast(walled.stranger_url)
            with pytest.raises(ConfigError, match=why):
                app.jobs.list()
            app.close()
            connection.execute(cast("LiteralString", back))
            connection.execute(cast("LiteralString", f"revoke {walled.roles}_user from {login}"))


def test_raw_sql_of_the_user_role_sees_nothing_by_itself(walled: Walled, user: Holdfast) -> None:
    user.tenant("raw").enqueue_many([add(user).call(1)])
    assert walled.ask("select count(*) from holdfast.jobs", user=True) == [(0,)]
    with psycopg.connect(walled.user_url) as connection:
        for named in ("", "nobody"):
            connection.execute("select set_config('holdfast.tenant', %s, true)", [named])
            assert connection.execute("select count(*) from holdfast.jobs").fetchone() == (0,)
        connection.execute("select set_config('holdfast.tenant', 'raw', true)")
        assert connection.execute("select count(*) from holdfast.jobs").fetchone() == (1,)
        connection.rollback()
        assert connection.execute("select count(*) from holdfast.jobs").fetchone() == (0,)
    for refused in (
        "truncate holdfast.jobs", "select 1 from holdfast.workers", "select 1 from holdfast.history_day",
        "select holdfast.drop_history(now())", "select holdfast.protect()", "delete from holdfast.meta",
        "alter table holdfast.jobs disable row level security", "create table holdfast.mine (a int)",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            walled.ask(refused, user=True)


def test_a_row_of_another_tenant_cannot_be_written(walled: Walled) -> None:
    with psycopg.connect(walled.user_url) as connection:
        connection.execute("select set_config('holdfast.tenant', 'one', true)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute("insert into holdfast.metadata values ('two', 'k', '1', now())")


def test_no_tenant_where_one_is_needed(user: Holdfast) -> None:
    for call in (
        lambda: add(user).enqueue(1),
        lambda: user.jobs.list(),
        lambda: user.jobs.get(new_id()),
        lambda: user.jobs.cancel(new_id()),
        lambda: user.schedules.list(),
        lambda: user.limits.get("l"),
        lambda: user.enqueue_many([add(user).using(tenant=name).call(1) for name in ("a", "b")]),
        lambda: user.do_duties(),
    ):
        with pytest.raises(TenantRequired, match="none was named"):
            call()
    assert add(user).using(tenant="a").enqueue(1).refresh().tenant == "a"


def test_many_callers_of_many_tenants_at_once(user: Holdfast, worker: Holdfast) -> None:
    """They share a connection and its batches, but no transaction."""

    async def all_of_them() -> list[Any]:
        calls = [user.tenant(f"t{n % 7}").aenqueue_many([add(user).using(tags=["many"]).call(n)]) for n in range(210)]
        return await asyncio.gather(*calls)

    jobs = [job for (job,) in asyncio.run(all_of_them())]
    threads = [
        threading.Thread(target=user.tenant(f"t{n}").enqueue_many, args=([add(user).call(n)],)) for n in range(7)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(7):
        assert len(list(user.tenant(f"t{n}").jobs.list(limit=1000))) == 31
    drain(worker)
    assert [job.result(timeout=5) for job in jobs] == [n + 1 for n in range(210)]


@pytest.mark.parametrize("driver", ["psycopg", "psycopg async", "asyncpg", "autocommit"])
def test_in_the_callers_transaction(walled: Walled, user: Holdfast, driver: str) -> None:
    tenant = user.tenant("lent-" + driver.replace(" ", "-"))
    other = user.tenant("other")

    async def later() -> None:
        if driver == "asyncpg":
            asyncpg: Any = pytest.importorskip("asyncpg")
            connection = await asyncpg.connect(walled.user_url)
            transaction = connection.transaction()
            await transaction.start()
        else:
            connection = await psycopg.AsyncConnection.connect(walled.user_url)
        await tenant.bind(connection).aenqueue_many([add(user).call(1)])
        with pytest.raises(MisuseError, match="another tenant's already"):
            await other.bind(connection).aenqueue_many([add(user).call(1)])
        with pytest.raises(TenantRequired):
            await user.bind(connection).aenqueue_many([add(user).call(1)])
        await (transaction.commit() if driver == "asyncpg" else connection.commit())
        await connection.close()

    if driver in ("psycopg", "autocommit"):
        with psycopg.connect(walled.user_url, autocommit=driver == "autocommit") as connection:
            tenant.bind(connection).enqueue_many([add(user).call(1)])
            if driver == "psycopg":
                with pytest.raises(MisuseError, match="another tenant's already"):
                    other.bind(connection).enqueue_many([add(user).call(1)])
            with pytest.raises(TenantRequired):
                user.bind(connection).enqueue_many([add(user).call(1)])
    else:
        asyncio.run(later())
    assert len(list(tenant.jobs.list())) == 1
    assert list(other.jobs.list()) == []


def test_a_transaction_of_ours_is_the_tenants(user: Holdfast) -> None:
    tenant = user.tenant("owner")
    with tenant.transaction() as connection:
        assert connection.execute("select current_setting('holdfast.tenant')").fetchone() == ("owner",)
        job = add(user).using(connection=connection).enqueue(1)

    def undone() -> None:
        with tenant.transaction() as connection:
            add(user).using(connection=connection).enqueue(1)
            raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        undone()
    assert [one.id for one in tenant.jobs.list()] == [job.id]


def test_a_tenants_job_is_explained_by_its_own_rows(user: Holdfast, worker: Holdfast) -> None:
    """Workers and the rules of queues are nobody's, and not to be seen."""
    tenant = user.tenant("curious")
    ready, later = tenant.enqueue_many([add(user).call(1), add(user).using(delay="1h").call(1)])
    assert [why.code for why in tenant.jobs.explain(ready.id).reasons] == ["in_line"]
    assert [why.code for why in tenant.jobs.explain(later.id).reasons] == ["not_due"]
    drain(worker)
    assert [why.code for why in tenant.jobs.explain(ready.id).reasons] == ["ended"]


def test_a_role_for_one_tenant_reaches_no_other(walled: Walled, user: Holdfast) -> None:
    """As the page says, for those who let tenants run SQL."""
    for name in ("alone", "another"):
        user.tenant(name).enqueue_many([add(user).call(1)])
    login = f"{walled.roles}_alone"
    with psycopg.connect(walled.admin_url, autocommit=True) as connection:
        for line in (
            f"create role {login} login",
            f"grant {walled.roles}_user to {login}",
            f"create policy by_role on holdfast.jobs as restrictive to {login} using (tenant = 'alone')",
        ):
            connection.execute(cast("LiteralString", line))
    with psycopg.connect(walled.admin_url.replace("postgres@", f"{login}@")) as connection:
        for name, seen in (("alone", 1), ("another", 0)):
            connection.execute("select set_config('holdfast.tenant', %s, true)", [name])
            assert connection.execute("select count(*) from holdfast.jobs").fetchone() == (seen,)


def test_turning_it_on_again_changes_nothing(walled: Walled) -> None:
    admin = Holdfast(walled.admin_url)
    assert admin.store.keep_apart(walled.roles) == []
    assert admin.migrate() == []
    admin.close()
