"""Database URLs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import ConfigError
from holdfast.model.url import PostgresUrl, SqliteUrl, parse_url, scrub


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("sqlite:///app.db", SqliteUrl("app.db")),
        ("sqlite:///a%20b/app.db", SqliteUrl("a b/app.db")),
        ("sqlite:////var/app.db", SqliteUrl("/var/app.db")),
        ("sqlite:///C:/app.db", SqliteUrl("C:/app.db")),
        ("sqlite:///app.db?timeout=5&x=", SqliteUrl("app.db", {"timeout": "5", "x": ""})),
        ("sqlite://", SqliteUrl(None)),
        ("sqlite:///:memory:", SqliteUrl(None)),
        ("SQLite+aiosqlite:///app.db", SqliteUrl("app.db")),
        ("postgresql://", PostgresUrl("postgresql://")),
        ("postgres://ann:x@db:5432/app?sslmode=require", PostgresUrl("postgresql://ann:x@db:5432/app?sslmode=require")),
        ("postgresql+psycopg://h1:1,h2:2/app", PostgresUrl("postgresql://h1:1,h2:2/app")),
        ("postgresql+asyncpg:///app?host=/run/pg", PostgresUrl("postgresql:///app?host=/run/pg")),
    ],
)
def test_what_a_url_names(url: str, database: Any) -> None:
    assert parse_url(url) == database


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "a database URL is one of sqlite:///relative.db"),
        ("app.db", "a database URL is one of"),
        ("mysql://root@host/app", "a database URL is one of .*postgresql://.*; not 'mysql://root@host/app'"),
        ("sqlite:app.db", "a database URL is one of"),
        ("sqlite://app.db", "as in sqlite:///app.db"),
        ("sqlite://:memory:", "as in sqlite:///:memory:"),
        ("sqlite:///", "names a file"),
        ("sqlite:////var/", "names a file"),
        ("sqlite:///a%00b", "names a file"),
        ("sqlite:///a\x00b", "no control characters"),
        ("postgresql://a\nb", "no control characters"),
        ("postgresql://\ud800", "no control characters"),
    ],
)
def test_a_url_that_cannot_work_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        parse_url(url)
    str(raised.value).encode()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/a:b@c.db", "sqlite:////var/a:b@c.db"),
        ("postgresql://ann@db:5432/app", "postgresql://ann@db:5432/app"),
        ("postgresql://db:5432/app?sslmode=require", "postgresql://db:5432/app?sslmode=require"),
        ("postgresql://[::1]:5432/app", "postgresql://[::1]:5432/app"),
        ("postgresql://h1:1,h2:2/app", "postgresql://h1:1,h2:2/app"),
        ("postgresql://ann:s3cret@db/app", "postgresql://ann:***@db/app"),
        ("postgresql://:s3cret@db/app", "postgresql://:***@db/app"),
        ("postgresql://ann:s3c/r@e:t@db/app", "postgresql://ann:***@db/app"),
        ("postgresql://ann:s3cret", "postgresql://ann:***"),
        ("postgresql://db/app?user=ann&password=s3cret", "postgresql://db/app?user=ann&password=***"),
        ("postgresql://db/app?sslpassword=s3cret&x=1", "postgresql://db/app?sslpassword=***&x=1"),
        ("host=db password='s3 cret' user=ann", "host=db password=*** user=ann"),
    ],
)
def test_passwords_are_hidden(url: str, shown: str) -> None:
    assert scrub(url) == shown


@given(st.text(max_size=60) | st.from_regex(r"(sqlite|postgres(ql)?|mysql)(\+\w+)?:/{0,4}[^\x00]{0,9}", fullmatch=True))
def test_any_text_is_a_url_or_a_configuration_error(text: str) -> None:
    try:
        parse_url(text)
    except ConfigError as error:
        str(error).encode()


@given(st.text("s3cret:/?#@[]%&= ", min_size=1, max_size=12))
def test_no_message_shows_a_password(password: str) -> None:
    password = f"hush{password}hush"
    for url in (f"mysql://ann:{password}@db/app", f"postgresql://ann:{password}@db/\x00"):
        with pytest.raises(ConfigError) as raised:
            parse_url(url)
        assert "hush" not in str(raised.value)
    assert "hush" not in repr(parse_url(f"postgresql://ann:{password}@db/app"))
