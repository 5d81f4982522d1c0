"""An app made and used before a fork works in the children; a worker that runs stays in the parent.

os.fork in the middle of use, and gunicorn with --preload, the usual place where one forks a program that has begun.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import Holdfast

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

SOON = 60.0

FORKS = """
import os, signal, sys, threading, warnings
from holdfast import Holdfast

warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks among threads
app = Holdfast(sys.argv[1], migrate=True)

@app.task
def double(n: int) -> int:
    return 2 * n

def child(n: int) -> int:
    signal.alarm(50)
    assert not worker.running
    assert double.enqueue(n).result(timeout=30) == 2 * n  # the parent's worker runs it
    if n % 5 == 0:
        with app.worker() as own:
            assert own.id != parents
            assert double.enqueue(n).result(timeout=30) == 2 * n
    if n % 5 == 1:
        own_id = worker.id
        assert own_id != parents
        with worker:  # the parent's object: a worker of this process's own now
            assert worker.running and worker.id == own_id
    app.close()
    return 0

worker = app.worker(poll_interval="50ms")
stop = threading.Event()

def use() -> None:
    n = 0
    while not stop.is_set():
        double.enqueue(n).result(timeout=30)
        n += 1

with worker:
    parents = worker.id
    double.enqueue(1).result(timeout=30)  # Python's own locks of modules that are being imported survive no fork
    users = [threading.Thread(target=use) for _ in range(3)]
    for user in users:
        user.start()
    children = []
    for n in range(15):
        pid = os.fork()
        if pid == 0:
            try:
                os._exit(child(n))
            except BaseException:
                import traceback
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
        children.append(pid)
    failed = [pid for pid in children if os.waitpid(pid, 0)[1] != 0]
    assert worker.running and worker.id == parents
    assert double.enqueue(21).result(timeout=30) == 42
    stop.set()
    for user in users:
        user.join()
assert not failed, failed
"""


def test_forks_in_the_middle_of_use(database_url: str) -> None:
    done = subprocess.run([sys.executable, "-c", FORKS, database_url], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    app = Holdfast(database_url)
    assert {str(job.state) for job in app.jobs.list(limit=1000)} == {"succeeded"}
    app.close()


LEFT = """
import os, sys, warnings
from holdfast import Holdfast

warnings.simplefilter("ignore", DeprecationWarning)
app = Holdfast(sys.argv[1], migrate=True)

@app.task
def double(n: int) -> int:
    return 2 * n

with app.worker() as worker:
    assert double.enqueue(1).result(timeout=30) == 2
    pid = os.fork()
    if pid != 0:
        assert os.waitpid(pid, 0)[1] == 0
        assert double.enqueue(2).result(timeout=30) == 4  # the child's leaving ended nothing here
if pid == 0:
    assert double.enqueue(3).result(timeout=30) == 6
    sys.exit(0)  # with its exit handlers
"""


def test_a_child_that_leaves_the_workers_block_ends_nothing_of_the_parents(database_url: str) -> None:
    done = subprocess.run([sys.executable, "-c", LEFT, database_url], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


SITE = """
import os
from holdfast import Holdfast

app = Holdfast(migrate=True)

@app.task
def double(n: int) -> int:
    return 2 * n

first = double.enqueue(1)  # with --preload: in the parent of all
own = None

def site(environ, start_response):
    global own
    if environ["PATH_INFO"] == "/work" and own is None:
        own = app.worker().__enter__()
    job = double.enqueue(int(environ["QUERY_STRING"]))
    answer = f"{os.getpid()} {job.id} {job.result(timeout=30) if own else first.refresh().state}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
"""


class Site:
    """A site behind gunicorn with --preload and two processes."""

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "site_.py").write_text(SITE)
        self._socket = folder / "s"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--preload", "-w", "2", "-b", f"unix:{self._socket}", "site_:site"],
            cwd=folder, env={**os.environ, "HOLDFAST_URL": url}, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, path: str) -> tuple[int, str, str]:
        """The process that answered, the job that it enqueued, and what it said of it."""
        connection = http.client.HTTPConnection("site")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(SOON)
        connection.sock.connect(os.fspath(self._socket))
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        assert response.status == 200, text
        pid, job, said = text.split()
        return int(pid), job, said

    def until_asked(self, path: str, processes: int) -> list[tuple[int, str, str]]:
        """Ask until so many processes have answered."""
        answers: list[tuple[int, str, str]] = []
        deadline = time.monotonic() + SOON
        while len({pid for pid, _, _ in answers}) < processes:
            assert time.monotonic() < deadline, answers
            answers.append(self.ask(path))
        return answers

    def stop(self) -> str:
        self.process.terminate()
        _, said = self.process.communicate(timeout=SOON)
        assert self.process.returncode == 0, said
        return said


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Site]:
    site = Site(tmp_path, database_url)
    wait_for((tmp_path / "s").exists)
    yield site
    if site.process.poll() is None:
        site.process.kill()
        site.process.communicate()


def wait_for(reached: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SOON
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_gunicorn_with_preload(site: Site, database_url: str) -> None:
    answers = site.until_asked("/?20", 2)
    site.process.send_signal(signal.SIGTTIN)  # one process more, forked later from the same parent
    answers += site.until_asked("/?21", 3)
    app = Holdfast(database_url)
    assert {str(app.jobs.get(job).state) for _, job, _ in answers} == {"ready"}  # type: ignore[union-attr]
    working = site.until_asked("/work?22", 3)
    assert {said for _, _, said in working} == {"44"}
    wait_for(lambda: len(app.jobs.list(state="ready")) == 0)
    said = site.stop()
    assert "Traceback" not in said
    app.close()
