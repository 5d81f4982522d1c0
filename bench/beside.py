"""The peers: other job queues, each in an environment of its own, asked the same questions in the same rounds.

Their scripts are in bench/peers/. They get as many jobs as they need for a second or two, and their best sensible
settings; each says at its top what these are. Redis, where a server is to be had, keeps everything in memory only.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis_server
from measure import Contest, Figures, PeerFailed, Place, sized

FOLDER = Path(__file__).resolve().parent / "peers"
ENVIRONMENTS = Path(__file__).resolve().parents[1] / ".venv" / "peers"
PATIENCE = 120.0
SETTLE = 1.0
"""Seconds for a worker that does not say when it is ready."""


@dataclass(frozen=True)
class Peer:
    """Libraries from PyPI, one environment. `jobs`: how many it gets for each question it is asked."""

    name: str
    requirements: str
    database: str
    jobs: dict[str, int]
    fills: bool = True
    """Whether its queue can be filled before a drain begins."""
    forgets: bool = False
    """Whether it takes a job by removing it, so that a crash loses what is running."""

    @property
    def python(self) -> Path:
        return ENVIRONMENTS / self.name / "bin" / "python"

    def command(self, question: str, url: str, given: dict[str, float]) -> list[str]:
        script = FOLDER / f"{self.name.replace('-', '')}_.py"
        return [str(self.python), str(script), question, url, json.dumps(given)]

    def ask(self, question: str, url: str, **given: float) -> Any:
        command = self.command(question, url, given)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise PeerFailed(f"{self.name} took longer than {PATIENCE:.0f} s for {question}") from None
        if done.returncode:
            raise PeerFailed(f"{self.name} failed at {question}:\n{done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])


WORKFLOWS = {"steps1": 300, "steps10": 100, "steps10one": 20}

STEPS = {"steps1": (1, 100), "steps10": (10, 100), "steps10one": (10, 1)}
"""Steps of each job, and how many jobs are under way at once."""

PEERS = (
    Peer(
        "pgqueuer", "pgqueuer[asyncpg]==1.6.0", "postgres",
        {
            "drain": 50_000, "drain1": 2_000, "drain10": 10_000, "drain500": 25_000, "sync": 10_000,
            "one_by_one": 1_000, "together": 4_000, "fill": 100_000, "pickup": 50, "stream": 6_000, "backlog": 200_000,
        },
    ),
    Peer(
        "procrastinate", "procrastinate==3.10.0 psycopg[binary]", "postgres",
        {
            "drain": 1_000, "drain1": 500, "drain10": 1_000, "sync": 1_000,
            "one_by_one": 500, "together": 2_000, "fill": 20_000, "pickup": 50,
        },
    ),
    Peer(
        "chancy", "chancy==0.26.0 psycopg[binary]", "postgres",
        {
            "drain": 10_000, "drain1": 1_000, "drain10": 4_000, "drain500": 10_000, "sync": 5_000,
            "one_by_one": 500, "together": 2_000, "fill": 5_000, "pickup": 50,
        },
    ),
    Peer(
        "saq", "saq[postgres]==0.26.4 psycopg[binary]", "postgres",
        {"drain": 1_000, "drain10": 1_000, "one_by_one": 500, "together": 2_000, "pickup": 50},
    ),
    Peer(
        "absurd", "absurd-sdk==0.5.1 absurdctl==0.5.1", "postgres",
        {
            "drain": 1_000, "drain10": 1_000, "sync": 1_000, "one_by_one": 1_000,
            "steps1": 500, "steps10": 200, "steps10one": 50,
        },
    ),
    Peer("dbos", "dbos==3.4.0", "postgres", {"drain": 200, **WORKFLOWS}, fills=False),
    Peer(
        "huey", "huey==3.5.4", "sqlite",
        {"drain": 10_000, "sync": 10_000, "one_by_one": 3_000, "pickup": 50}, forgets=True,
    ),
    Peer("persist-queue", "persist-queue==1.1.0", "sqlite", {"drain": 2_000, "one_by_one": 2_000}),
    Peer("litequeue", "litequeue==0.9", "sqlite", {"drain": 2_000, "one_by_one": 2_000}),
    Peer("dbos", "dbos==3.4.0", "sqlite", {"drain": 200, **WORKFLOWS}, fills=False),
    Peer(
        "arq", "arq==0.28.0", "redis",
        {"drain": 1_000, "drain10": 1_000, "one_by_one": 2_000, "together": 4_000},
    ),
    Peer("dramatiq", "dramatiq[redis]==2.2.1", "redis", {"sync": 3_000, "one_by_one": 3_000, "pickup": 50}),
    Peer("rq", "rq==3.0.0", "redis", {"sync": 300, "one_by_one": 1_000, "fill": 5_000}),
)  # fmt: skip

LABELS = {
    "drain": "drain, 100 at once",
    "drain1": "drain, 1 at once",
    "drain10": "drain, 10 at once",
    "drain500": "drain, 500 at once",
    "sync": "drain of plain functions",
    "one_by_one": "enqueue, one after the other",
    "together": "enqueue, 200 callers at once",
    "fill": "enqueue, 100,000 in bulk",
    "pickup": "pick-up by an idle worker",
    "stream": "pick-up at 3,000 a second",
    "backlog": "drain behind what has gathered",
    "steps1": "durable jobs of 1 step, 100 at once",
    "steps10": "durable jobs of 10 steps, 100 at once",
    "steps10one": "durable jobs of 10 steps, 1 at a time",
}
CONCURRENCY = {"drain": 100, "drain1": 1, "drain10": 10, "drain500": 500, "sync": 100, "backlog": 100}
FIRST = 20_000
"""Of a backlog, so many are drained."""
CALLERS = 200


def install() -> None:
    """Make the environments that are missing: a minute or two, once."""
    redis_server.install()
    for peer in PEERS:
        stamp = ENVIRONMENTS / peer.name / "requirements"
        if stamp.exists() and stamp.read_text() == peer.requirements:
            continue
        print(f"installing {peer.requirements} for comparison …", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENTS / peer.name], check=True)
        pip = [peer.python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        done = subprocess.run([*pip, *peer.requirements.split()], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{peer.requirements} cannot be installed; --no-peers does without:\n{done.stderr}")
        stamp.write_text(peer.requirements)


def contests(place: Place, questions: Sequence[str]) -> list[Contest]:
    """Of each peer and question."""
    here = [peer for peer in PEERS if peer.database != "redis" or redis_server.program() is not None]
    return [_contest(place, peer, asked) for asked in questions for peer in here if asked in peer.jobs]


def _contest(place: Place, peer: Peer, asked: str) -> Contest:
    less = asked in ("pickup", "stream")
    unit, better = ("ms", "less") if less else ("jobs/s", "more")
    who = peer.name if peer.database != "redis" else f"{peer.name} (Redis)"
    who += ", 200k waiting" if asked == "backlog" else ""
    figures = Figures(LABELS[asked], peer.database, who, unit, better, peer=True)
    jobs = sized(peer.jobs[asked], CALLERS if asked == "together" else 30 if less else 20 if asked in STEPS else 100)
    run: Callable[[str], None]

    def drain(url: str) -> None:
        if peer.fills:
            peer.ask("fill", url, jobs=jobs)
        more = {"first": sized(FIRST)} if asked == "backlog" else {}
        found = peer.ask("sync" if asked == "sync" else "drain", url, jobs=jobs, concurrency=CONCURRENCY[asked], **more)
        if (found["lost"], found["doubled"]) != (0, 0):
            raise PeerFailed(f"{peer.name} lost or doubled jobs: {found}")
        figures.note(found["rate"], python=found["python"])

    def enqueue(url: str) -> None:
        found = peer.ask(asked, url, jobs=jobs, **({"callers": CALLERS} if asked == "together" else {}))
        figures.note(found["rate"])

    def pick_up(url: str) -> None:
        peer.ask("fill", url, jobs=0)
        command = peer.command("work", url, {"jobs": jobs})
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
            time.sleep(SETTLE)
            peer.ask("produce", url, jobs=jobs, rate=20 if asked == "pickup" else 3000)
            try:
                out, err = worker.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                worker.kill()
                raise PeerFailed(f"{peer.name} did not begin all jobs within 30 s") from None
        if worker.returncode:
            raise PeerFailed(f"{peer.name} failed at work:\n{err[-2000:]}")
        waits = json.loads(out.splitlines()[-1])
        if len(waits) != jobs:
            raise PeerFailed(f"{peer.name} began {len(waits)} of {jobs} jobs")
        figures.note_waits(waits)

    def step(url: str) -> None:
        steps, flight = STEPS[asked]
        found = peer.ask("steps", url, jobs=jobs, concurrency=flight, steps=steps)
        if (found["lost"], found["doubled"]) != (0, 0):
            raise PeerFailed(f"{peer.name} lost or doubled jobs: {found}")
        figures.note(found["rate"])

    run = step if asked in STEPS else pick_up if less else drain if asked in CONCURRENCY else enqueue

    def once() -> None:
        with place.blank(peer.database) as url:
            run(url)

    return figures, once
