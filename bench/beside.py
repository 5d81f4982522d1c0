"""The peers: other job queues, each in an environment of its own, asked the same questions in the same rounds.

Their scripts are in bench/peers/. They get as many jobs as they need for a second or two, and their best sensible
settings; each says at its top what these are.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Contest, Figures, Place

FOLDER = Path(__file__).resolve().parent / "peers"
ENVIRONMENTS = Path(__file__).resolve().parents[1] / ".venv" / "peers"
PATIENCE = 120.0


@dataclass(frozen=True)
class Peer:
    """A library from PyPI. `jobs`: how many it gets for each question it is asked; `fills`: before a drain."""

    name: str
    requirement: str
    database: str
    jobs: dict[str, int]
    fills: bool = True

    @property
    def python(self) -> Path:
        return ENVIRONMENTS / self.name / "bin" / "python"

    def ask(self, question: str, url: str, **given: int) -> dict[str, Any]:
        script = FOLDER / f"{self.name.replace('-', '')}_.py"
        command = [str(self.python), str(script), question, url, json.dumps(given)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode:
            raise SystemExit(f"{self.name} failed at {question}:\n{done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])


PEERS = (
    Peer(
        "pgqueuer", "pgqueuer[asyncpg]==1.6.0", "postgres",
        {"drain": 20_000, "drain10": 5_000, "one_by_one": 1_000, "together": 4_000, "fill": 40_000},
    ),
    Peer(
        "procrastinate", "procrastinate==3.10.0", "postgres",
        {"drain": 1_000, "drain10": 1_000, "one_by_one": 500, "together": 2_000, "fill": 10_000},
    ),
    Peer(
        "chancy", "chancy==0.26.0", "postgres",
        {"drain": 5_000, "drain10": 2_000, "one_by_one": 500, "together": 2_000, "fill": 5_000},
    ),
    Peer(
        "saq", "saq[postgres]==0.26.4", "postgres",
        {"drain": 1_000, "drain10": 1_000, "one_by_one": 500, "together": 2_000},
    ),
    Peer("dbos", "dbos==3.4.0", "postgres", {"drain": 200}, fills=False),
    Peer("huey", "huey==3.5.4", "sqlite", {"drain": 5_000, "one_by_one": 2_000}),
    Peer("persist-queue", "persist-queue==1.1.0", "sqlite", {"drain": 2_000, "one_by_one": 2_000}),
    Peer("litequeue", "litequeue==0.9", "sqlite", {"drain": 2_000, "one_by_one": 2_000}),
    Peer("dbos", "dbos==3.4.0", "sqlite", {"drain": 200}, fills=False),
)  # fmt: skip

LABELS = {
    "drain": "drain, 100 at once",
    "drain10": "drain, 10 at once",
    "one_by_one": "enqueue, one after the other",
    "together": "enqueue, 200 callers at once",
    "fill": "enqueue, 5,000 in one call",
}


def install() -> None:
    """Make the environments that are missing: a minute once."""
    for peer in PEERS:
        stamp = ENVIRONMENTS / peer.name / peer.requirement
        if stamp.exists():
            continue
        print(f"installing {peer.requirement} for comparison …", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENTS / peer.name], check=True)
        subprocess.run([peer.python, "-m", "pip", "install", "--quiet", peer.requirement], check=True)
        stamp.touch()


def contests(place: Place, questions: tuple[str, ...]) -> list[Contest]:
    """Of each peer and question."""
    return [_contest(place, peer, asked) for asked in questions for peer in PEERS if asked in peer.jobs]


def _contest(place: Place, peer: Peer, asked: str) -> Contest:
    figures = Figures(LABELS[asked], peer.database, peer.name, "jobs/s", peer=True)
    jobs = peer.jobs[asked]

    def run() -> None:
        with place.blank(peer.database) as url:
            if asked.startswith("drain"):
                if peer.fills:
                    peer.ask("fill", url, jobs=jobs)
                found = peer.ask("drain", url, jobs=jobs, concurrency=10 if asked == "drain10" else 100)
                assert (found["lost"], found["doubled"]) == (0, 0), f"{peer.name}: {found}"
            else:
                more = {"callers": 200} if asked == "together" else {}
                found = peer.ask(asked, url, jobs=jobs, **more)
            figures.note(found["rate"], **({"python": found["python"]} if "python" in found else {}))

    return figures, run
