"""A tenant's surface reaches that tenant's rows and no others, and what is another's looks like what is not there.

Everything is asked four times: of SQLite, of PostgreSQL where the library alone keeps tenants apart, of PostgreSQL
where the role of the connection reaches one tenant at a time, and of that through a pooler with two connections.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString, cast

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.pooler import Pooler, PoolerUnavailable

from holdfast import Holdfast
from holdfast.bound import Tenant
from holdfast.errors import HoldfastError, InvalidOption, MisuseError
from holdfast.ids import new_id
from holdfast.testing import drain

pytestmark = pytest.mark.usefixtures("time_limit")


@dataclass
class House:
    """Two apps on one database: `front` enqueues and asks, `back` works for all tenants."""

    front: Holdfast
    back: Holdfast
    kind: str = "sqlite"


def tasks(app: Holdfast) -> dict[str, Any]:
    @app.task
    def add(a: int) -> int:
        if a < 0:
            raise ValueError("negative")
        return a + 1

    app.pipe("post", int)
    return {"add": add}


@pytest.fixture(scope="module", params=["sqlite", "postgres", "roles", "pooler"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('tenants')}/t.db"
        made, front, back = None, url, url
    else:
        made = request.getfixturevalue("cluster")
        front = back = url = made.create_database()
        app = Holdfast(url)
        app.migrate()
        if request.param in ("roles", "pooler"):
            roles = "m" + new_id().replace("-", "")
            app.store.keep_apart(roles)
            with psycopg.connect(url, autocommit=True) as connection:
                for group in ("worker", "user"):
                    for line in (f"create role {roles}_{group}_l login", f"grant {roles}_{group} to {roles}_{group}_l"):
                        connection.execute(cast("LiteralString", line))
            front, back = (url.replace("postgres@", f"{roles}_{group}_l@") for group in ("user", "worker"))
        app.close()
    pooler = None
    if request.param == "pooler":  # two connections to the server, of the user role
        try:
            pooler = Pooler(front)
        except PoolerUnavailable as error:
            pytest.skip(f"PGBOUNCER: {error}")
        front = pooler.url(front)
    apps = House(Holdfast(front), Holdfast(back), request.param)
    for app in (apps.front, apps.back):
        tasks(app)
    yield apps
    apps.front.close()
    apps.back.close()
    if pooler is not None:
        pooler.stop()
    if made is not None:
        made.drop_database(url)


def add(app: Holdfast) -> Any:
    return next(iter(app.tasks))


@dataclass
class Things:
    """What a tenant has: ids, keys and names of it."""

    waiting: str
    failed: str
    key: str
    schedule: str
    group: str
    limit: str
    fact: str
    batch: str
    message: str


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def furnish(house: House, tenant: Tenant) -> Things:
    task = add(house.front)
    name = new_id()
    waiting, failed, keyed, grouped = tenant.enqueue_many([
        task.using(delay="1h", tags=["t"]).call(1),
        task.call(-1),
        task.using(delay="1h", key=name).call(1),
        task.using(delay="1h", group=name).call(1),
    ])  # fmt: skip
    assert keyed.id != grouped.id
    drain(house.back)
    tenant.schedules.put(name, task.call(1), cron="0 0 1 1 *")
    tenant.limits.set(name, concurrency=3)
    tenant.metadata.put(name, {"of": "mine"})
    batch = tenant.batch("b").open()
    sent = tenant.pipes.send("post", 1, key=name)
    return Things(waiting.id, failed.id, name, name, name, name, name, batch.id, sent.id)


def absent() -> Things:
    """What nobody has."""
    return Things(*[new_id()] * 9)


Verb = Callable[[Tenant, Things, Any], Any]
MATRIX: dict[str, Verb] = {
    "jobs.get": lambda t, x, task: t.jobs.get(x.waiting),
    "jobs.get, finished": lambda t, x, task: t.jobs.get(x.failed),
    "jobs.get, keyed": lambda t, x, task: t.jobs.get(key=x.key),
    "jobs.explain": lambda t, x, task: t.jobs.explain(x.waiting),
    "jobs.logs": lambda t, x, task: t.jobs.logs(x.failed),
    "jobs.cancel": lambda t, x, task: t.jobs.cancel(x.waiting),
    "jobs.retry": lambda t, x, task: t.jobs.retry(x.failed),
    "jobs.delete": lambda t, x, task: t.jobs.delete(x.waiting),
    "jobs.delete, keyed": lambda t, x, task: t.jobs.delete(key=x.key),
    "jobs.resolve": lambda t, x, task: t.jobs.resolve(x.waiting, 5),
    "jobs.fail": lambda t, x, task: t.jobs.fail(x.waiting, "why"),
    "groups.get": lambda t, x, task: t.groups.get(x.group),
    "groups.resume": lambda t, x, task: t.groups.resume(x.group),
    "limits.get": lambda t, x, task: t.limits.get(x.limit),
    "schedules.get": lambda t, x, task: t.schedules.get(x.schedule),
    "schedules.pause": lambda t, x, task: t.schedules.pause(x.schedule),
    "schedules.resume": lambda t, x, task: t.schedules.resume(x.schedule),
    "schedules.delete": lambda t, x, task: t.schedules.delete(x.schedule),
    "schedules.trigger": lambda t, x, task: t.schedules.trigger(x.schedule),
    "schedules.backfill": lambda t, x, task: t.schedules.backfill(x.schedule, NOW, NOW),
    "schedules.simulate": lambda t, x, task: t.schedules.simulate(x.schedule),
    "schedules.runs": lambda t, x, task: t.schedules.runs(x.schedule),
    "queues.get": lambda t, x, task: t.queues.get(x.key),
    "queues.stats": lambda t, x, task: t.queues.stats(x.key),
    "queues.configure": lambda t, x, task: t.queues.configure(x.key, concurrency=2),
    "batches.get": lambda t, x, task: t.batches.get(x.batch),
    "jobs that wait": lambda t, x, task: t.enqueue_many([task.using(after=x.waiting).call(1)]),
    "jobs of a batch": lambda t, x, task: t.enqueue_many([task.using(batch=x.batch).call(1)]),
    "jobs.edit": lambda t, x, task: t.jobs.edit(x.waiting, priority=3),
    "pipes.get": lambda t, x, task: t.pipes.get(x.message),
    "steps.list": lambda t, x, task: t.steps.list(x.failed),
    "steps.fork": lambda t, x, task: t.steps.fork(x.failed, "load"),
    "steps.release": lambda t, x, task: t.steps.release(x.waiting),
    "tenants.get": lambda t, x, task: t.tenants.get(x.key),
    "metadata.get": lambda t, x, task: t.metadata.get(x.fact),
    "metadata.remove": lambda t, x, task: t.metadata.remove(x.fact),
}
"""Verbs that are given an id, a key or a name: another's must look like nobody's."""

NOTHING_TO_SAY = (
    "jobs.logs", "groups.get", "groups.resume", "queues.get", "queues.stats",
    "queues.configure", "tenants.get",
)  # fmt: skip
"""Of one's own things as they are furnished they answer what they do for nobody's."""

SEEN: dict[str, Verb] = {
    "jobs.list": lambda t, x, task: [one.id for one in t.jobs.list(limit=1000)],
    "jobs.count": lambda t, x, task: t.jobs.count(),
    "audit.list": lambda t, x, task: list(t.audit.list()),
    "pipes.list": lambda t, x, task: t.pipes.list(),
    "pipes.messages": lambda t, x, task: list(t.pipes.messages("post")),
    "pipes.pending": lambda t, x, task: t.pipes.pending("post"),
    "pipes.stats": lambda t, x, task: t.pipes.stats("post"),
    "pipes.retry": lambda t, x, task: t.pipes.retry("post"),
    "groups.list": lambda t, x, task: list(t.groups.list()),
    "limits.list": lambda t, x, task: list(t.limits.list()),
    "batches.list": lambda t, x, task: [one.id for one in t.batches.list()],
    "queues.list": lambda t, x, task: [one.name for one in t.queues.list()],
    "queues.stats": lambda t, x, task: t.queues.stats("default"),
    "schedules.list": lambda t, x, task: [one.name for one in t.schedules.list()],
    "schedules.stats": lambda t, x, task: t.schedules.stats(),
    "stats.now": lambda t, x, task: t.stats.now().standings,
    "stats.histogram": lambda t, x, task: t.stats.histogram("day"),
    "stats.times": lambda t, x, task: t.stats.times("1h"),
    "stats.ended": lambda t, x, task: t.stats.ended("1h"),
    "stats.queues": lambda t, x, task: t.stats.queues("1h"),
    "stats.tasks": lambda t, x, task: t.stats.tasks("1h"),
    "stats.today": lambda t, x, task: t.stats.today(),
}
"""Verbs that answer about all there is: what others do must not change their answers."""

OWN: dict[str, Verb] = {
    "app.enqueue_many": lambda t, x, task: t.enqueue_many([task.using(key=x.key).call(1)])[0].created,
    "app.enqueue": lambda t, x, task: t.enqueue([task.call(1)])[0].created,
    "app.enqueue_raw": lambda t, x, task: t.enqueue_raw("raw", b"x").created,
    "app.find": lambda t, x, task: t.find(task.using(cache="1h").call(77)),
    "jobs.cancel_many": lambda t, x, task: t.jobs.cancel_many(tag="t"),
    "jobs.retry_many": lambda t, x, task: t.jobs.retry_many(state="failed"),
    "jobs.delete_many": lambda t, x, task: t.jobs.delete_many(tag="t"),
    "jobs.rescue": lambda t, x, task: t.jobs.rescue(force=True),
    "jobs.edit_many": lambda t, x, task: t.jobs.edit_many({"priority": 3}, tag="t"),
    "queues.pause": lambda t, x, task: t.queues.pause(x.key, by="me").paused,
    "queues.resume": lambda t, x, task: t.queues.resume(x.key).paused,
    "limits.set": lambda t, x, task: t.limits.set(x.limit, concurrency=9),
    "limits.reset": lambda t, x, task: t.limits.reset(x.limit),
    "schedules.put": lambda t, x, task: t.schedules.put(x.schedule, task.call(2), cron="0 0 2 1 *").paused,
    "metadata.put": lambda t, x, task: t.metadata.put(x.fact, "theirs"),
    "pipes.send": lambda t, x, task: t.pipes.send("post", 2, key=x.key).created,
    "pipes.send_many": lambda t, x, task: [sent.created for sent in t.pipes.send_many("post", [2, 3])],
    "jobs.prune": lambda t, x, task: t.jobs.prune(0),
}
"""Verbs that make what they name: under another's key or name they make one's own, and change nothing there."""

ELSEWHERE = {
    "tenants.configure": "refused: tests/behaviour/test_fairness.py",
    "tenants.list": "refused likewise",
    "app.bind": "tests/storage/postgres/test_tenancy.py",
    "app.tenant": "below",
    "app.call_raw": "touches nothing",
    "app.answer": "tests/behaviour/test_answers.py",
    "app.waits": "tests/behaviour/test_answers.py",
    "app.batch": "touches nothing; its handle is asked in batches.get",
}


def verbs(kind: type, prefix: str) -> set[str]:
    found = {name for name, value in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}
    return {f"{prefix}.{name}" for name in found if not (name.startswith("a") and name[1:] in found)}


def nouns() -> dict[str, type]:
    """All that a tenant's surface has: what its properties answer."""
    made = Holdfast("sqlite:///:memory:").tenant("t")
    names = [name for name, value in inspect.getmembers(Tenant) if isinstance(value, property) and name[0] != "_"]
    return {name: type(getattr(made, name)) for name in names}


