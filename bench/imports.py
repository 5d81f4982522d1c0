"""How long does `from holdfast import Holdfast` take, beside `from pydantic import TypeAdapter; import asyncio`?

Each in an interpreter of its own, taking turns; the clock runs around the import.
"""

import statistics
import subprocess
import sys

from measure import ROUNDS, Contest, Figures, Place, interleave, place

TIMES = 5
"""Interpreters a round."""
IMPORTS = {"holdfast": "from holdfast import Holdfast", "pydantic": "from pydantic import TypeAdapter; import asyncio"}


def took(statement: str) -> float:
    program = f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout)


def contests(place: Place) -> list[Contest]:
    every = {who: Figures("import", "neither", who, "ms", better="less") for who in IMPORTS}

    def run() -> None:
        found: dict[str, list[float]] = {who: [] for who in IMPORTS}
        for _ in range(TIMES):
            for who, statement in IMPORTS.items():
                found[who].append(took(statement))
        for who, times in found.items():
            every[who].note(statistics.median(times) * 1e3)

    return [(list(every.values()), run)]


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
