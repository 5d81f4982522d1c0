"""Write the parts of the docs that the code already says: tables between `<!-- generated: NAME -->` and `<!-- end -->`.

`python tools/docs.py` writes them; the tests compare (`tests/docs/test_reference.py`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

from holdfast import config, errors
from holdfast.model import picture

DOCS = Path(__file__).resolve().parent.parent / "docs"
PART = re.compile(r"(<!-- generated: (\w+) -->\n)(?:.*?\n)??(<!-- end -->)", re.DOTALL)
ENTRY = re.compile(r"^    ([a-z_]+(?:, [a-z_]+)*): (.*(?:\n        .*)*)", re.MULTILINE)


def main() -> int:
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text("utf-8")
        made = generated(text)
        if made != text:
            page.write_text(made, "utf-8")
            print(f"wrote {page.relative_to(DOCS.parent)}")
    return 0


def generated(text: str) -> str:
    """A page with its generated parts made anew."""
    return PART.sub(lambda part: part[1] + "\n".join(PARTS[part[2]]()) + "\n" + part[3], text)


def entries(documented: type) -> dict[str, str]:
    """What a docstring says of each name: `name: meaning`, or `one, other: meaning` for both."""
    found: dict[str, str] = {}
    for names, meaning in ENTRY.findall(documented.__doc__ or ""):
        found.update(dict.fromkeys(names.split(", "), " ".join(meaning.split())))
    return found


def table(*rows: tuple[str, ...]) -> Iterator[str]:
    head, *rest = rows
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rest:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def settings() -> Iterator[str]:
    meanings = entries(config.Settings)
    rows = [
        (f"`{each.name}`", f"`HOLDFAST_{each.name.upper()}`", sentence(meanings[each.name]))
        for each in fields(config.Settings)
    ]
    return table(("setting", "environment", "meaning, and the default"), *rows)


def error_tree() -> Iterator[str]:
    yield "```text"
    yield (errors.__doc__ or "").partition("\n\n")[2].rstrip()
    yield "```"


def states() -> Iterator[str]:
    yield "```mermaid"
    yield picture.diagram()
    yield "```"


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if re.match(r"[a-z]+\b(?!_)", text) else text


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "settings": settings,
    "error_tree": error_tree,
    "states": states,
}


if __name__ == "__main__":
    sys.exit(main())