def test_every_verb_is_in_one_of_the_tables() -> None:
    surface = verbs(Tenant, "app") - {"app.transaction"}
    for name, kind in nouns().items():
        surface |= verbs(kind, name)
    listed = {name.partition(",")[0] for name in (*MATRIX, *SEEN, *OWN)} | ELSEWHERE.keys()
    assert not surface - listed, "a verb of which nobody asked whether it reaches another tenant"


def outcome(call: Callable[[], Any], things: Things) -> Any:
    """What a call came to, without the ids and names that it was given."""
    try:
        answer = call()
        answer = list(answer) if hasattr(answer, "next") else answer
    except HoldfastError as error:
        answer = (type(error), str(error))
    text = repr(answer)
    for value in vars(things).values():
        text = text.replace(value, "…")
    return text


def picture(tenant: Tenant, things: Things) -> list[Any]:
    """All of a tenant's things, as they are."""
    jobs = [(one.id, one.state, one.version, one.args, one.updated_at) for one in tenant.jobs.list(limit=1000)]
    schedule = tenant.schedules.get(things.schedule)
    assert schedule is not None
    runs = [one.id for one in tenant.schedules.runs(things.schedule)]
    limit = tenant.limits.get(things.limit)
    messages = [(one.id, one.value) for one in tenant.pipes.messages("post")]
    facts = [messages, tenant.metadata.get(things.fact), tenant.groups.get(things.group), tenant.jobs.count()]
    return [jobs, schedule.paused, schedule.updated_at, runs, limit, facts]


