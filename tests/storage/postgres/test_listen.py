"""Wake-ups are few, come at once, and survive the loss of their connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import psycopg
import pytest

from holdfast.clock import DatabaseClock
from holdfast.errors import DatabaseUnavailable
from holdfast.storage.postgres.listen import APART, Notifier, NotifyListener, channel_of
from holdfast.storage.postgres.source import UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing.conformance import kit

SOON = 10.0


def until(true: Callable[[], object]) -> None:
    give_up = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.002)


class Counter:
    """A wake-up that counts."""

    def __init__(self) -> None:
        self.count = 0
        self.event = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.event.set()


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(UrlSource(url), DatabaseClock())
    yield store
    store.close()


@pytest.fixture
def other(store: PostgresStore, url: str) -> Iterator[PostgresStore]:
    """Another process's store."""
    other = PostgresStore(UrlSource(url), DatabaseClock())
    yield other
    other.close()


def listening(url: str) -> list[int]:
    """Process ids of the server's that listen."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "select pid from pg_stat_activity where datname = current_database() and query ilike 'listen%'"
        ).fetchall()
        return [pid for (pid,) in found]


# ---------------------------------------------------------------- sending


def test_the_first_is_sent_at_once_and_the_rest_coalesced() -> None:
    sent: list[float] = []
    notifier = Notifier(lambda: sent.append(time.monotonic()))
    began = time.monotonic()
    while time.monotonic() - began < 12 * APART:
        notifier.ask()
    asking = time.monotonic() - began
    notifier.close()
    assert sent[0] - began < SOON
    assert 2 <= len(sent) <= asking / APART + 3
    assert all(later - earlier >= APART * 0.9 for earlier, later in pairwise(sent[:-1]))


def test_what_was_asked_for_last_is_still_sent() -> None:
    sent: list[int] = []
    notifier = Notifier(lambda: sent.append(1))
    for _ in range(3):
        before = len(sent)
        notifier.ask()
        until(lambda before=before: len(sent) > before)
    notifier.ask()
    notifier.close()
    assert len(sent) >= 4
    notifier.close()


def test_nothing_asked_for_needs_no_thread() -> None:
    notifier = Notifier(lambda: None)
    assert notifier._thread is None
    notifier.close()


def test_a_failure_to_send_is_no_trouble() -> None:
    tries: list[int] = []

    def send() -> None:
        tries.append(1)
        raise DatabaseUnavailable("away")

    notifier = Notifier(send)
    for count in (1, 2):
        notifier.ask()
        until(lambda count=count: len(tries) >= count)
    notifier.close()


def test_channels_are_short_and_differ_by_schema() -> None:
    names = [channel_of(name) for name in ("holdfast", "other", "x" * 63)]
    assert len(set(names)) == 3
    assert all(len(name) < 64 for name in names)


# ---------------------------------------------------------------- hearing


def test_another_process_is_heard(store: PostgresStore, other: PostgresStore) -> None:
    woken = Counter()
    listener = store.listen(woken)
    until(lambda: woken.count)  # at first it wakes by itself: something may have been missed
    woken.event.clear()
    kit.add(other, kit.job())
    assert woken.event.wait(SOON)
    listener.close()


def test_many_commits_are_few_notifications(store: PostgresStore, other: PostgresStore) -> None:
    woken = Counter()
    listener = store.listen(woken)
    until(lambda: woken.count)
    began, before = time.monotonic(), woken.count
    for _ in range(100):
        kit.add(other, kit.job())
    took = time.monotonic() - began
    time.sleep(0.05)
    assert woken.count - before <= took / APART + 10
    listener.close()


def test_schemas_do_not_hear_each_other(store: PostgresStore, url: str) -> None:
    elsewhere = PostgresStore(UrlSource(url), DatabaseClock(), "elsewhere")
    elsewhere.migrate()
    woken = Counter()
    listener = store.listen(woken)
    until(lambda: woken.count)
    woken.event.clear()
    kit.add(elsewhere, kit.job())
    assert not woken.event.wait(0.2)
    listener.close()
    elsewhere.close()


def test_a_lost_connection_is_replaced_and_wakes(store: PostgresStore, other: PostgresStore, url: str) -> None:
    woken = Counter()
    listener = store.listen(woken)
    for _ in range(2):
        until(lambda: listening(url))
        until(lambda: woken.count)
        (pid,) = listening(url)
        before = woken.count
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("select pg_terminate_backend(%s)", [pid])
        until(lambda before=before: woken.count > before)  # something may have been missed
        until(lambda pid=pid: listening(url) not in ([], [pid]))
        woken.event.clear()
        kit.add(other, kit.job())
        assert woken.event.wait(SOON)
    listener.close()


def test_a_server_that_is_away_is_waited_for() -> None:
    tries = Counter()

    class Away(UrlSource):
        def acquire(self) -> psycopg.Connection[object]:
            tries()
            raise DatabaseUnavailable("away")

    listener = NotifyListener(Away("postgresql://"), "c", lambda: None)
    until(lambda: tries.count >= 2)
    began = time.monotonic()
    listener.close()
    assert time.monotonic() - began < 1.0


def test_closing_is_quick_and_leaves_no_connection(store: PostgresStore, url: str) -> None:
    woken = Counter()
    listener = store.listen(woken)
    until(lambda: woken.count)
    until(lambda: listening(url))
    began = time.monotonic()
    listener.close()
    assert time.monotonic() - began < 0.5
    until(lambda: not listening(url))
    listener.close()


def test_a_listener_that_raises_goes_on_hearing(store: PostgresStore, other: PostgresStore) -> None:
    calls = Counter()

    def wake() -> None:
        calls()
        raise RuntimeError

    listener = store.listen(wake)
    until(lambda: calls.count)
    for _ in range(2):
        before = calls.count
        kit.add(other, kit.job())
        until(lambda before=before: calls.count > before)
    listener.close()
