"""The commands on the pages exist, with the options they are shown with."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tests.docs.pages import ROOT, pages

from holdfast.cli.main import program

COMMAND = re.compile(r"(?:^ {4,}|`|# )holdfast ([a-z][^`\n]*)", re.MULTILINE)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(page: Path) -> None:
    for line in COMMAND.findall(page.read_text("utf-8")):
        found: Any = typer.main.get_command(program)
        words = line.split("  ")[0].split()
        while words and words[0] in getattr(found, "commands", {}):
            found = found.commands[words.pop(0)]
        assert not hasattr(found, "commands"), f"{page.name}: holdfast {line}"
        known = {option for each in found.params for option in (*each.opts, *each.secondary_opts)}
        assert {word for word in words if word.startswith("-")} <= known, f"{page.name}: holdfast {line}"