@pytest.mark.parametrize("name", MATRIX)
def test_anothers_looks_like_nobodys(house: House, name: str) -> None:
    victim, other = (house.front.tenant(new_id()) for _ in range(2))
    theirs = furnish(house, victim)
    nobodys = absent()
    task = add(house.front)
    asked = outcome(lambda: MATRIX[name](other, theirs, task), theirs)
    assert asked == outcome(lambda: MATRIX[name](other, nobodys, task), nobodys)
    assert asked != outcome(lambda: MATRIX[name](victim, theirs, task), theirs) or name in NOTHING_TO_SAY


@pytest.mark.parametrize("name", [*MATRIX, *OWN])
def test_nothing_of_anothers_changes(house: House, name: str) -> None:
    victim, other = (house.front.tenant(new_id()) for _ in range(2))
    theirs = furnish(house, victim)
    before = picture(victim, theirs)
    outcome(lambda: {**MATRIX, **OWN}[name](other, theirs, add(house.front)), theirs)
    assert picture(victim, theirs) == before


@pytest.mark.parametrize("name", OWN)
def test_anothers_name_is_free(house: House, name: str) -> None:
    victim, other, lonely = (house.front.tenant(new_id()) for _ in range(3))
    theirs = furnish(house, victim)
    task = add(house.front)
    nobodys = absent()
    asked = outcome(lambda: OWN[name](other, theirs, task), theirs)
    assert asked == outcome(lambda: OWN[name](lonely, nobodys, task), nobodys)


