"""Fixtures for pytest, found by it through the entry point `holdfast`; `-p no:holdfast` leaves them out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.testing.clock import Clock


@pytest.fixture
def holdfast_clock() -> "Clock":
    """A clock that stands still until the test moves it: `holdfast_clock.advance("1h")`."""
    from holdfast.testing.clock import Clock

    return Clock()


@pytest.fixture
def holdfast_app(tmp_path: Path, holdfast_clock: "Clock") -> "Iterator[Callable[..., Holdfast]]":
    """A function that makes apps as `Holdfast(…)` does, and closes them after the test.

    Without a URL they share one SQLite file of this test, and all go by `holdfast_clock`.

    >>> def test_greeting(holdfast_app):
    ...     app = holdfast_app()
    ...     app.include(tasks)
    ...     with inline(app):
    ...         assert greet.enqueue("Ada").result() == "Hello, Ada!"
    """
    from holdfast.app import Holdfast

    made: list[Holdfast] = []

    def make(url: Any = None, **settings: Any) -> Holdfast:
        settings.setdefault("clock", holdfast_clock)
        sources = {"pool", "engine", "connect"} & settings.keys()
        app = Holdfast(url if url is not None or sources else f"sqlite:///{tmp_path / 'holdfast.db'}", **settings)
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()
