"""Settings, each from the first that gives it: an argument, the environment, pyproject.toml, the default.

    Holdfast(schema="jobs")   HOLDFAST_SCHEMA=jobs   [tool.holdfast] schema = "jobs"   "holdfast"

The file is the nearest pyproject.toml at or above the working directory, read when settings are first resolved.
An empty variable counts as not given.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from typing_extensions import TypedDict, Unpack

from holdfast.errors import ConfigError, InvalidOption
from holdfast.model.duration import Duration, seconds
from holdfast.model.text import check_name, shown
from holdfast.model.url import SqliteUrl
from holdfast.model.url import parse_url as parse_url

DEFAULT_URL = "sqlite:///holdfast.db"
DEFAULT_GRACE = 30.0
"""Seconds that running bodies get to end when a worker stops."""

MOST_SLOTS = 10_000
SHORTEST_LEASE = 1.0
SHORTEST_POLL = 0.01
LEAST_MEMORY = 64 * 1024**2
LEVELS = ("debug", "info", "warning", "error", "critical")

_SIZE = re.compile(r"(\d{1,15})\s*(?:([KMGT])I?B?|B)?", re.ASCII)
_SCHEMA = re.compile(r"(?=.{1,63}\Z)[A-Za-z_](?:[\w. -]*[\w.-])?", re.ASCII)


class _Arguments(TypedDict, total=False):
    schema: str | None
    listen_url: str | Callable[[], str] | None
    migrate: bool | None
    log_level: str | None
    queues: Iterable[str] | Mapping[str, int | None] | None
    concurrency: int | None
    poll_interval: Duration | None
    lease: Duration | None
    name: str | None
    deployment: str | None
    processes: int | None
    max_jobs: int | None
    max_memory: int | str | None
    cpu_slots: int | None
    cpu_jobs: int | None
    cpu_memory: int | str | None


class SettingArguments(_Arguments, total=False, closed=True):
    """Settings as arguments; None counts as not given. Settings says what each means."""


class AllArguments(_Arguments, total=False, closed=True):
    """The same with the URL, which an app takes as its first argument."""

    url: str | Callable[[], str] | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings of an app and of a worker.

    url: the database, `sqlite:///holdfast.db`; an argument may be a function that answers it.
    schema: the PostgreSQL schema of Holdfast's tables, at most 63 bytes, "holdfast"; SQLite has none.
    listen_url: where to hear of new work if `url` leads through a pooler: the server's own URL, or a function that
        answers it; None: `url`.
    migrate: whether opening the database also migrates it; None: SQLite yes, PostgreSQL no.
    log_level: "debug", "info", "warning", "error" or "critical"; None: logging is left as it is.
    queues: the queues a worker serves, each with its share of slots or None; None: all queues.
    concurrency: jobs a worker runs at once, 1 to 10,000, 10.
    poll_interval: the longest time between two looks for jobs, from 10 ms, 1 s.
    lease: how long a claim lasts when its worker is not heard of, from 1 s, 30 s.
    name: what people see the worker called; it identifies nothing.
    deployment: what this program is called among those that share the database: a schedule that its code declares is
        then removed by workers of this name alone, once their code declares it no more; None: by any that has its task.
    processes: worker processes that `holdfast worker` or `run_worker` keeps at work; None: it works itself.
    max_jobs: attempts after which such a process is replaced; None: never.
    max_memory: memory at which it is replaced (Linux), "2GB" or bytes, from 64 MB; None: never.
    cpu_slots: `cpu=True` bodies a worker runs at once, each in a process; None: as many as the machine has processors,
        shared among `processes`.
    cpu_jobs: jobs after which such a process is replaced, 1000.
    cpu_memory: memory it may allocate, "2GB" or bytes, from 64 MB; None: no limit.
    """

    url: str = field(default=DEFAULT_URL, repr=False)
    schema: str = "holdfast"
    listen_url: str | Callable[[], str] | None = field(default=None, repr=False)
    migrate: bool | None = None
    log_level: str | None = None
    queues: Mapping[str, int | None] | None = None
    concurrency: int = 10
    poll_interval: float = 1.0
    lease: float = 30.0
    name: str | None = None
    deployment: str | None = None
    processes: int | None = None
    max_jobs: int | None = None
    max_memory: int | None = None
    cpu_slots: int | None = None
    cpu_jobs: int = 1000
    cpu_memory: int | None = None

    @property
    def supervised(self) -> bool:
        """Whether workers run in processes of their own, which a supervisor looks after."""
        return self.processes is not None or self.max_jobs is not None or self.max_memory is not None

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        directory: Path | None = None,
        **arguments: Unpack[AllArguments],
    ) -> "Settings":
        """Resolve all settings; ConfigError names the argument, variable or file that cannot be used.

        environ, directory: where to look instead of the environment and the working directory.
        """
        environ = os.environ if environ is None else environ
        file, table = read_pyproject(Path.cwd() if directory is None else directory)
        found: dict[str, Any] = {}
        for name, check in _CHECKS.items():
            variable = f"HOLDFAST_{name.upper()}"
            if arguments.get(name) is not None:
                found[name] = _checked(check, arguments.get(name), f"argument {name}")
            elif environ.get(variable):
                found[name] = _checked(check, environ[variable], f"environment variable {variable}")
            elif name in table:
                found[name] = _checked(check, table[name], f"{file}, [tool.holdfast] {name}")
        return cls(**found)


