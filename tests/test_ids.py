"""Ids: UUIDv7, ever growing, unique over threads and forks."""

import os
import threading
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast import ids
from holdfast.clock import machine_micros
from holdfast.errors import InvalidOption
from holdfast.ids import check_id, new_id


def test_an_id_is_a_uuid_of_version_7_that_says_when_it_was_made() -> None:
    before = machine_micros() // 1000
    made = uuid.UUID(new_id())
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= machine_micros() // 1000 + 1


def test_ids_of_one_process_grow() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_ids_grow_while_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([2_000_000_000_000_000, 1_000_000_000_000_000, 2_000_000_000_000_999, 3_000_000_000_000_000])
    monkeypatch.setattr(ids, "_generate", ids._Generator())
    monkeypatch.setattr(ids, "machine_micros", lambda: next(moments))
    made = [new_id() for _ in range(4)]
    assert made == sorted(set(made))


def test_a_full_counter_moves_on_to_the_next_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    generate = ids._Generator()
    monkeypatch.setattr(ids, "machine_micros", lambda: 1_700_000_000_000_000)
    first = generate()
    generate._counter = (1 << 74) - 1
    second = uuid.UUID(generate())
    assert second.version == 7
    assert second.int >> 80 == (uuid.UUID(first).int >> 80) + 1


def test_threads_never_make_the_same_id() -> None:
    made: list[list[str]] = [[] for _ in range(8)]

    def make(into: list[str]) -> None:
        into.extend(new_id() for _ in range(3_000))

    threads = [threading.Thread(target=make, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each for into in made for each in into}) == 24_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a platform without fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_repeat_its_parent() -> None:
    new_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, "\n".join(new_id() for _ in range(200)).encode())
        os._exit(0)
    mine = {new_id() for _ in range(200)}
    os.waitpid(child, 0)
    theirs = set(os.read(reader, 100_000).decode().split("\n"))
    os.close(reader)
    os.close(writer)
    assert len(theirs) == 200
    assert not mine & theirs


@given(st.uuids())
def test_every_spelling_of_a_uuid_is_one_id(value: uuid.UUID) -> None:
    canonical = str(value)
    assert check_id(value) == check_id(canonical) == check_id(value.hex.upper()) == canonical


@pytest.mark.parametrize(
    "value",
    [
        "",
        "7",
        "x" * 36,
        "0190163d-8694-79b5-8c1d-4f0e2a7b6c5",
        "0190163d-8694-79b5-8c1d-4f0e2a7b6c5d\n",
        "{0190163d-8694-79b5-8c1d-4f0e2a7b6c5d}",
        "0190163d_8694_79b5_8c1d_4f0e2a7b6c5d",
        "٠" * 32,
        "\ud800" * 32,
        "x" * 1_000_000,
        None,
        7,
        b"0190163d869479b58c1d4f0e2a7b6c5d",
    ],
)
def test_what_is_no_uuid_is_refused_in_a_short_message(value: Any) -> None:
    with pytest.raises(InvalidOption, match="a job id is a UUID such as") as raised:
        check_id(value)
    str(raised.value).encode()
    assert len(str(raised.value)) < 200
