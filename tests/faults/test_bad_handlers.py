"""Whatever a body does, its job ends as it should, and the job beside it succeeds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults.bad_handlers import CATALOGUE, CRASHED, KINDS, SUCCEEDED, Bad, tasks

from holdfast import Holdfast
from holdfast.handle import Job
from holdfast.model.job import JobRecord, JobState

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="forks, signals and process bodies need POSIX"),
]

CASES = [pytest.param(bad, kind, id=f"{bad.name}-{kind}") for bad in CATALOGUE for kind in KINDS if bad.end(kind)]


class Crew:
    """An app, and one worker at a time in a process of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        self.app = Holdfast(url, migrate=True, log_level="error")
        self.app.include(tasks)
        self.app.migrate()
        self.deaths = 0
        self._url = url
        self._folder = folder
        self._worker: subprocess.Popen[bytes] | None = None

    def hire(self) -> int:
        """Make sure that a worker runs; its process id."""
        if self._worker is None or self._worker.poll() is not None:
            self.deaths += self._worker is not None
            code = "import sys; from tests.faults.bad_handlers import work; work(sys.argv[1])"
            with (self._folder / "worker.log").open("ab") as log:
                self._worker = subprocess.Popen(
                    [sys.executable, "-c", code, self._url],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        return self._worker.pid

    def dismiss(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    def ends(self, jobs: list[Job[Any]], within: float = 40.0) -> list[JobRecord]:
        """The records of these jobs once all have ended; workers that die meanwhile are replaced."""
        limit = time.monotonic() + within
        while True:
            self.hire()
            records = [job.refresh() for job in jobs]
            if all(record.state.finished for record in records):
                return records
            assert time.monotonic() < limit, f"{records}\n{self.log()}"
            time.sleep(0.02)

    def log(self) -> str:
        return (self._folder / "worker.log").read_bytes()[-8000:].decode(errors="replace")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def crew(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    folder = tmp_path_factory.mktemp("bad_handlers")
    url = f"sqlite:///{folder / 'holdfast.db'}"
    cluster = None
    if request.param == "postgres":
        cluster = request.getfixturevalue("cluster")
        url = cluster.create_database()
    made = Crew(url, folder)
    yield made
    made.dismiss()
    made.app.close()
    if cluster is not None:
        cluster.drop_database(url)


@pytest.mark.parametrize(("bad", "kind"), CASES)
def test_bad_handler(crew: Crew, bad: Bad, kind: str) -> None:
    spoils = (bad.spoils or bad.ends_worker) and kind != "process"
    try:
        _try_out(crew, bad, kind)
    except BaseException:
        spoils = True
        raise
    finally:
        if spoils:
            crew.dismiss()


def _try_out(crew: Crew, bad: Bad, kind: str) -> None:
    worker, deaths = crew.hire(), crew.deaths
    calls = [_task(f"{bad.name}_{kind}").call(), *(_task(f"neighbour_{kind}").call(n) for n in range(2))]
    job, *neighbours = crew.app.enqueue_many(calls)
    record, *beside = crew.ends([job, *neighbours])
    _check(record, bad.end(kind) or "")
    assert [one.state for one in beside] == [JobState.SUCCEEDED] * 2, f"{beside}\n{crew.log()}"
    assert [one.result for one in beside] == [1, 2]
    if bad.end(kind) == CRASHED:
        assert crew.deaths > deaths
    elif not bad.ends_worker or kind == "process":
        assert crew.hire() == worker, f"the worker died\n{crew.log()}"


def test_a_last_job_succeeds_in_every_kind_of_body(crew: Crew) -> None:
    records = crew.ends(crew.app.enqueue_many([_task(f"neighbour_{kind}").call(5) for kind in KINDS]))
    assert [record.result for record in records] == [6, 6, 6]


def test_no_process_is_left_behind(crew: Crew) -> None:
    worker = crew.hire()
    crew.ends(crew.app.enqueue_many([_task("neighbour_process").call(1)]))
    children = _children(worker)
    assert children
    crew.dismiss()
    limit = time.monotonic() + 5
    while any(_alive(child) for child in children) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not [child for child in children if _alive(child)]


def _check(record: JobRecord, end: str) -> None:
    if end == SUCCEEDED:
        assert record.state is JobState.SUCCEEDED, record.errors
        return
    assert record.state is JobState.FAILED, record
    error = record.errors[-1]
    assert error.kind.rpartition(".")[2] == end, error
    assert "\x00" not in error.message + error.traceback
    assert len(error.message.encode()) <= 8192
    assert len(error.traceback.encode()) <= 32 * 1024


def _task(name: str) -> Any:
    task = tasks.get(name)
    assert task is not None, name
    return task


def _alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _children(worker: int) -> list[int]:
    """The processes of a worker's bodies, without the programs that its other bodies left."""
    listing = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(worker)]
    found = subprocess.run(listing, capture_output=True, text=True, check=False).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "holdfast.worker.child" in line]
