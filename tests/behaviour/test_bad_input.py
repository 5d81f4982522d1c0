"""What cannot work is refused: the same way on both databases, saying why, and with nothing stored."""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel, SecretStr

from holdfast import Holdfast, JobState, Retry
from holdfast.errors import (
    ConfigError,
    DatabaseUnavailable,
    HoldfastError,
    InvalidArguments,
    InvalidOption,
    NotADatabase,
    ReadOnlyDatabase,
    SchemaMissing,
    SchemaTooNew,
    SchemaTooOld,
)
from holdfast.storage.migrate import migrations
from holdfast.testing import drain
from holdfast.testing.cluster import Server

from .conftest import MakeApp

threading_lock = type(threading.Lock())


class Model(BaseModel):
    number: float = 0.0
    text: str = ""


def take(app: Holdfast) -> Any:
    @app.task
    def take(value: Any = None, number: int = 0, *, text: str = "", model: Model | None = None) -> Any:
        return value

    return take


def nested(depth: int, kind: str) -> Any:
    value: Any = 1
    for level in range(depth):
        value = {"a": value} if kind == "dict" or (kind == "mixed" and level % 2) else [value]
    return value


class Unserializable:
    pass


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __str__(self) -> str:
        raise RuntimeError("no str")


def circle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


BAD_CALLS: dict[str, Callable[[Any], Any]] = {
    "too many": lambda task: task.call(1, 2, 3),
    "unknown name": lambda task: task.call(nme=1),
    "twice": lambda task: task.call(1, value=2),
    "no number": lambda task: task.call(number="seven"),
    "half a number": lambda task: task.call(number=1.5),
    "no text": lambda task: task.call(text=7),
    "no model": lambda task: task.call(model={"number": "x"}),
    "NaN": lambda task: task.call(math.nan),
    "infinity": lambda task: task.call(math.inf),
    "minus infinity": lambda task: task.call([-math.inf]),
    "deep NaN": lambda task: task.call({"a": [{"b": math.nan}]}),
    "NaN in a model": lambda task: task.call(model=Model(number=math.nan)),
    "lone surrogate": lambda task: task.call("\ud800"),
    "lone surrogate in a key": lambda task: task.call({"\udfff": 1}),
    "surrogates the wrong way round": lambda task: task.call(text="\udc00\ud800"),
    "NUL": lambda task: task.call("\x00"),
    "NUL in the middle": lambda task: task.call(text="a\x00b"),
    "NUL in a key": lambda task: task.call({"a\x00": 1}),
    "NUL in a model": lambda task: task.call(model=Model(text="\x00")),
    "101 lists": lambda task: task.call(nested(101, "list")),
    "101 mappings": lambda task: task.call(nested(101, "dict")),
    "thousands deep": lambda task: task.call(nested(5000, "mixed")),
    "over a mebibyte": lambda task: task.call("x" * (1024 * 1024 + 1)),
    "over a mebibyte in bytes": lambda task: task.call("é" * (512 * 1024 + 10)),
    "an object": lambda task: task.call(Unserializable()),
    "a hostile object": lambda task: task.call(Hostile()),
    "a function": lambda task: task.call(print),
    "itself": lambda task: task.call(circle()),
    "a secret": lambda task: task.call(SecretStr("x")),
    "an endless number": lambda task: task.call(10**5000),
}


@pytest.mark.parametrize("bad", BAD_CALLS)
def test_arguments_that_cannot_be(app: Holdfast, bad: str) -> None:
    task = take(app)
    call = BAD_CALLS[bad]

    class Now:
        call = staticmethod(task.enqueue)

    for make in (lambda: call(task), lambda: call(Now), lambda: app.enqueue_many([task.call(1), call(task)])):
        with pytest.raises(InvalidArguments) as caught:
            make()
        message = str(caught.value)
        assert message.startswith("take")
        assert len(message) < 1500
        assert message.isprintable() or "\n" in message
        message.encode()
        assert caught.value.code == "invalid_arguments"
        assert isinstance(caught.value, ValueError)
    assert app.jobs.count() == {}


