"""Write the parts of the docs that the code already says: tables between `<!-- generated: NAME -->` and `<!-- end -->`.

`python tools/docs.py` writes them; the tests compare (`tests/docs/test_reference.py`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer.main

from holdfast import config, errors
from holdfast.cli.main import program
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


def commands() -> Iterator[str]:
    """Every command with its own options; those that all take stand once, above."""
    root: Any = typer.main.get_command(program)
    yield from _options([each for each in root.params if each.name not in ("help", "version")])
    for path, command in sorted(_leaves(root, ())):
        yield ""
        yield f"## holdfast {' '.join(path)}"
        yield ""
        yield " ".join((command.help or "").split("\n\n")[0].split())
        yield ""
        arguments = [_argument(each) for each in command.params if each.param_type_name == "argument"]
        yield f"    holdfast {' '.join((*path, *arguments))}"
        own = [each for each in command.params if each.param_type_name == "option" and each.name not in SHARED]
        if own:
            yield ""
            yield from _options(own)


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    found: dict[str, Any] = getattr(command, "commands", {})
    for name, each in found.items():
        if hasattr(each, "commands"):
            yield from _leaves(each, (*path, name))
        else:
            yield (*path, name), each


def _options(options: list[Any]) -> Iterator[str]:
    rows = [(" ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts)), _value(each), each.help or "")
            for each in options]  # fmt: skip
    return table(("option", "value", "meaning"), *rows)


def _argument(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return (name if argument.required else f"[{name}]") + ("..." if argument.nargs == -1 else "")


def _value(option: Any) -> str:
    return "" if option.is_flag or option.count else f"`{option.metavar}`" if option.metavar else ""


def states() -> Iterator[str]:
    yield "```mermaid"
    yield picture.diagram()
    yield "```"


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if re.match(r"[a-z]+\b(?!_)", text) else text


SHARED = ("help", "url", "schema", "verbose")
"""Options that every command takes."""

PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "settings": settings,
    "error_tree": error_tree,
    "states": states,
}


if __name__ == "__main__":
    sys.exit(main())