@pytest.mark.parametrize("name", SEEN)
def test_nothing_of_others_is_counted(house: House, name: str) -> None:
    victim, other = (house.front.tenant(new_id()) for _ in range(2))
    theirs = furnish(house, victim)
    empty = repr(SEEN[name](other, theirs, None))
    furnish(house, victim)
    assert repr(SEEN[name](other, theirs, None)) == empty


def test_no_surface_leads_to_another_tenant(house: House) -> None:
    acme = house.front.tenant("acme")
    task = add(house.front)
    for call in (
        lambda: acme.enqueue_many([task.using(tenant="beta").call(1)]),
        lambda: acme.schedules.put("s", task.using(tenant="beta").call(1), cron="@daily"),
        lambda: house.front.schedules.put("s", task.using(tenant="beta").call(1), cron="@daily"),
    ):
        with pytest.raises(InvalidOption, match="nothing was stored"):
            call()
    with pytest.raises(MisuseError):
        acme.tenant("beta")
    assert acme.tenant("acme").jobs.count() == acme.jobs.count()
    for bad in ("", "x" * 256, "a\0b", 5):
        with pytest.raises(InvalidOption):
            house.front.tenant(bad)  # type: ignore[arg-type]


def test_eight_tenants_at_once(house: House) -> None:
    """Their calls share connections, and none sees or takes what is another's."""
    names = [new_id() for _ in range(8)]
    task = add(house.front)

    def live(name: str) -> tuple[int, Any, set[str]]:
        tenant = house.front.tenant(name)
        for number in range(5):
            tenant.enqueue_many([task.using(key="same", on_conflict="replace", delay="1h").call(number)])
            tenant.metadata.put("name", name)
        return len(list(tenant.jobs.list())), tenant.metadata.get("name"), {one.tenant for one in tenant.jobs.list()}

    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(live, names))
    assert seen == [(1, name, {name}) for name in names]