GOOD_CALLS: dict[str, Any] = {
    "100 deep": nested(97, "mixed"),
    "almost a mebibyte": "x" * (1024 * 1024 - 100),
    "escaped": 'quote " backslash \\ \\u0000 newline \n tab \t',
    "looks like NUL": "\\u0000",
    "large numbers": [2**53 + 1, 2**63, -(2**70), 10**400],
    "small floats": [5e-324, -0.0, 1.7976931348623157e308],
    "emoji": "🦑🏳️‍🌈",
    "controls": "\x01\x1f\x7f\u2028",
    "text that says NaN": ["NaN", "Infinity", "-Infinity", "null"],
    "many brackets in text": "[" * 500 + "{" * 500,
    "empty": ["", [], {}, None],
    "keys": {"": 1, "a b": 2, "é": 3, "$": 4, "a.b": 5},
}


@pytest.mark.parametrize("good", GOOD_CALLS)
def test_arguments_at_the_edge_go_there_and_back(app: Holdfast, good: str) -> None:
    value = GOOD_CALLS[good]
    job = take(app).enqueue(value)
    assert app.jobs.get(job.id).args == {"value": value}  # type: ignore[union-attr]
    drain(app)
    assert job.result() == value


NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001

BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"delay": -1}, "negative"),
    ({"delay": "-5m"}, "negative"),
    ({"delay": timedelta(seconds=-1)}, "negative"),
    ({"delay": "soon"}, "delay"),
    ({"delay": "5 parsecs"}, "delay"),
    ({"delay": ""}, "delay"),
    ({"delay": "1h 30"}, "delay"),
    ({"delay": math.nan}, "delay"),
    ({"delay": math.inf}, "1000 years"),
    ({"delay": "1001y"}, "1000 years"),
    ({"delay": True}, "delay"),
    ({"delay": object()}, "delay"),
    ({"delay": "1" * 200}, "delay"),
    ({"delay": "5m", "run_at": datetime(2030, 1, 1, tzinfo=UTC)}, "not both"),
    ({"run_at": NAIVE}, "time zone"),
    ({"run_at": "tomorrow"}, "run_at"),
    ({"run_at": 1_700_000_000}, "run_at"),
    ({"run_at": datetime(1969, 12, 31, tzinfo=UTC)}, "1970"),
    ({"timeout": -1}, "negative"),
    ({"timeout": "forever"}, "timeout"),
    ({"queue": ""}, "queue"),
    ({"queue": "a\x00b"}, "queue"),
    ({"queue": "a\nb"}, "queue"),
    ({"queue": "\ud800"}, "queue"),
    ({"queue": "x" * 256}, "queue"),
    ({"queue": None}, "queue"),
    ({"tenant": ""}, "tenant"),
    ({"tenant": 7}, "tenant"),
    ({"priority": 1.5}, "priority"),
    ({"priority": "high"}, "priority"),
    ({"priority": True}, "priority"),
    ({"priority": 2**31}, "priority"),
    ({"priority": -(2**31) - 1}, "priority"),
    ({"retry": 0}, "attempts"),
    ({"retry": -1}, "attempts"),
    ({"retry": 2**31}, "attempts"),
    ({"retry": "3"}, "attempts"),
    ({"retry": True}, "attempts"),
    ({"retry": lambda attempt, error: 1}, "where"),
    ({"retry": Retry(3, give_up_on=ValueError)}, "where"),
    ({"on_timeout": "ignore"}, "on_timeout"),
    ({"on_crash": "ignore"}, "on_crash"),
    ({"max_crashes": 0}, "max_crashes"),
    ({"max_crashes": 1.0}, "max_crashes"),
    ({"keep_succeeded": -1}, "keep_succeeded"),
    ({"keep_failed": "long"}, "keep_failed"),
    ({"tags": "abc"}, "tags"),
    ({"tags": [""]}, "tag"),
    ({"tags": ["a\x00"]}, "tag"),
    ({"tags": ["x" * 256]}, "tag"),
    ({"tags": [1]}, "tag"),
    ({"tags": [str(n) for n in range(101)]}, "tags"),
    ({"tags": 5}, "tags"),
    ({"metadata": []}, "metadata"),
    ({"metadata": {1: 2}}, "metadata"),
    ({"metadata": {"a": math.nan}}, "metadata"),
    ({"metadata": {"a": "\x00"}}, "metadata"),
    ({"metadata": {"a": nested(101, "list")}}, "metadata"),
    ({"metadata": {"a": "x" * 2_000_000}}, "metadata"),
    ({"metadata": {"a": object()}}, "metadata"),
    ({"colour": "red"}, "no option"),
    ({"dely": "5m"}, "did you mean 'delay'"),
]


