"""What the pages show is run as it stands; what they link to is there."""

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, Block, Program, blocks, pages, programs

PROGRAMS = [program for page in pages() for program in programs(page)]
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.place)
def test_a_program_runs_and_prints_what_its_page_says(
    program: Program, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for name, text in program.files.items():
        (tmp_path / name).write_text(text, "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    if program.postgres:
        environment["HOLDFAST_URL"] = request.getfixturevalue("postgres_url")
    script = tmp_path / "page.py"
    script.write_text(program.source, "utf-8")
    command = [sys.executable, "-W", "error", script.name] if program.kind == "python" else ["sh", "-e", script.name]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{program.place}\n{done.stdout}{done.stderr}"
    if program.output is not None:
        assert done.stdout == program.output


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them in links."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    heads = re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize(
    "block",
    [block for page in pages() for block in blocks(page) if block.words[:1] == ("python",)],
    ids=lambda block: f"{block.page.relative_to(ROOT)}:{block.line}",
)
def test_python_is_python_and_takes_from_holdfast_what_is_there(block: Block) -> None:
    for node in ast.walk(ast.parse(block.body)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "holdfast":
            module = importlib.import_module(node.module or "")
            for name in node.names:
                assert hasattr(module, name.name), f"{block.page.name}:{block.line}: {node.module}.{name.name}"


def test_the_readme_shows_the_first_example_as_it_is() -> None:
    assert any(program.source == (ROOT / "examples/first_job/first_job.py").read_text() for program in PROGRAMS)
