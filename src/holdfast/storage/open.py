"""Which store a URL, a pool, an engine or a function means."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from holdfast.clock import Clock
from holdfast.config import Settings
from holdfast.errors import ConfigError
from holdfast.model.url import SqliteUrl, parse_url
from holdfast.storage.base import Store


def open_store(
    settings: Settings,
    clock: Clock,
    *,
    pool: Any = None,
    engine: Any = None,
    connect: Callable[[], Any] | None = None,
) -> Store:
    """The store, with nothing opened yet. At most one of `pool`, `engine` and `connect` takes the URL's place."""
    given = [name for name, value in (("pool", pool), ("engine", engine), ("connect", connect)) if value is not None]
    if len(given) > 1:
        raise ConfigError(f"give one of pool, engine and connect, not {' and '.join(given)}")
    conninfo = ""
    if not given:
        url = parse_url(settings.url)
        conninfo = "" if isinstance(url, SqliteUrl) else url.conninfo
        if isinstance(url, SqliteUrl):
            from holdfast.storage.sqlite.store import SqliteStore

            path = None if url.path is None else Path(url.path)
            return SqliteStore(path, clock, url.options, settings.migrate is not False)
    _require_driver()
    from holdfast.storage.postgres import source
    from holdfast.storage.postgres.store import PostgresStore

    if pool is not None:
        found: source.Source = source.PoolSource(pool)
    elif engine is not None:
        found = source.EngineSource(engine)
    elif connect is not None:
        found = source.CallableSource(connect)
    else:
        found = source.UrlSource(conninfo)
    listen = None if settings.listen_url is None else source.UrlSource(settings.listen_url)
    return PostgresStore(found, clock, settings.schema, bool(settings.migrate), listen)


def _require_driver() -> None:
    try:
        import_module("holdfast.storage.postgres.session")
    except ImportError as error:
        raise ConfigError(f"PostgreSQL needs its driver ({error}): pip install 'holdfast[postgres]'") from error


def migration_sql(schema: str = "holdfast") -> list[str]:
    """The SQL that makes PostgreSQL's tables, statement by statement, for other migration tools.

    schema: the schema to make them in, "holdfast".

    >>> print(";\\n".join(migration_sql()))
    """
    _require_driver()
    from holdfast.storage.postgres.schema import migration_sql

    return migration_sql(Settings.load(schema=schema).schema)