@pytest.mark.parametrize(
    ("options", "says"), BAD_OPTIONS, ids=[f"{next(iter(one))}-{n}" for n, (one, _) in enumerate(BAD_OPTIONS)]
)
def test_options_that_cannot_be(app: Holdfast, options: dict[str, Any], says: str) -> None:
    task = take(app)
    with pytest.raises(InvalidOption, match=says) as caught:
        task.using(**options).enqueue(1)
    assert caught.value.code == "invalid_option"
    str(caught.value).encode()
    assert app.jobs.count() == {}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Retry(0),
        lambda: Retry(2, backoff="geometric"),
        lambda: Retry(2, backoff=[]),
        lambda: Retry(2, backoff=["1s", "x"]),
        lambda: Retry(2, backoff=["1s"] * 101),
        lambda: Retry(2, base=-1),
        lambda: Retry(2, cap="x"),
        lambda: Retry(2, jitter=1.1),
        lambda: Retry(2, jitter=-0.1),
        lambda: Retry(2, jitter=math.nan),
        lambda: Retry(2, give_up_on="ValueError"),  # type: ignore[arg-type]
        lambda: Retry(2, give_up_on=[ValueError, 7]),  # type: ignore[list-item]
    ],
)
def test_rules_for_retries_that_cannot_be(make: Callable[[], Retry]) -> None:
    with pytest.raises(InvalidOption):
        make()


