"""Which source files change: told by watchfiles where it is installed (`pip install 'holdfast[watch]'`), else by
looking at the files' times."""

import importlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

LOOK = 0.5
"""Seconds between two looks at all files' times."""

SETTLE = 0.1
"""Seconds for which nothing more must have changed: editors and version control write several files."""

SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})

Times = dict[str, tuple[int, int]]


def watch(folders: Sequence[Path], stop: threading.Event) -> Iterator[set[str]]:
    """Sets of Python files that changed, until `stop` is set."""
    found = _watchfiles()
    return _looks(folders, stop) if found is None else _told(found, folders, stop)


def how() -> str:
    """By what means changes are noticed, for people."""
    return "looking every 0.5 s; pip install 'holdfast[watch]' for less work" if _watchfiles() is None else "watchfiles"


def _watchfiles() -> Any:
    try:
        return importlib.import_module("watchfiles")
    except ImportError:
        return None


def _told(watchfiles: Any, folders: Sequence[Path], stop: threading.Event) -> Iterator[set[str]]:
    """By watchfiles, which must not wake for what is no source: databases are written all the time."""
    chosen: Callable[[Any, str], bool] = lambda change, path: is_source(Path(path), folders)  # noqa: E731
    settle = int(SETTLE * 1000)
    for changes in watchfiles.watch(
        *folders, watch_filter=chosen, stop_event=stop, step=settle, debounce=10 * settle, raise_interrupt=False
    ):
        yield {path for _, path in changes}


def _looks(folders: Sequence[Path], stop: threading.Event) -> Iterator[set[str]]:
    seen = times(folders)
    while not stop.wait(LOOK):
        now = times(folders)
        changed = different(seen, now)
        while changed and not stop.wait(SETTLE):
            later = times(folders)
            if later == now:
                break
            now, changed = later, different(seen, later)
        seen = now
        if changed:
            yield changed


def different(before: Times, after: Times) -> set[str]:
    """Files that came, went, or are not as they were."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def times(folders: Sequence[Path]) -> Times:
    """When each Python file below was written, and how large it is."""
    found: Times = {}
    for folder in folders:
        for place, names, files in os.walk(folder):
            names[:] = [name for name in names if not _skipped(place, name)]
            for name in files:
                if name.endswith(".py"):
                    path = os.path.join(place, name)
                    try:
                        status = os.stat(path)
                    except OSError:  # gone meanwhile
                        continue
                    found[path] = status.st_mtime_ns, status.st_size
    return found


def is_source(path: Path, folders: Sequence[Path]) -> bool:
    """Whether it is a file of those that `times` looks at."""
    if path.suffix != ".py":
        return False
    for folder in folders:
        if path.is_relative_to(folder):
            inside = path.relative_to(folder).parts[:-1]
            places = [folder.joinpath(*inside[:depth]) for depth in range(len(inside))]
            return not any(_skipped(str(place), name) for place, name in zip(places, inside, strict=True))
    return False


def _skipped(place: str, name: str) -> bool:
    return name in SKIPPED or name.startswith(".") or os.path.exists(os.path.join(place, name, "pyvenv.cfg"))
