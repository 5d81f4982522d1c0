"""Changes of source files are noticed, with watchfiles and without, and nothing else is."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.cli import changes
from holdfast.cli.changes import different, is_source, times, watch

SOON = 30.0


class Watched:
    """A folder that is watched from another thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: set[str] = set()
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        for changed in watch([self.folder], self._stop):
            with self._news:
                self.seen |= {Path(path).relative_to(self.folder).as_posix() for path in changed}
                self._news.notify_all()

    def until(self, reached: Callable[[set[str]], bool]) -> bool:
        with self._news:
            return self._news.wait_for(lambda: reached(self.seen), SOON)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(SOON)
        assert not self._thread.is_alive()


@pytest.fixture(params=["watchfiles", "looks"])
def watched(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """With watchfiles, and as where it is not installed."""
    if request.param == "looks":
        monkeypatch.setattr(changes, "_watchfiles", lambda: None)
    for name in ("shop/jobs.py", "shop/old.py", ".venv/lib/deep.py", "env/pyvenv.cfg", "env/lib.py", "app.db"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    made = Watched(tmp_path)
    # Until it has begun to watch: a change before that is nobody's.
    sign = tmp_path / "sign.py"
    for n in range(1000):
        sign.write_text(f"{n}")
        with made._news:
            if made._news.wait_for(lambda: "sign.py" in made.seen, 0.3):
                break
    yield made
    made.close()


def test_what_is_changed_made_or_removed_is_told(watched: Watched) -> None:
    (watched.folder / "shop" / "jobs.py").write_text("x = 1")
    (watched.folder / "new.py").touch()
    (watched.folder / "shop" / "old.py").unlink()
    assert watched.until(lambda seen: {"shop/jobs.py", "new.py", "shop/old.py"} <= seen), watched.seen


def test_what_is_no_source_is_not_told(watched: Watched) -> None:
    for name in ("app.db", "notes.txt", ".venv/lib/deep.py", "env/lib.py", "shop/jobs.pyc"):
        (watched.folder / name).write_text("changed")
    (watched.folder / "last.py").touch()
    assert watched.until(lambda seen: "last.py" in seen)
    assert watched.seen <= {"sign.py", "last.py"}


def test_both_ways_know_the_same_sources(tmp_path: Path) -> None:
    names = (
        "a.py",
        "b/c.py",
        ".git/d.py",
        "b/.cache/e.py",
        "node_modules/f.py",
        "b/env/g.py",
        "b/env/lib/h.py",
        "i.txt",
    )
    for name in (*names, "b/env/pyvenv.cfg"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = {Path(path).relative_to(tmp_path).as_posix() for path in times([tmp_path])}
    assert found == {"a.py", "b/c.py"}
    assert {name for name in names if is_source(tmp_path / name, [tmp_path])} == found
    assert not is_source(Path("/elsewhere/a.py"), [tmp_path])


def test_what_is_different() -> None:
    before = {"same": (1, 1), "gone": (1, 1), "newer": (1, 1), "larger": (1, 1)}
    after = {"same": (1, 1), "newer": (2, 1), "larger": (1, 2), "new": (1, 1)}
    assert different(before, after) == {"gone", "newer", "larger", "new"}