def test_a_job_works_for_its_tenant(make_app: Any) -> None:
    """What its body enqueues and asks is its tenant's."""
    app = make_app()
    seen: list[Any] = []

    @app.task
    def child() -> None: ...

    def look() -> None:
        job = child.enqueue()
        (other,) = app.enqueue_many([child.call()])
        record = app.jobs.get(job.id)
        assert record is not None
        seen.append((record.tenant, app.jobs.get(other.id).tenant, app.jobs.count()))

    @app.task
    def plain() -> None:
        look()

    @app.task
    async def later() -> None:
        job = await child.aenqueue()
        record = await app.jobs.aget(job.id)
        seen.append((record.tenant, record.tenant, record.tenant))

    acme = app.tenant("acme")
    child.enqueue()
    acme.enqueue_many([plain.call()])
    acme.enqueue_many([later.call()])
    app.work_once(batch=2, tasks=[plain, later])
    assert [one[:2] for one in seen] == [("acme", "acme")] * 2
    assert app.jobs.count() == {"ready": 1}
    assert acme.jobs.count() == {"ready": 3, "succeeded": 2}


COMMANDS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["enqueue", "key", "cancel", "delete", "fact", "forget", "work"])),
    min_size=3,
    max_size=14,
)


PAIRS = {"sqlite": 260, "postgres": 20, "roles": 12, "pooler": 8}
"""Stories told with and without the other tenant: 300 in a run, most where one takes the least time."""


def test_what_one_tenant_sees_does_not_depend_on_another(house: House) -> None:
    many = settings(max_examples=PAIRS[house.kind], deadline=None, suppress_health_check=list(HealthCheck))
    many(given(commands=COMMANDS)(lambda commands: same_for_both(house, commands)))()


def same_for_both(house: House, commands: list[tuple[str, str]]) -> None:
    def story(both: bool) -> list[Any]:
        tenants = {"a": house.front.tenant(new_id()), "b": house.front.tenant(new_id())}
        made: dict[str, list[str]] = {"a": [], "b": []}
        told: list[Any] = []
        task = add(house.front)
        for who, what in commands:
            if who == "a" and not both:
                continue
            tenant = tenants[who]
            mine = made[who]
            if what == "work":
                drain(house.back) if both or who == "b" else None
                answer: Any = tenant.jobs.count()
            elif what == "enqueue":
                mine.append(tenant.enqueue_many([task.using(delay="1h").call(1)])[0].id)
                answer = tenant.jobs.count()
            elif what == "key":
                (job,) = tenant.enqueue_many([task.using(delay="1h", key="same").call(1)])
                mine.append(job.id)
                answer = job.created
            elif what == "fact":
                answer = tenant.metadata.put("same", who)
            elif what == "forget":
                answer = tenant.metadata.remove("same")
            else:
                other = made["b" if who == "a" else "a"]
                pick = mine[-1] if mine else (other[-1] if other else new_id())
                answer = outcome(lambda tenant=tenant, what=what, pick=pick: getattr(tenant.jobs, what)(pick).state,
                                 Things(*[pick] * 9))  # fmt: skip
            if who == "b":
                told.append(answer)
        return told

    assert story(True) == story(False)
