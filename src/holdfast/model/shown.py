"""How a value appears in a message: short, on one line, and never failing."""


def shown(value: object, limit: int = 60) -> str:
    """`repr(value)` cut at `limit` characters; the type's name where `repr` itself fails.

    >>> shown("x" * 100, limit=8)
    "'xxxxxx…"
    """
    if isinstance(value, str | bytes):
        value = value[: limit + 1]
    try:
        text = repr(value)
    except Exception:  # a repr written by users may raise anything, and ints of 4,300 digits do
        text = f"<{type(value).__name__}>"
    text = text.encode("utf-8", "backslashreplace").decode().replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"
