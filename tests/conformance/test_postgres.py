"""The PostgreSQL store passes the suite; and what only it can be asked: locks of strangers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import psycopg_pool
import pytest

from holdfast.storage.ops import duties
from holdfast.storage.ops.jobs import Held, lease_of
from holdfast.storage.ops.leases import renew
from holdfast.storage.ops.manage import cancel
from holdfast.storage.ops.stats import fold
from holdfast.storage.postgres.source import PoolSource, UrlSource
from holdfast.storage.postgres.store import PostgresStore
from holdfast.testing import Clock
from holdfast.testing.conformance import (
    Batches,
    Claiming,
    Endings,
    Enqueueing,
    Leases,
    Repeats,
    StoreConformance,
    Waking,
)
from holdfast.testing.conformance.claiming import after
from holdfast.testing.conformance.kit import (
    LEASE,
    OURS,
    add,
    end,
    end_one,
    finish,
    job,
    requeue,
    running,
    see,
    states,
    take,
    take_one,
)
from holdfast.testing.conformance.rescue import judged


class TestUrl(StoreConformance):
    @pytest.fixture
    def store(self, empty_url: str, clock: Clock) -> Iterator[PostgresStore]:
        store = PostgresStore(UrlSource(empty_url), clock)
        yield store
        store.close()

    @pytest.fixture
    def peer(self, empty_url: str, clock: Clock) -> Iterator[PostgresStore]:
        peer = PostgresStore(UrlSource(empty_url), clock)
        yield peer
        peer.close()

    def test_a_remembered_place_is_where_the_claim_begins(self, store: PostgresStore) -> None:
        ids = add(store, *(job() for _ in range(4)))
        place = after(take(store, 2))
        add(store, job(priority=1))
        assert [each.id for each in take(store, after=place)] == ids[2:]

    def test_the_same_by_queues_here(self, store: PostgresStore) -> None:
        ids = add(store, *(job(queue="ab"[number % 2]) for number in range(4)))
        place = after(take(store, 2, queues=("a", "b")))
        add(store, job(queue="a", priority=1))
        assert [each.id for each in take(store, after=place, queues=("a", "b"))] == ids[2:]

    def test_what_a_long_transaction_ends_is_counted_when_it_is_committed(
        self, store: PostgresStore, empty_url: str, clock: Clock
    ) -> None:
        """It wrote its instant into history before others wrote theirs, and shows it after them."""
        (late,) = add(store, job(queue="slow"))
        with psycopg.connect(empty_url) as stranger:
            store.borrow(stranger).run(cancel([late], OURS))
            clock.advance(10)
            add(store, job())
            end_one(store, finish(take_one(store)))
            for _ in range(3):
                clock.advance(10)
                assert store.run(fold()) == 0
            stranger.commit()
        clock.advance(10)
        assert store.run(fold()) == 2
        with psycopg.connect(empty_url) as stranger:  # one that stays open is not waited for for ever
            (late,) = add(store, job(queue="slow"))
            store.borrow(stranger).run(cancel([late], OURS))
            for _ in range(3):
                clock.advance(40)
                store.run(fold())
            add(store, job())
            end_one(store, finish(take_one(store)))
            for _ in range(4):
                clock.advance(40)
                counted = store.run(fold())
                if counted:
                    break
            assert counted == 1


class TestPool(Enqueueing, Claiming, Leases, Endings, Repeats, Batches, Waking):
    """Connections that are not ours alone: settings last for one transaction."""

    @pytest.fixture
    def pool(self, empty_url: str, kept_pool: psycopg_pool.ConnectionPool[Any]) -> psycopg_pool.ConnectionPool[Any]:
        return kept_pool

    @pytest.fixture
    def store(self, pool: psycopg_pool.ConnectionPool[Any], clock: Clock) -> Iterator[PostgresStore]:
        store = PostgresStore(PoolSource(pool), clock)
        yield store
        store.close()

    def test_what_comes_back_to_the_pool_is_as_it_was(
        self, store: PostgresStore, pool: psycopg_pool.ConnectionPool[Any]
    ) -> None:
        add(store, job())
        end_one(store, finish(take_one(store)))
        with pool.connection() as connection:
            assert connection.autocommit is False
            assert connection.execute("show enable_seqscan").fetchone() == ("on",)


class TestStrangers:
    """Somebody's long transaction has rows locked: nobody waits for it."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, empty_url: str, clock: Clock) -> Iterator[PostgresStore]:
        store = PostgresStore(UrlSource(empty_url, options="-c statement_timeout=5000"), clock)
        yield store
        store.close()

    @pytest.fixture
    def stranger(self, empty_url: str) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(empty_url) as connection:
            yield connection
            connection.rollback()

    @pytest.mark.parametrize("make", [finish, requeue])
    def test_an_end_is_locked_then_done(self, store: PostgresStore, stranger: Any, make: Any) -> None:
        add(store, job(), job())
        locked, free = take(store)
        stranger.execute("select from holdfast.jobs where id = %s for update", [locked.id])
        assert end(store, make(locked), make(free)) == [Held.LOCKED, Held.DONE]
        assert see(store, locked.id).state == "running"
        stranger.rollback()
        assert end_one(store, make(locked)) is Held.DONE

    def test_a_renewal_is_locked_then_done(self, store: PostgresStore, stranger: Any) -> None:
        claimed = running(store)
        stranger.execute("update holdfast.jobs set metadata = '{}' where id = %s", [claimed.id])
        assert store.run(renew([(lease_of(claimed), 1.0)], LEASE)) == [Held.LOCKED]
        stranger.commit()
        assert store.run(renew([(lease_of(claimed), 1.0)], LEASE)) == [Held.DONE]

    def test_a_stale_token_is_lost_even_where_the_row_is_locked(self, store: PostgresStore, stranger: Any) -> None:
        claimed = running(store)
        end_one(store, requeue(claimed))
        take_one(store)
        stranger.execute("select from holdfast.jobs where id = %s for update", [claimed.id])
        assert end_one(store, finish(claimed)) is Held.LOST

    def test_duties_and_claims_pass_by(self, store: PostgresStore, clock: Clock, stranger: Any) -> None:
        ids = add(store, job(), job(), job(delay=1.0), job(delay=1.0))
        stranger.execute("select from holdfast.jobs where id = any(%s) for update", [[ids[0], ids[2]]])
        clock.advance(2)
        assert [each.id for each in take(store, 1)] == [ids[1]]
        assert store.run(duties.promote()).count == 1
        stranger.rollback()
        assert store.run(duties.promote()).count == 1
        claimed = take(store)
        assert [each.id for each in claimed] == [ids[0], ids[2], ids[3]]
        clock.advance(LEASE + 1)
        stranger.execute("select from holdfast.jobs where id = %s for update", [ids[0]])
        assert len(store.run(duties.rescue(judged))) == 3
        assert states(store, ids) == ["running", "ready", "ready", "ready"]

    def test_a_row_that_moves_meanwhile_is_tried_again(self, store: PostgresStore, stranger: Any) -> None:
        """Renewed by the lease lane between the look and the lock: the finish answers locked, and then done."""
        claimed = running(store)
        stranger.execute("update holdfast.jobs set lease_until = lease_until + '1 s' where id = %s", [claimed.id])
        assert end_one(store, finish(claimed)) is Held.LOCKED
        stranger.commit()
        assert end_one(store, finish(claimed)) is Held.DONE
