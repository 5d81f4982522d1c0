"""Index the standard library with two workers, kill one half way, and see that nothing is lost or counted twice.

    make demo                                      on SQLite, in a temporary folder
    .venv/bin/python demo.py --url postgresql://…  on PostgreSQL, in a schema of its own

This file is the show; what a user of Holdfast writes is in app.py.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import app, index_file, write_report
from board import Board, Hand
from check import Outcome, check, conclude, introduce
from rich.console import Console

from holdfast import Job, JobRecord
from holdfast.ids import new_id
from holdfast.storage.ops.inspect import workers as list_workers

HERE = Path(__file__).resolve().parent
SCHEMA = "holdfast_demo"
WORKER = (sys.executable, "-m", "holdfast", "worker", "app:app")
LEASE = "2s"
"""How long a worker's claims outlive its last sign of life; 30 s where nobody says otherwise."""

MOST_FILES = 3000
PATIENCE = 150.0
"""Seconds after which the demo gives up."""


def main() -> int:
    options = arguments()
    console = Console(highlight=False)
    root = Path(sysconfig.get_path("stdlib"))
    every = source_files(root)
    if not every:
        console.print(f"There is no source file under {root}: this Python keeps its library elsewhere.")
        return 2
    # Of many, the largest: a short run must have work to be interrupted in, too.
    files = sorted(sorted(every, key=lambda file: -file.stat().st_size)[: options.files])
    with tempfile.TemporaryDirectory(prefix="holdfast-demo-") as temporary:
        folder = Path(temporary)
        url = options.url or f"sqlite:///{folder / 'jobs.db'}"
        report = (options.report or folder / "report.md").absolute()
        report.parent.mkdir(parents=True, exist_ok=True)
        app.configure(url, schema=SCHEMA)
        app.migrate()
        introduce(console, app.store.where, root, len(files), len(every))
        board = Board(console, len(files))
        try:
            outcome = asyncio.run(run(board, files, root, report, folder, url))
        except KeyboardInterrupt:
            console.print("\nStopped.")
            return 130
        except Exception:
            show_logs(console, folder)
            raise
        finally:
            app.close()
        return conclude(console, outcome, options.report)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Crash a worker, lose nothing.")
    parser.add_argument("--url", help="a database to use instead of a SQLite file in a temporary folder")
    parser.add_argument("--files", type=int, default=MOST_FILES, help=f"at most so many files ({MOST_FILES:,})")
    parser.add_argument("--report", type=Path, help="where to keep the report")
    return parser.parse_args()


def source_files(root: Path) -> list[Path]:
    foreign = {"site-packages", "dist-packages", "__pycache__"}
    return [file for file in root.rglob("*.py") if not foreign & set(file.parts) and file.is_file()]


async def run(board: Board, files: list[Path], root: Path, report: Path, folder: Path, url: str) -> Outcome:
    """Enqueue, start two workers, kill one, wait for every result, and have the report written."""
    tag = new_id()
    index = index_file.using(tags=[tag])
    with board.shown(), processes(folder, url) as hands:
        jobs = await app.aenqueue_many([index.call(file) for file in files])
        board.note(f"{len(jobs):,} jobs are stored, one for each file; the workers are starting")
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            show = Show(board, hands, tag)
            looking = group.create_task(show.look())
            killing = group.create_task(show.kill_one_half_way())
            following = [group.create_task(show.follow(job)) for job in jobs]
            records = [await each for each in following]
            board.note("every file is done; the closing job writes the report")
            closing = await write_report.aenqueue(tag, root, report)
            totals = await closing.aresult()
            await show.look_once()
            looking.cancel()
            killing.cancel()
        board.note(f"the report is written: {totals.files:,} files, {totals.lines:,} lines")
        seconds = board.seconds
    return check(files, root, records, totals, seconds)


class Show:
    """Two workers at work, and one of them dying."""

    def __init__(self, board: Board, hands: list[Hand], tag: str) -> None:
        self._board = board
        self._tag = tag
        self._half = asyncio.Event()
        self._boots: dict[str, Hand] = {}
        self._done: Counter[str | None] = Counter()
        board.hands = hands

    async def follow(self, job: Job[object]) -> JobRecord:
        """Wait until a job has ended. Raises JobFailed if its body failed for good."""
        await job.aresult()
        self._board.ended()
        self._done[job.record.worker] += 1
        if self._board.done * 2 >= self._board.total:
            self._half.set()
        return job.record

    async def look(self) -> None:
        """See, several times a second, which worker holds how many jobs."""
        while True:
            await self.look_once()
            await asyncio.sleep(0.2)

    async def look_once(self) -> None:
        known = await asyncio.to_thread(app.store.run, list_workers(), "read")
        pids = {hand.pid: hand for hand in self._board.hands}
        self._boots |= {worker.boot: pids[worker.pid] for worker in known if worker.alive and worker.pid in pids}
        running = await asyncio.to_thread(app.jobs.list, state="running", tag=self._tag, limit=1000)
        for boot, hand in self._boots.items():
            hand.holds = sum(record.worker == boot for record in running)
            hand.done = self._done[boot]
            if hand.state == "starting":
                hand.state = "working"

    async def kill_one_half_way(self) -> None:
        """SIGKILL: the process gets no chance to say goodbye, as when a machine dies."""
        await self._half.wait()
        await self.look_once()
        victim = max(self._board.hands, key=lambda hand: hand.holds)
        os.kill(victim.pid, signal.SIGKILL)
        at = time.monotonic()
        victim.state = "killed"
        await self.look_once()
        self._board.note(f"kill -9: worker {victim.name} is gone, with {victim.holds} jobs in its hands", "red")
        while victim.holds:
            await asyncio.sleep(0.05)
            await self.look_once()
        waited = time.monotonic() - at
        self._board.note(f"after {waited:.1f} s its leases have run out, and the other worker took its jobs", "green")


@contextmanager
def processes(folder: Path, url: str) -> Iterator[list[Hand]]:
    """Two workers in processes of their own, ended with SIGTERM, which lets running jobs finish."""
    environment = {**os.environ, "HOLDFAST_URL": url, "HOLDFAST_SCHEMA": SCHEMA}
    started: list[subprocess.Popen[bytes]] = []
    try:
        for name in ("A", "B"):
            command = [*WORKER, "--name", name, "--lease", LEASE, "--concurrency", "4"]
            with (folder / f"worker-{name}.log").open("wb") as log:
                started.append(subprocess.Popen(command, cwd=HERE, env=environment, stdout=log, stderr=log))
        yield [Hand(name, process.pid) for name, process in zip("AB", started, strict=True)]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)


def show_logs(console: Console, folder: Path) -> None:
    for log in sorted(folder.glob("*.log")):
        if text := log.read_text("utf-8", "replace"):
            console.print(f"\n{log.name}:\n{text}", soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
