"""Text at the edges: names, values in messages, foreign text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import InvalidOption
from holdfast.model.text import check_name, clean_text, shown

any_text = st.text(st.characters(exclude_categories=()), max_size=300)


class Huge:
    def __repr__(self) -> str:
        return repr(10**5000)


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "'a'"), (Hostile(), "<Hostile>"), (Huge(), "<Huge>"), ("\ud800", r"'\ud800'"), (None, "None")],
)
def test_a_value_in_a_message(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_long_value_is_cut() -> None:
    assert shown("x" * 100, limit=8) == "'xxxxxx…"
    assert len(shown(list(range(1000)))) == 60


@pytest.mark.parametrize("name", ["a", "x" * 255, "mail.v1", "Größe", "日本", "a b", "🙂"])
def test_names(name: str) -> None:
    assert check_name(name, "queue") == name


@pytest.mark.parametrize("name", ["", "x" * 256, "a\nb", "a\x00", "\x7f", "\x85", "\u2028", "\ud800", None, 7, b"a"])
def test_names_that_are_refused(name: Any) -> None:
    with pytest.raises(InvalidOption, match=r"^queue must "):
        check_name(name, "queue")


@given(any_text, st.integers(10, 200))
def test_cleaned_text_fits_and_can_be_stored(text: str, limit: int) -> None:
    clean = clean_text(text, limit)
    assert len(clean.encode()) <= limit
    assert "\x00" not in clean


def test_cleaning_leaves_good_text_alone_and_escapes_the_rest() -> None:
    assert clean_text("Größe\n🙂") == "Größe\n🙂"
    assert clean_text("a\x00b\udc80") == r"a\x00b\udc80"


def test_long_text_keeps_its_two_ends() -> None:
    clean = clean_text("first" + "é" * 100_000 + "last")
    assert clean.startswith("firsté")
    assert clean.endswith("élast")
    assert "bytes left out" in clean
    assert len(clean.encode()) <= 65_536
