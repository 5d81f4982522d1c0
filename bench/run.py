"""Measure throughput and latency on this machine, both databases: `make bench`, about four minutes.

`bench/run.py drain` asks one question only; `--rounds 5` asks more often; `--no-save` leaves bench/results alone.
"""

import argparse
import os
import shlex
import sys
import time

import beside
import drain
import enqueue
import pickup
import writers
from measure import ROUNDS, Figures, interleave, place
from report import save, show

QUESTIONS = {
    "drain": drain.contests,
    "enqueue": enqueue.contests,
    "pickup": pickup.contests,
    "writers": writers.contests,
}
PEERS = {"drain": ("drain", "drain10"), "enqueue": ("one_by_one", "together", "fill")}
"""What the peers are asked beside each question."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}; all by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is asked (%(default)s)")
    parser.add_argument("--no-save", action="store_true", help="write no bench/results/latest.*")
    parser.add_argument("--no-peers", action="store_true", help="leave out the other libraries")
    asked = parser.parse_args()
    unknown = [name for name in asked.questions if name not in QUESTIONS]
    if unknown:
        parser.error(f"no question called {', '.join(unknown)}; there are: {', '.join(QUESTIONS)}")
    if not asked.no_peers:
        beside.install()
    began = time.monotonic()
    found: list[Figures] = []
    busy = os.getloadavg()[0] > 1
    with place() as here:
        for name in asked.questions or QUESTIONS:
            print(f"{name} …", file=sys.stderr, flush=True)
            contests = QUESTIONS[name](here)
            if not asked.no_peers:
                contests += beside.contests(here, PEERS.get(name, ()))
            found += interleave(contests, asked.rounds)
    took = time.monotonic() - began
    show(found)
    print(f"\nevery job counted: 0 lost, 0 doubled; {asked.rounds} rounds, {took:.0f} s")
    if busy:
        print("the machine was busy with other things: believe CPU µs and, with care, the ratios")
    if not asked.no_save:
        for path in save(found, here.machine, shlex.join(["bench/run.py", *sys.argv[1:]]), took):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
