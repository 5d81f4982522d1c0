"""Log lines of a process that runs for long: one line for each record, on stderr."""

import json
import logging
import sys
from datetime import UTC, datetime

from holdfast.config import LEVELS as LEVELS
from holdfast.errors import InvalidOption

_COLOURS = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
_CHATTY = ("asyncio", "psycopg", "psycopg.pool")


class LineFormatter(logging.Formatter):
    """`2026-01-01 09:30:00.123Z INFO     message`, with the logger's name where it is not ours.

    process: the name of this one among several, shown before the message.
    """

    def __init__(self, colour: bool, process: str | None = None) -> None:
        super().__init__()
        self._colour = colour
        self._process = "" if process is None else f"{process:<10} "

    def formatMessage(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname:<8}"
        if self._colour and record.levelname in _COLOURS:
            level = f"\x1b[{_COLOURS[record.levelname]}m{level}\x1b[0m"
        return f"{_at(record)} {level} {self._process}{_named(record)}{record.message}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `at, level, logger, process, pid, message`, and `event`, `traceback` where there are."""

    def __init__(self, process: str | None = None) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, object] = {
            "at": _at(record).replace(" ", "T"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            "pid": record.process,
            "message": record.getMessage(),
            "event": getattr(record, "holdfast_event", None),
            "traceback": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in facts.items() if value is not None})


def _at(record: logging.LogRecord) -> str:
    return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%d %H:%M:%S}.{int(record.msecs):03d}Z"


def _named(record: logging.LogRecord) -> str:
    return "" if record.name.partition(".")[0] == "holdfast" else f"{record.name}: "


def configure(level: str | None, verbose: int, process: str | None = None, as_json: bool = False) -> None:
    """Log to stderr; a program that has set up its own logging on import keeps that.

    level: of everything, the app's own setting otherwise. `verbose` alone means DEBUG.
    process: the name of this one among several.
    as_json: one JSON object a line.

    Raises InvalidOption for a level that does not exist.
    """
    if level is not None and level.lower() not in LEVELS:
        raise InvalidOption(f"--log-level is one of {', '.join(LEVELS)}, not {level!r}")
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter(process) if as_json else LineFormatter(_wants_colour(), process))
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.INFO)
    asked = level.upper() if level is not None else "DEBUG" if verbose else None
    if asked is not None:
        root.setLevel(asked)
        logging.getLogger("holdfast").setLevel(asked)


def _wants_colour() -> bool:
    from holdfast.cli.screen import stderr

    console = stderr()
    return console.is_terminal and console.color_system is not None
