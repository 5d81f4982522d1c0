"""Statements in files: the two folders say the same, and nothing in them is unknown, unused or unread."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

import holdfast.storage
from holdfast.storage.load import NOW, Sql, load, parse, with_schema
from holdfast.storage.postgres.arrays import WRITERS

SQLITE = load("holdfast.storage.sqlite", "", "?")
POSTGRES = load("holdfast.storage.postgres", "holdfast", "$")
STORAGE = Path(holdfast.storage.__file__).parent
LONGEST = 60
ONLY_POSTGRES = {"notify"}
"""SQLite's processes ring bells instead."""


def words_of_the_ops() -> set[str]:
    """Every text in the code of the storage room: the names of the statements that it runs are among them."""
    return {
        node.value
        for file in STORAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def named_in_calls() -> set[str]:
    """First arguments of `one(…)` and `Statement(…)`."""
    return {
        node.args[0].value
        for file in STORAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("one", "Statement")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def test_both_folders_have_it_with_the_same_signature() -> None:
    def heads(folder: Mapping[str, Sql]) -> dict[str, tuple[object, ...]]:
        return {name: (one.signature, one.mode, one.kind) for name, one in folder.items() if name not in ONLY_POSTGRES}

    assert heads(SQLITE) == heads(POSTGRES)


def test_some_op_uses_it() -> None:
    assert POSTGRES.keys() <= words_of_the_ops()


def test_every_statement_asked_for_is_there() -> None:
    assert named_in_calls() <= POSTGRES.keys()


def test_postgres_uses_every_value_and_knows_its_type() -> None:
    for name, statement in POSTGRES.items():
        (part,) = statement.parts
        places = (*statement.signature, NOW)
        assert {places[use] for use in part.uses} >= set(statement.signature), name
        assert "" not in part.types, name
        assert {cast for cast in part.types if cast.endswith("[]")} <= WRITERS.keys(), name


def test_sqlite_has_commands() -> None:
    for name, statement in SQLITE.items():
        assert statement.parts, name
        if statement.kind == "silent":
            whole = len(statement.parts) == 1 or all(part.given for part in statement.parts)
            assert whole, f"{name}: only the first command of a silent statement is run that takes one row at a time"


def test_every_file_says_what_it_is_for() -> None:
    for file in sorted(STORAGE.rglob("sql/*.sql")):
        lines = file.read_text("utf-8").splitlines()
        assert lines[0].startswith("-- "), file
        assert lines[0].strip().endswith((".", ",")) or lines[1].startswith("-- "), file
        assert sum(line.startswith("--:") for line in lines) == 1, file
        assert len(lines) <= LONGEST, file
        assert not [line for line in lines if line != line.rstrip()], file


def test_the_folders_have_the_same_files() -> None:
    assert POSTGRES.keys() - SQLITE.keys() == ONLY_POSTGRES
    assert SQLITE.keys() <= POSTGRES.keys()


# ---------------------------------------------------------------- parsing


def test_values_become_numbered_placeholders() -> None:
    found = parse("x", "-- A.\n--: one name, size\nselect :size::int4, :name::text, :size::int4", "", "$")
    assert found.signature == ("name", "size")
    assert found.parts[0].text == "select $1::int4, $2::text, $1::int4"
    assert (found.parts[0].uses, found.parts[0].types) == ((1, 0), ("int4", "text"))


def test_arrays_keep_their_brackets() -> None:
    found = parse("x", "--: rows id\nselect * from unnest(:id::uuid[])", "", "$")
    assert found.parts[0].text == "select * from unnest($1::uuid[])"
    assert found.parts[0].types == ("uuid[]",)


def test_now_is_always_there_and_comes_last() -> None:
    found = parse("x", "--: one id\nselect :now, :id", "", "?")
    assert (found.parts[0].text, found.parts[0].uses) == ("select ?1, ?2", (1, 0))


def test_several_commands_each_with_numbers_of_their_own() -> None:
    found = parse("x", "--: rows a, b\ndelete from t where b = :b;\nselect :a, :b;\n", "", "?")
    assert [part.text for part in found.parts] == ["delete from t where b = ?1", "select ?1, ?2"]
    assert [part.uses for part in found.parts] == [(1,), (0, 1)]


def test_casts_and_texts_are_no_values() -> None:
    found = parse("x", "--: one\nselect id::text, '{\"at\":' || 'a:b', '12:30'", "", "$")
    assert found.parts[0].text == "select id::text, '{\"at\":' || 'a:b', '12:30'"


def test_comments_are_not_sent() -> None:
    found = parse("x", "-- :nothing\n--: one\nselect 1\n    -- :nothing either\n, 2", "", "$")
    assert found.parts[0].text == "select 1\n, 2"


@pytest.mark.parametrize(("word", "kind"), [("", "write"), ("read ", "read"), ("silent ", "silent")])
@pytest.mark.parametrize("mode", ["rows", "one"])
def test_headers(word: str, kind: str, mode: str) -> None:
    found = parse("x", f"--: {word}{mode}\nselect 1", "", "$")
    assert (found.mode, found.kind, found.signature) == (mode, kind, ())


@pytest.mark.parametrize(
    "source", ["select 1", "--: two\nselect 1", "-- rows id\nselect 1", "--: rows id; x\nselect 1"]
)
def test_no_header_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"x\.sql: no signature"):
        parse("x", source, "", "$")


def test_a_value_outside_the_signature_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x\.sql: :other is not in the signature \(id, now\)"):
        parse("x", "--: one id\nselect :id, :other", "", "$")


def test_the_schema_is_put_in_quoted() -> None:
    assert (
        with_schema('select * from "holdfast".jobs, holdfast', 'my "own"')
        == 'select * from "my ""own""".jobs, holdfast'
    )
