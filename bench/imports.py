"""How long does `from holdfast import Holdfast` take, beside `from pydantic import TypeAdapter; import asyncio`?

Each in an interpreter of its own, taking turns; the clock runs around the import. Compiled files are there, as after
an installation.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

from measure import ROUNDS, Contest, Figures, Place, interleave, place

TIMES = 5
"""Interpreters a round."""
IMPORTS = {"holdfast": "from holdfast import Holdfast", "pydantic": "from pydantic import TypeAdapter; import asyncio"}


def took(statement: str, compiled: Path) -> float:
    program = f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
    surroundings = {**os.environ, "PYTHONPYCACHEPREFIX": str(compiled)}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", program]
    return float(subprocess.run(command, capture_output=True, check=True, text=True, env=surroundings).stdout)


def contests(place: Place) -> list[Contest]:
    every = {who: Figures("import", "neither", who, "ms", better="less") for who in IMPORTS}

    def run() -> None:
        found: dict[str, list[float]] = {who: [] for who in IMPORTS}
        compiled = place.folder / "compiled"
        for statement in IMPORTS.values():
            took(statement, compiled)
        for _ in range(TIMES):
            for who, statement in IMPORTS.items():
                found[who].append(took(statement, compiled))
        for who, times in found.items():
            every[who].note(statistics.median(times) * 1e3)

    return [(list(every.values()), run)]


if __name__ == "__main__":
    from report import show

    with place() as here:
        show(interleave(contests(here), ROUNDS))