@pytest.mark.parametrize(
    "filters",
    [
        {"state": "done"},
        {"limit": 0},
        {"limit": 1001},
        {"limit": "10"},
        {"after": "17"},
        {"after": "x" * 10_000},
    ],
)
def test_questions_that_cannot_be(app: Holdfast, filters: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        app.jobs.list(**filters)


@pytest.mark.parametrize("id", ["", "17", None, 5, "\x00", "0190163d-8694-79b5-8c1d-4f0e2a7b6c5", "'; drop table x --"])
def test_ids_that_cannot_be(app: Holdfast, id: Any) -> None:
    with pytest.raises(InvalidOption, match="UUID"):
        app.jobs.get(id)


BAD_URLS = [
    "mysql://localhost/app",
    "app.db",
    "sqlite://app.db",
    "sqlite:///",
    "sqlite:///dir/",
    "redis://localhost",
    "http://example.org",
    "sqlite:///a\x00b.db",
    "postgresql",
    "://",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_urls_that_cannot_be(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOLDFAST_URL", raising=False)
    with pytest.raises(ConfigError):
        Holdfast(url)


def test_a_password_is_in_no_message(caplog: pytest.LogCaptureFixture) -> None:
    for url in (
        "postgresql://ann:c4nary@localhost:1/none",
        "postgresql://ann@localhost:1/none?password=c4nary",
        "mysql://ann:c4nary@localhost/x",
    ):
        with pytest.raises(HoldfastError) as caught:
            Holdfast(url).jobs.count()
        error: BaseException | None = caught.value
        while error is not None:
            assert "c4nary" not in repr(error)
            error = error.__cause__
    assert "c4nary" not in repr(Holdfast("postgresql://ann:c4nary@localhost:1/none"))
    assert "c4nary" not in caplog.text


def test_a_server_that_is_not_there() -> None:
    app = Holdfast("postgresql://nobody@localhost:1/none?connect_timeout=2")
    task = take(app)
    with pytest.raises(DatabaseUnavailable, match=r"cannot connect to postgresql://nobody@localhost:1/none") as caught:
        task.enqueue(1)
    assert "Is the server running" in str(caught.value)
    with pytest.raises(DatabaseUnavailable):
        app.check()
    with pytest.raises(DatabaseUnavailable):
        app.migrate()
    with pytest.raises(DatabaseUnavailable):
        app.work_once()
    app.close()


def test_a_database_that_is_not_there(cluster: Server) -> None:
    app = Holdfast(cluster.url("no_such_database"))
    with pytest.raises(DatabaseUnavailable, match="no_such_database"):
        take(app).enqueue(1)
    app.close()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match=r"nowhere does not exist"):
        take(Holdfast(f"sqlite:///{tmp_path}/nowhere/app.db")).enqueue(1)
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_as_database(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotADatabase, match="is a folder"):
        take(Holdfast(f"sqlite:///{tmp_path}/folder")).enqueue(1)


@pytest.mark.parametrize(
    "content", [b"just some text, and quite a bit of it, for a header" * 20, b"SQLite format 3\x00" + b"\x07" * 5000]
)
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    app = Holdfast(f"sqlite:///{file}")
    for use in (lambda: take_once(app), lambda: app.jobs.count(), lambda: app.check(), lambda: app.work_once()):
        with pytest.raises(NotADatabase):
            use()
    assert file.read_bytes() == content, "it is left alone"
    app.close()


def take_once(app: Holdfast) -> Any:
    def body() -> None: ...

    known = [task for task in app.tasks if task.name == "body"]
    return (known[0] if known else app.task(body)).enqueue()


def test_another_programs_sqlite_database_is_shared_in_peace(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as foreign:
        foreign.execute("create table orders (id integer)")
        foreign.execute("insert into orders values (1)")
    foreign.close()
    app = Holdfast(f"sqlite:///{path}")
    take(app).enqueue(1)
    app.close()
    foreign = sqlite3.connect(path)
    assert foreign.execute("select count(*) from orders").fetchall() == [(1,)]
    foreign.close()


# The schema


def test_tables_that_are_missing(cluster: Server) -> None:
    url = cluster.create_database()
    app = Holdfast(url)
    try:
        for use in (
            lambda: take_once(app),
            lambda: app.jobs.count(),
            lambda: app.check(),
            lambda: app.work_once(),
            lambda: app.worker().__enter__(),
        ):
            with pytest.raises(SchemaMissing, match="holdfast migrate"):
                use()
        assert app.migrate() == [step.name for step in migrations("holdfast.storage.postgres")]
        assert app.migrate() == []
        app.check()
        assert take_once(app).state is JobState.READY
    finally:
        app.close()
        cluster.drop_database(url)


def test_migrate_makes_the_tables_at_first_use(cluster: Server) -> None:
    url = cluster.create_database()
    app = Holdfast(url, migrate=True)
    try:
        assert take_once(app).state is JobState.READY
    finally:
        app.close()
        cluster.drop_database(url)


@pytest.fixture
def stepped(database_url: str, cluster: Server, tmp_path: Path) -> Iterator[Callable[[int], Holdfast]]:
    """An app on a database of its own whose schema says that it is at some other step."""
    url = f"sqlite:///{tmp_path / 'stepped.db'}" if database_url.startswith("sqlite") else cluster.create_database()
    made: list[Holdfast] = []

    def step(change: int) -> Holdfast:
        first = Holdfast(url, migrate=True)
        first.migrate()
        newest = migrations(f"holdfast.storage.{'sqlite' if url.startswith('sqlite') else 'postgres'}")[-1].number
        first.close()
        if url.startswith("sqlite"):
            with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
                connection.execute("delete from holdfast_migrations")
                connection.execute("insert into holdfast_migrations values (?, 'x', 0)", (newest + change,))
            connection.close()
        else:
            with psycopg.connect(url, autocommit=True) as other:
                other.execute('delete from "holdfast".migrations')
                other.execute('insert into "holdfast".migrations values (%s, %s, now())', (newest + change, "x"))
        app = Holdfast(url)
        made.append(app)
        return app

    yield step
    for app in made:
        app.close()
    if not url.startswith("sqlite"):
        cluster.drop_database(url)


def test_tables_of_a_newer_version(stepped: Callable[[int], Holdfast]) -> None:
    app = stepped(+1)
    for use in (lambda: take_once(app), lambda: app.jobs.count(), lambda: app.check(), lambda: app.work_once()):
        with pytest.raises(SchemaTooNew, match="newer version"):
            use()


def test_tables_of_an_older_version(stepped: Callable[[int], Holdfast], database_url: str) -> None:
    if database_url.startswith("sqlite"):
        return  # it migrates itself, and there is but one step so far
    app = stepped(-1)
    for use in (lambda: take_once(app), lambda: app.jobs.count(), lambda: app.check(), lambda: app.work_once()):
        with pytest.raises(SchemaTooOld, match="holdfast migrate"):
            use()


# Databases that cannot be written


def test_a_read_only_server(cluster: Server) -> None:
    url = cluster.create_database()
    app = Holdfast(url, migrate=True)
    job = take_once(app)
    app.close()
    name = url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'alter database "{name}" set default_transaction_read_only = on')  # type: ignore[arg-type]
    app = Holdfast(url)
    try:
        with pytest.raises(ReadOnlyDatabase, match="read-only"):
            take_once(app)
        with pytest.raises(ReadOnlyDatabase):
            app.work_once()
        assert app.jobs.get(job.id) is not None, "reading goes on"
        assert app.jobs.count() == {"ready": 1}
    finally:
        app.close()
        cluster.drop_database(url)


READ_ONLY = """
import os, sys
sys.path[:0] = sys.argv[2:]
from holdfast import Holdfast
from holdfast.errors import HoldfastError

def work() -> None: ...

warm = Holdfast("sqlite:///:memory:")  # what is imported late is imported now: the other user may not read it
warm.task(work).enqueue()
warm.work_once()
import holdfast.storage.sqlite.bells

os.setgroups([]); os.setgid(65534); os.setuid(65534)
app = Holdfast("sqlite:///" + sys.argv[1])
for name, use in (("enqueue", app.task(work).enqueue), ("work_once", app.work_once), ("check", app.check)):
    try:
        use()
        print(name, "went through")
    except HoldfastError as error:
        print(name, type(error).__name__, error)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are for one alone."""
    with tempfile.TemporaryDirectory(prefix="holdfast-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_that_cannot_be_written(open_folder: Path, what: str) -> None:
    path = open_folder / "app.db"
    app = Holdfast(f"sqlite:///{path}")
    take_once(app)
    app.close()
    for file in open_folder.iterdir():
        if file.is_file():
            file.chmod(0o444 if what == "file" else 0o666)
    open_folder.chmod(0o777 if what == "file" else 0o755)
    command = [sys.executable, "-c", READ_ONLY, str(path), *sys.path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    verdicts = [line.split()[:2] for line in lines]
    assert verdicts == [[name, "ReadOnlyDatabase"] for name in ("enqueue", "work_once", "check")], done
    assert all("cannot be written" in line for line in lines)


NO_DRIVER = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("psycopg", "psycopg_pool"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from holdfast import Holdfast
from holdfast.errors import ConfigError
app = Holdfast("postgresql://localhost/app")
try:
    app.jobs.count()
except ConfigError as error:
    print(error)
app = Holdfast("sqlite:///:memory:")
print(app.jobs.count())
"""


def test_a_driver_that_is_not_installed() -> None:
    done = subprocess.run([sys.executable, "-c", NO_DRIVER], capture_output=True, text=True, timeout=60)
    assert "pip install 'holdfast[postgres]'" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "{}", "SQLite needs no driver"


def test_sources_that_cannot_be() -> None:
    for source in ({"pool": object()}, {"engine": object()}):
        with pytest.raises(ConfigError):
            Holdfast(**source).jobs.count()  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="must return"):
        Holdfast(connect=lambda: 7).jobs.count()


@pytest.mark.parametrize(
    "define",
    [
        lambda app: app.task(7),
        lambda app: app.task(int),
        lambda app: app.task(lambda: None),
        lambda app: app.task(name="")(print_nothing),
        lambda app: app.task(name="x" * 256)(print_nothing),
        lambda app: app.task(name="a\x00")(print_nothing),
        lambda app: app.task(aliases=[""])(print_nothing),
        lambda app: app.task(queue="")(print_nothing),
        lambda app: app.task(retry=0)(print_nothing),
        lambda app: app.task(colour="red")(print_nothing),
        lambda app: app.task(generator),
        lambda app: app.task(cpu=True)(coroutine),
    ],
)
def test_tasks_that_cannot_be(app: Holdfast, define: Callable[[Holdfast], Any]) -> None:
    with pytest.raises((ConfigError, InvalidOption)):
        define(app)
    assert list(app.tasks) == []


def print_nothing() -> None: ...


def generator() -> Iterator[int]:
    yield 1


async def coroutine() -> None: ...


def test_annotations_that_json_cannot_keep(make_app: MakeApp) -> None:
    app = make_app()

    @app.task
    def work(value: threading_lock) -> None: ...  # type: ignore[valid-type]

    with pytest.raises(ConfigError, match="work"):
        work.enqueue(1)
