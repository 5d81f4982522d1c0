"""Log lines of a process that runs for long: one line for each record, on stderr."""

import logging
import sys
from datetime import UTC, datetime

from holdfast.config import LEVELS as LEVELS
from holdfast.errors import InvalidOption

_COLOURS = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
_CHATTY = ("asyncio", "psycopg", "psycopg.pool")


class LineFormatter(logging.Formatter):
    """`2026-01-01 09:30:00.123Z INFO     message`, with the logger's name where it is not ours."""

    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def formatMessage(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        level = f"{record.levelname:<8}"
        if self._colour and record.levelname in _COLOURS:
            level = f"\x1b[{_COLOURS[record.levelname]}m{level}\x1b[0m"
        name = "" if record.name.partition(".")[0] == "holdfast" else f"{record.name}: "
        return f"{at:%Y-%m-%d %H:%M:%S}.{int(record.msecs):03d}Z {level} {name}{record.message}"


def configure(level: str | None, verbose: int) -> None:
    """Log to stderr; a program that has set up its own logging on import keeps that.

    level: of everything, the app's own setting otherwise. `verbose` alone means DEBUG.

    Raises InvalidOption for a level that does not exist.
    """
    if level is not None and level.lower() not in LEVELS:
        raise InvalidOption(f"--log-level is one of {', '.join(LEVELS)}, not {level!r}")
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(LineFormatter(_wants_colour()))
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
