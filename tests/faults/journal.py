"""What processes say themselves of what they did: lines that survive SIGKILL.

Each process appends to a file of its own with one write per line, so no line is torn and nothing waits in a buffer.
It is independent of the database: what the database claims is checked against it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Journal:
    """The journal of this process. Opened anew in every process: see `open_here`."""

    def __init__(self, folder: str) -> None:
        self._file = os.open(Path(folder) / f"{os.getpid()}.journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, kind: str, **details: Any) -> None:
        line = {"kind": kind, "pid": os.getpid(), "at": time.time_ns() // 1000, **details}
        os.write(self._file, (json.dumps(line) + "\n").encode())


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a body: from `begun` to `ended` (None: it never got there). Instants are microseconds."""

    job: str
    token: int
    attempt: int
    pid: int
    begun: int
    ended: int | None
    how: str | None


def lines(folder: Path, *kinds: str) -> Iterator[dict[str, Any]]:
    """All lines of these kinds that all processes wrote, each process's in its order."""
    for file in sorted(folder.glob("*.journal")):
        for text in file.read_bytes().splitlines():
            line = json.loads(text)
            if not kinds or line["kind"] in kinds:
                yield line


def boot_of(folder: Path, pid: int) -> str | None:
    """The identity of the worker in this process, once it has one."""
    file = folder / f"{pid}.journal"
    text = file.read_bytes().splitlines() if file.exists() else []
    return next((line["boot"] for line in map(json.loads, text[:1]) if line["kind"] == "boot"), None)


def runs(folder: Path) -> list[Run]:
    """All executions of bodies, by time of their beginning."""
    begun: dict[tuple[str, int, int], dict[str, Any]] = {}
    found: list[Run] = []
    for line in lines(folder, "begin", "end"):
        key = (line["job"], line["token"], line["pid"])
        if line["kind"] == "begin":
            begun[key] = line
        else:
            start = begun.pop(key)
            found.append(_run(start, line))
    found += [_run(start, None) for start in begun.values()]
    return sorted(found, key=lambda run: run.begun)


def _run(start: dict[str, Any], end: dict[str, Any] | None) -> Run:
    return Run(
        start["job"],
        start["token"],
        start["attempt"],
        start["pid"],
        start["at"],
        None if end is None else end["at"],
        None if end is None else end["how"],
    )