def read_pyproject(directory: Path) -> tuple[Path | None, Mapping[str, Any]]:
    """The nearest pyproject.toml and its `[tool.holdfast]`, read once per directory."""
    return _read_pyproject(directory.absolute())


@cache
def _read_pyproject(directory: Path) -> tuple[Path | None, Mapping[str, Any]]:
    for folder in (directory, *directory.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            return file, MappingProxyType(_read_table(file))
    return None, MappingProxyType({})


def _read_table(file: Path) -> dict[str, Any]:
    try:
        table: Any = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("holdfast", {})
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    if not isinstance(table, dict):
        raise ConfigError(f"{file}: [tool.holdfast] must be a table")
    known = cast("dict[str, Any]", table)
    for name in known:
        if name not in _CHECKS:
            raise ConfigError(f"{file}: [tool.holdfast] has no setting {shown(name)}; there are {', '.join(_CHECKS)}")
    return known


def _checked(check: Callable[[Any], Any], value: Any, source: str) -> Any:
    try:
        return check(value)
    except (InvalidOption, ConfigError) as error:
        raise ConfigError(f"{source}: {error}") from error


def _check_url(value: Any) -> str:
    url = value() if callable(value) else value
    if not isinstance(url, str):
        raise ConfigError(f"a database URL must be text, not {type(url).__name__}")
    parse_url(url)
    return url


def _check_listen_url(value: Any) -> str | Callable[[], str]:
    """A function is asked at every opening, for the password may be another one by then."""
    if callable(value):
        return cast("Callable[[], str]", value)
    if not isinstance(value, str):
        raise ConfigError(f"a database URL must be text, not {type(value).__name__}")
    url = parse_url(value)
    if isinstance(url, SqliteUrl):
        raise ConfigError("wake-ups are heard from PostgreSQL: give a postgresql:// URL")
    return url.conninfo


def _check_schema(value: Any) -> str:
    if (
        not isinstance(value, str)
        or not _SCHEMA.fullmatch(value)
        or value.startswith("pg_")
        or value == "information_schema"
    ):
        raise ConfigError(
            "a schema's name is 1 to 63 letters (a to z), digits, underscores, hyphens, dots and blanks, begins with a "
            "letter or an underscore, does not end with a blank, and is none of the server's own (pg_…, "
            f"information_schema); not {shown(value)}"
        )
    return value


def _check_flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else ""
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise ConfigError(f"expected true or false, not {shown(value)}")


def _check_level(value: Any) -> str:
    level = value.strip().lower() if isinstance(value, str) else ""
    if level not in LEVELS:
        raise ConfigError(f"expected one of {', '.join(LEVELS)}, not {shown(value)}")
    return level


def _check_slots(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}\s*", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_SLOTS:
        raise ConfigError(f"expected a whole number from 1 to {MOST_SLOTS}, not {shown(value)}")
    return value


def _check_share(value: Any) -> int | None:
    return None if value is None else _check_slots(value)


def _check_queues(value: Any) -> Mapping[str, int | None]:
    """Names, a mapping of names to slots (None: as many as there are), or the text `mail,reports=2`."""
    if isinstance(value, str):
        return _check_queue_text(value)
    if isinstance(value, Mapping):
        slots = cast("Mapping[object, object]", value)
        return MappingProxyType({check_name(name, "queue"): _check_share(size) for name, size in slots.items()})
    if not isinstance(value, Iterable):
        raise ConfigError(f"expected names of queues, or a mapping of names to slots, not {shown(value)}")
    names = cast("Iterable[object]", value)
    return MappingProxyType({check_name(name, "queue"): None for name in names})


def _check_queue_text(text: str) -> Mapping[str, int | None]:
    found: dict[str, int | None] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, separator, size = part.partition("=")
        found[check_name(name.strip(), "queue")] = _check_slots(size) if separator else None
    return MappingProxyType(found)


def _at_least(shortest: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        number = seconds(value, "it")
        if number < shortest:
            raise ConfigError(f"expected at least {shortest:g} s, not {shown(value)}")
        return number

    return check


def _check_worker(value: Any) -> str:
    return check_name(value, "a worker's name")


def _check_jobs(value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if isinstance(value, bool | float) or number < 1:
        raise ConfigError(f"expected a whole number from 1, not {shown(value)}")
    return number


def _check_memory(value: Any) -> int:
    """Bytes, also as text: `500MB`, `2GB`; a kilobyte is 1024 bytes."""
    found = _SIZE.fullmatch(str(value).strip().upper())
    number = int(found[1]) * 1024 ** " KMGT".index(found[2] or " ") if found and not isinstance(value, bool) else 0
    if number < LEAST_MEMORY:
        raise ConfigError(f"expected bytes or a size such as 2GB, 64MB at least, not {shown(value)}")
    return number


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "url": _check_url,
    "schema": _check_schema,
    "listen_url": _check_listen_url,
    "migrate": _check_flag,
    "log_level": _check_level,
    "queues": _check_queues,
    "concurrency": _check_slots,
    "poll_interval": _at_least(SHORTEST_POLL),
    "lease": _at_least(SHORTEST_LEASE),
    "name": _check_worker,
    "deployment": lambda value: check_name(value, "a deployment's name"),
    "processes": _check_slots,
    "max_jobs": _check_jobs,
    "max_memory": _check_memory,
    "cpu_slots": _check_slots,
    "cpu_jobs": _check_jobs,
    "cpu_memory": _check_memory,
}
