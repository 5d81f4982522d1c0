"""Apps on both databases, by a clock that stands still unless a test wants the database's own."""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol

import pytest
from tests.emptied import SharedDatabase

from holdfast import Holdfast
from holdfast.testing import Clock


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run async tests, each on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Log lines with lone surrogates, which some tests write, cannot travel between test processes."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


LONGEST = 60


@pytest.fixture(autouse=True)
def time_limit() -> Iterator[None]:
    """A test that hangs fails instead."""

    def too_long(number: int, frame: object) -> None:
        raise TimeoutError(f"the test ran longer than {LONGEST} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LONGEST, 5)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


class MakeApp(Protocol):
    """Makes an app on the test's database, closed after the test."""

    def __call__(self, **settings: Any) -> Holdfast: ...


@pytest.fixture
def postgres_url(shared: SharedDatabase) -> Iterator[str]:
    """That database, empty: a new one for each test would take half a second."""
    yield shared.url
    shared.disconnect_all()
    shared.empty()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_app(database_url: str, clock: Clock) -> Iterator[MakeApp]:
    """Apps on one database, by the test's clock; `clock=None` asks for the database's own."""
    made: list[Holdfast] = []

    def make(**settings: Any) -> Holdfast:
        chosen = settings.pop("clock", clock)
        app = Holdfast(settings.pop("url", database_url), clock=chosen, **settings)
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()


@pytest.fixture
def app(make_app: MakeApp) -> Holdfast:
    """An app whose time stands still."""
    return make_app()


@pytest.fixture
def live(make_app: MakeApp) -> Holdfast:
    """An app by the database's own clock, for tests of leases and waits."""
    return make_app(clock=None)


@pytest.fixture
def facts(app: Holdfast) -> Callable[[str], list[Any]]:
    """What `app` tells: call it with an event's name for the events so far."""
    heard: list[Any] = []
    app.on("*", heard.append)
    return lambda name: [event for event in heard if event.name == name]


@pytest.fixture
def count_statements(monkeypatch: pytest.MonkeyPatch) -> Callable[[Holdfast], list[str]]:
    """The names of all statements that an app's store runs from now on, as a list that grows."""

    def count(app: Holdfast) -> list[str]:
        names: list[str] = []
        store: Any = app.store
        opened = store._open

        def wrap(session: Any) -> Any:
            execute = session.execute

            def counted(name: str, rows: Any) -> Any:
                names.append(name)
                return execute(name, rows)

            session.execute = counted
            return session

        for lane in set(store._lanes.values()):
            if lane._session is not None:
                wrap(lane._session)
            monkeypatch.setattr(lane, "_connect", lambda: wrap(opened()))
        return names

    return count
