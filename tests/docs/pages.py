"""The project's pages, and the code blocks in them.

```python run              a program of its own, run in an empty folder
```python run postgres     the same, with HOLDFAST_URL naming a PostgreSQL database
```python more             goes on with the program before it
```python file=jobs.py     a file that the programs after it on this page find beside them
```output                  what the program before it prints
```sh run                  commands, run after the programs before it, in the same folder
```python                  is only compiled
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL)


@dataclass
class Program:
    """Code to run, the files it needs, and what it prints (None: anything)."""

    page: Path
    line: int
    kind: str
    source: str
    postgres: bool = False
    files: dict[str, str] = field(default_factory=dict[str, str])
    output: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Block:
    """One fenced block: its words after the fence, and its text."""

    page: Path
    line: int
    words: tuple[str, ...]
    body: str


def pages() -> list[Path]:
    """Every page of the project that people read."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text("utf-8")
    found: list[Block] = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        indent = match["indent"]
        body = "".join(part.removeprefix(indent) for part in match["body"].splitlines(keepends=True))
        found.append(Block(page, line, tuple(match["info"].split()), body))
    return found


def programs(page: Path) -> list[Program]:
    """The programs of a page, in order."""
    found: list[Program] = []
    files: dict[str, str] = {}
    for block in blocks(page):
        match block.words:
            case ("python" | "sh" as kind, "run", *rest):
                found.append(Program(page, block.line, kind, block.body, "postgres" in rest, dict(files)))
            case ("python", "more"):
                found[-1].source += block.body
            case ("python", named) if named.startswith("file="):
                files[named.removeprefix("file=")] = block.body
            case ("output",):
                found[-1].output = block.body
    return found
