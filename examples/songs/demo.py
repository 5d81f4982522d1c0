"""Recordings are made and sent, a worker is killed in the middle, a person approves: `python demo.py --folder DIR`."""

import argparse
import json
import math
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import time
import wave
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("songs"))
    parser.add_argument("--songs", type=int, default=6)
    parser.add_argument("--picture", type=Path, help="draw what the songs recorded into this SVG file")
    given = parser.parse_args()
    folder: Path = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["SONGS"] = str(folder)
    services = subprocess.Popen(
        [sys.executable, HERE / "services.py", folder / "calls.jsonl"], stdout=subprocess.PIPE, text=True
    )
    workers: list[subprocess.Popen[bytes]] = []
    try:
        assert services.stdout is not None
        (folder / "port").write_text(services.stdout.readline())
        return run(folder, given.songs, workers, given.picture)
    finally:
        services.kill()
        services.wait()
        for worker in workers:
            worker.kill()
            worker.wait()


def run(folder: Path, count: int, workers: list[subprocess.Popen[bytes]], picture: Path | None) -> int:
    from app import Approval, Upload, app, uploaded
    from timeline import draw

    app.migrate()
    recordings = [record(folder / f"{number}.wav", 220.0 * (number + 2)) for number in range(count)]
    uploaded.send_many([Upload(str(path)) for path in recordings])
    print(f"{count} recordings sent")
    workers.append(work(folder))
    until(lambda: calls(folder) >= 2 * count)
    os.kill(workers[0].pid, signal.SIGKILL)
    killed_at = datetime.now(UTC)
    print(f"kill -9 of the worker, after {calls(folder)} calls of services")
    workers.append(work(folder))
    answered: set[str] = set()

    def approve() -> bool:
        for job in app.jobs.list(task="process_song", limit=1000):
            for wait in app.waits(job):
                if wait.token not in answered:
                    answered.add(wait.token)
                    app.answer(wait.token, Approval(wait.where["song"], ok=True))
        return len(answered) == count

    until(approve)
    print(f"{count} songs approved")
    until(lambda: all(job.state.finished for job in app.jobs.list(task="process_song")))
    jobs = list(app.jobs.list(task="process_song"))
    found = Counter(str(job.state) for job in jobs)
    with sqlite3.connect(folder / "library.db") as library:
        stored = library.execute("select count(*) from songs").fetchone()[0]
    told = (folder / "notifications.txt").read_text().splitlines()
    done = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    asked = Counter(json.dumps(call, sort_keys=True) for call in done if not call["refused"])
    twice = sum(number - 1 for number in asked.values())
    refused = sum(call["refused"] for call in done)
    if picture is not None:
        draw(picture, [(job, app.steps.list(job.id)) for job in reversed(jobs)], killed_at)
    app.close()
    print(f"jobs: {dict(found)}; songs stored: {stored}; people told: {len(told)}")
    print(f"calls of services: {len(done)}, {refused} refused, {twice} repeated by the kill")
    return 0 if found == {"succeeded": count} and stored == count and len(set(told)) <= count <= len(told) else 1


def record(path: Path, pitch: float) -> Path:
    """A tenth of a second of a tone."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        tone = (int(20_000 * math.sin(2 * math.pi * pitch * n / 8000)) for n in range(800))
        sound.writeframes(b"".join(struct.pack("<h", value) for value in tone))
    return path


def work(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "holdfast", "worker", "app:app", "--lease", "1"], cwd=HERE,
        stdout=subprocess.DEVNULL, stderr=(folder / "worker.log").open("ab"),
    )  # fmt: skip


def calls(folder: Path) -> int:
    log = folder / "calls.jsonl"
    return len(log.read_text().splitlines()) if log.exists() else 0


def until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while not true():
        if time.monotonic() > limit:
            raise SystemExit("it did not happen in time: see worker.log")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
