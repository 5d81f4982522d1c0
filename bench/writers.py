"""How long does a writer wait when eight processes write to one database, each one job after the other?

Each call is timed in its process; the figures are of all calls together: the 99th percentile, beside it the 95th and
the longest.
"""

import json
import subprocess
import sys
import time

from measure import ROUNDS, Contest, Figures, Place, interleave, place

from holdfast import Holdfast

PROCESSES = 8
SECONDS = 2.0


async def noop(a: int, b: str) -> None:
    """Is only stored here."""


def write(url: str) -> None:
    app = Holdfast(url)
    task = app.task(name="noop")(noop)
    task.enqueue(0, "x")
    print("ready", flush=True)
    sys.stdin.readline()
    waits = list[float]()
    ends = time.perf_counter() + SECONDS
    while (began := time.perf_counter()) < ends:
        task.enqueue(1, "x")
        waits.append(time.perf_counter() - began)
    app.close()
    print(json.dumps(waits), flush=True)


def contests(place: Place) -> list[Contest]:
    def contest(kind: str) -> Contest:
        figures = Figures(f"wait of a writer among {PROCESSES} processes, p99", kind, "holdfast", "ms", better="less")

        def run() -> None:
            with place.database(kind) as url:
                command = [sys.executable, __file__, "write", url]
                writers = [
                    subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                    for _ in range(PROCESSES)
                ]
                for writer in writers:
                    assert writer.stdout is not None
                    assert writer.stdout.readline() == "ready\n"
                found = [writer.communicate()[0] for writer in _started(writers)]
                waits = [json.loads(text) for text in found]
                every = sorted(wait for mine in waits for wait in mine)
                share = min(len(mine) for mine in waits) / (len(every) / PROCESSES)
                assert share >= 0.5, f"a process got {share:.2f} of its even share"
                figures.note(
                    every[int(len(every) * 0.99)] * 1e3, p95=every[int(len(every) * 0.95)] * 1e3, worst=every[-1] * 1e3
                )

        return figures, run

    return [contest(kind) for kind in ("postgres", "sqlite")]


def _started(writers: "list[subprocess.Popen[str]]") -> "list[subprocess.Popen[str]]":
    """All of them told to go, before any is waited for."""
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    return writers


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(sys.argv[2])
    else:
        from report import show

        with place() as here:
            show(interleave(contests(here), ROUNDS))
