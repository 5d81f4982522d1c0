"""Database URLs: which database one names, and how it may be shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from holdfast.errors import ConfigError
from holdfast.model.text import shown

_FORMS = "sqlite:///relative.db, sqlite:////absolute.db, sqlite:///:memory:, postgresql://user@host/name"
_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_USER_PASSWORD = re.compile(r"(://[^:@/?#\[\]]*):.*@", re.DOTALL)
_LOST_PASSWORD = re.compile(r"(://[^:@/?#\[\],]*):(?!\*\*\*@|\d*(?:[,/?#]|$))[^/?#]*")
_NAMED_SECRET = re.compile(
    r"((?:^|[?&\s])\w*(?:pass|secret|token)\w*\s*=\s*)('(?:\\.|[^'\\])*'|[^&\s]*)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class SqliteUrl:
    """A SQLite file, by its path as written, or a private database in memory (path None)."""

    path: str | None
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A PostgreSQL server, as a libpq URL; not shown, for it may hold a password."""

    conninfo: str = field(repr=False)


def parse_url(url: str) -> SqliteUrl | PostgresUrl:
    """What a database URL names; ConfigError, never showing a password, for one that cannot work.

    >>> parse_url("sqlite:///app.db?timeout=5")
    SqliteUrl(path='app.db', options={'timeout': '5'})
    """
    if _UNFIT.search(url):
        raise ConfigError(f"a database URL holds no control characters: {shown(scrub(url), 120)}")
    scheme, separator, rest = url.strip(" ").partition("://")
    backend, _, _ = scheme.lower().partition("+")
    if separator and backend == "sqlite":
        return _parse_sqlite(rest, url)
    if separator and backend in ("postgresql", "postgres"):
        return PostgresUrl(f"postgresql://{rest}")
    raise ConfigError(f"a database URL is one of {_FORMS}; not {shown(scrub(url), 120)}")


def scrub(url: str) -> str:
    """The URL with its passwords hidden, for messages and logs; rather too much than too little.

    >>> scrub("postgresql://ann:secret@db/app?sslpassword=x")
    'postgresql://ann:***@db/app?sslpassword=***'
    """
    url = _USER_PASSWORD.sub(r"\1:***@", url)
    url = _LOST_PASSWORD.sub(r"\1:***", url)
    return _NAMED_SECRET.sub(r"\1***", url)


def _parse_sqlite(rest: str, url: str) -> SqliteUrl:
    place, _, query = rest.partition("?")
    path = unquote(place, errors="surrogateescape")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if path in ("", "/:memory:"):
        return SqliteUrl(None, options)
    if not path.startswith("/"):
        raise ConfigError(f"three slashes come before a path, as in sqlite:///{path}; not {shown(scrub(url), 120)}")
    if path == "/" or path.endswith("/") or "\x00" in path:
        raise ConfigError(f"a SQLite URL names a file, as in sqlite:///holdfast.db; not {shown(scrub(url), 120)}")
    return SqliteUrl(path[1:], options)
