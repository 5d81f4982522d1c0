"""How long finished jobs stay, and what is left of them."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from holdfast import Holdfast, JobState, Retry
from holdfast.errors import JobNotFound, ResultGone
from holdfast.leader.duties import prune
from holdfast.testing import Clock, drain

from .conftest import MakeApp


def finish(app: Holdfast, fail: bool = False, **options: Any) -> Any:
    """A job of these options that has ended."""
    name = f"work{sum(1 for _ in app.tasks)}"

    @app.task(name=name)
    def work() -> int:
        if fail:
            raise ValueError
        return 1

    job = work.using(**options).enqueue()
    drain(app)
    return job


def tidy(app: Holdfast) -> int:
    """All that removes old rows; how many are gone by slices."""
    removed = prune.run_once(app.store)
    app.do_duties()
    return removed


@pytest.mark.parametrize(
    ("fail", "options", "days"),
    [
        (False, {}, 7),
        (True, {}, 30),
        (False, {"keep_succeeded": "1d"}, 1),
        (True, {"keep_succeeded": "1d"}, 30),
        (True, {"keep_failed": "2d"}, 2),
        (False, {"keep_failed": "2d"}, 7),
        (False, {"keep_succeeded": "32d"}, 32),
        (False, {"keep_succeeded": "33d"}, 33),
        (False, {"keep_succeeded": "200d"}, 200),
        (False, {"keep_succeeded": "731d"}, 731),
        (False, {"keep_succeeded": "3650d"}, 3650),
        (False, {"keep_succeeded": timedelta(hours=1)}, 1 / 24),
    ],
)
def test_a_finished_job_is_there_until_its_time_is_over(
    app: Holdfast, clock: Clock, fail: bool, options: dict[str, Any], days: float
) -> None:
    job = finish(app, fail, **options)
    clock.advance(days * 86400 - 1)
    tidy(app)
    assert app.jobs.get(job.id) is not None
    assert len(app.jobs.list()) == 1
    clock.advance(2)
    tidy(app)
    assert app.jobs.get(job.id) is None
    assert list(app.jobs.list()) == []
    with pytest.raises(JobNotFound):
        job.result(timeout=5)


def test_the_apps_own_retention(make_app: MakeApp, clock: Clock) -> None:
    app = make_app(defaults={"keep_succeeded": "1h", "keep_failed": "2h"})
    good, bad = finish(app), finish(app, fail=True)
    clock.advance("61m")
    tidy(app)
    assert app.jobs.get(good.id) is None
    assert app.jobs.get(bad.id) is not None
    clock.advance("1h")
    tidy(app)
    assert app.jobs.get(bad.id) is None


def test_other_finished_jobs_stay(app: Holdfast, clock: Clock) -> None:
    short, long = finish(app, keep_succeeded="1h"), finish(app, keep_succeeded="400d")
    clock.advance("2h")
    tidy(app)
    assert app.jobs.get(short.id) is None
    assert long.result() == 1


def test_a_live_job_is_never_pruned(app: Holdfast, clock: Clock) -> None:
    @app.task(keep_succeeded=1, keep_failed=1, retry=Retry(2, "2h", jitter=0))
    def work() -> None:
        raise ValueError

    waiting = work.using(delay="1000d").enqueue()
    tried = work.enqueue()
    drain(app)
    clock.advance("1h")
    tidy(app)
    assert (waiting.refresh().state, tried.refresh().state) == (JobState.SCHEDULED, JobState.SCHEDULED)


def test_nothing_kept_is_gone_at_once_and_known_for_an_hour(app: Holdfast, clock: Clock) -> None:
    job = finish(app, keep_succeeded=0)
    assert app.jobs.get(job.id) is None
    assert app.jobs.count() == {}
    with pytest.raises(ResultGone):
        job.result(timeout=5)
    clock.advance("61m")
    tidy(app)
    with pytest.raises((JobNotFound, ResultGone)):
        job.result(timeout=5)
    clock.advance("40d")
    tidy(app)
    with pytest.raises(JobNotFound):
        job.result(timeout=5)


def test_a_secret_argument_of_a_job_kept_for_no_time_is_nowhere(app: Holdfast, database_url: str) -> None:
    @app.task(keep_succeeded=0)
    def work(secret: str) -> str:
        return secret

    work.enqueue("canary-" + "x" * 2000)
    work.enqueue("canary-short")
    drain(app)
    app.close()
    assert "canary" not in everything(app)


def everything(app: Holdfast) -> str:
    """All rows of all tables, as text."""
    found: list[Any] = []
    with app.transaction() as connection:
        if type(app.store).__name__ == "SqliteStore":
            names = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
            for (name,) in names:
                found += connection.execute(f"select * from {name}").fetchall()
        else:
            for name in ("jobs", "history"):
                found += connection.execute(f'select * from "holdfast".{name}').fetchall()
    return repr([tuple(row) if not isinstance(row, dict) else row for row in found])


def test_a_worker_prunes(make_app: MakeApp, clock: Clock) -> None:
    app = make_app()
    job = finish(app, keep_succeeded="800d")
    clock.advance("801d")
    gone = threading.Event()

    @app.on("history.pruned")
    def pruned(event: Any) -> None:
        gone.set()

    with app.worker():
        assert gone.wait(20)
    assert app.jobs.get(job.id) is None


def test_thousands_are_pruned_in_pages(app: Holdfast, clock: Clock) -> None:
    @app.task(keep_succeeded="800d")
    def work() -> None: ...

    app.enqueue_many([work.call() for _ in range(2500)])
    drain(app, concurrency=100)
    assert app.jobs.count() == {"succeeded": 2500}
    clock.advance("801d")
    assert prune.run_once(app.store) == 2500
    assert app.jobs.count() == {}
