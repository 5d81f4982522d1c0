"""Text at the edges: what a name may be, how a value looks in a message, foreign text made storable."""

import re

from holdfast.errors import InvalidOption

LONGEST_NAME = 255
LONGEST_STORED = 65_536

# Control characters (C0, DEL, C1), line and paragraph separators, and halves of surrogate pairs.
_UNFIT_FOR_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def shown(value: object, limit: int = 60) -> str:
    """`repr(value)` cut at `limit` characters; the type's name where `repr` itself fails.

    >>> shown("x" * 100, limit=8)
    "'xxxxxx…"
    """
    if isinstance(value, str | bytes):
        value = value[: limit + 1]
    try:
        text = repr(value)
    except Exception:  # a user's repr may raise anything; that of an int of 4,300 digits does
        text = f"<{type(value).__name__}>"
    text = text.encode("utf-8", "backslashreplace").decode().replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def check_name(value: object, what: str) -> str:
    """`value` if it may name a task, queue, tenant, tag or worker: 1 to 255 characters, none of control.

    Raises InvalidOption; `what` is its first word, such as "queue".
    """
    if not isinstance(value, str):
        raise InvalidOption(f"{what} must be text of 1 to {LONGEST_NAME} characters, not {shown(value)}")
    if not 0 < len(value) <= LONGEST_NAME:
        raise InvalidOption(f"{what} must have 1 to {LONGEST_NAME} characters, not {len(value)}")
    if _UNFIT_FOR_NAMES.search(value):
        raise InvalidOption(f"{what} must not hold control characters or lone surrogates: {shown(value)}")
    return value


def clean_text(text: str, limit: int = LONGEST_STORED) -> str:
    r"""Foreign text, such as an error's message, made storable on every database.

    NUL characters and lone surrogates become their escapes (`\x00`, `\udc80`); what is longer than `limit`
    bytes of UTF-8 loses its middle, for a traceback says most at its two ends.
    """
    if "\x00" in text:
        text = text.replace("\x00", "\\x00")
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit:
        return data.decode()
    gap = f"\n… {len(data) - limit} bytes left out …\n".encode()
    room = limit - len(gap)
    if room < 0:
        return data[:limit].decode("utf-8", "ignore")
    head, tail = data[: room // 2], data[len(data) - (room - room // 2) :]
    return head.decode("utf-8", "ignore") + gap.decode() + tail.decode("utf-8", "ignore")
