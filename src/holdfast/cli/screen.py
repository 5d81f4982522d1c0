"""The terminal: where output goes, and text that is safe to show there."""

import json
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile("[\t\n]")


def stdout() -> "Console":
    """A console on stdout; `is_terminal` tells whether people look at it."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def stderr() -> "Console":
    """A console on stderr, for what is not the answer itself."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(text: str) -> None:
    """A dim line on stderr, beside the answer itself."""
    stderr().print(printable(text), style="dim", soft_wrap=True)


def printable(text: str, *, lines: bool = False) -> str:
    r"""Foreign text with its control characters escaped, so that it cannot steer a terminal.

    lines: leave tabs and line ends as they are.

    >>> printable("red \x1b[31m\n")
    'red \\x1b[31m\\n'
    """
    text = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return text if lines else _BREAKS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(document, indent=2, ensure_ascii=not unicode))
