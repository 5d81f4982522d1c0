"""Measure this machine: every question on both databases, other libraries beside. `make bench` takes about 18 minutes.

    bench/run.py drain enqueue      some questions only; each is a script of its own, too
    bench/run.py --quick            a tenth of the jobs, one round: whether all works, in three minutes
    bench/run.py --report           make the table and the pictures again from bench/results/latest.json

What is found is put into bench/results/latest.json, question by question, and the table and pictures are made of all
that is there, and what README.md and docs/performance.md show of them. A quick run leaves all that alone.
"""

import argparse
import importlib
import os
import shlex
import sys
import time
import traceback
from typing import Any

import beside
import measure
import pages
import pictures
import results
from measure import ROUNDS, Contest, Figures, Place, interleave, place
from report import show
from targets import Found

QUESTIONS: dict[str, tuple[str, ...]] = {
    "drain": ("drain", "drain10", "drain1", "drain500"),
    "sync": ("sync",),
    "enqueue": ("one_by_one", "together", "fill"),
    "pickup": ("pickup", "stream"),
    "processes": (),
    "writers": (),
    "idle": (),
    "growth": ("backlog",),
    "gates": (),
    "snapshot": (),
    "durability": (),
    "durable": ("steps1", "steps10", "steps10one"),
    "imports": (),
}
"""Each is a script beside this one; with it, what the peers are asked."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}; all by default")
    parser.add_argument("--only", action="append", default=[], metavar="QUESTION", help="the same")
    parser.add_argument("--rounds", type=int, help=f"how often each is asked ({ROUNDS}; 1 if quick)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the jobs, one round, nothing saved")
    parser.add_argument("--no-save", action="store_true", help="leave bench/results alone")
    parser.add_argument("--no-peers", action="store_true", help="leave out the other libraries")
    parser.add_argument("--report", action="store_true", help="measure nothing: table and pictures of what is there")
    asked = parser.parse_args()
    names = asked.questions + asked.only or list(QUESTIONS)
    if unknown := [name for name in names if name not in QUESTIONS]:
        parser.error(f"no question called {', '.join(unknown)}; there are: {', '.join(QUESTIONS)}")
    failed: list[str] = []
    saved = not (asked.quick or asked.no_save)
    if not asked.report:
        measure.scale = 0.1 if asked.quick else 1.0
        failed = ask(names, asked.rounds or (1 if asked.quick else ROUNDS), not asked.no_peers, saved)
    if saved:
        tell()
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def tell() -> None:
    """Table, pictures and pages of all that is kept."""
    drawn = pictures.draw(results.figures())
    for path in [results.write(), *drawn, *pages.write(Found(results.figures()), drawn)]:
        print(os.path.relpath(path))


def ask(names: list[str], rounds: int, peers: bool, saved: bool) -> list[str]:
    """Ask each question so often, and keep each answer as soon as it is there; those that failed."""
    if peers:
        beside.install()
    failed: list[str] = []
    with place() as here:
        here.rounds = rounds
        for name in names:
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                answer = answered(here, name, peers)
            except Exception:
                traceback.print_exc()
                failed.append(name)
            else:
                if saved:
                    results.keep({name: answer})
    if os.getloadavg()[0] > 4:
        print("the machine is busy with other things: believe CPU µs and, with care, the ratios")
    return failed


def answered(here: Place, name: str, peers: bool) -> dict[str, Any]:
    """What was found, as it is kept."""
    began, load = time.monotonic(), os.getloadavg()[0]
    contests = importlib.import_module(name).contests(here)
    if peers:
        contests = neighbours(contests + beside.contests(here, QUESTIONS[name]))
    figures: list[Figures] = interleave(contests, here.rounds)
    took = time.monotonic() - began
    show(figures)
    print(f"{name}: {here.rounds} rounds, {took:.0f} s, each job counted: 0 lost, 0 doubled\n", flush=True)
    about = {**here.machine, "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "rounds": here.rounds}
    about |= {"seconds": round(took), "load before": round(load, 1)}
    about |= {"command": shlex.join(["bench/run.py", *sys.argv[1:]])}
    return {"about": about, "figures": [one.kept() for one in figures]}


def neighbours(contests: list[Contest]) -> list[Contest]:
    """Those that are compared run one right after the other."""
    places = [(figures[0] if isinstance(figures, list) else figures).place for figures, _ in contests]
    order = list(dict.fromkeys(places))
    return [contest for _, contest in sorted(zip(places, contests, strict=True), key=lambda pair: order.index(pair[0]))]


if __name__ == "__main__":
    sys.exit(main())
