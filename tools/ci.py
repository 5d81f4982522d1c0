"""Run the checks one after the other, all of them even if one fails, and say what each took.

`python tools/ci.py` runs everything; `python tools/ci.py lint pyright` runs only the parts named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

PYTEST = [sys.executable, "-m", "pytest"]
PARTS: dict[str, list[list[str]]] = {
    "lint": [["ruff", "check", "--quiet"], ["ruff", "format", "--check", "--quiet"]],
    "imports": [["lint-imports", "--no-logo"]],
    "pyright": [["pyright"]],
    "mypy": [["mypy"]],
    "ty": [["ty", "check", "--no-progress", "--output-format=concise"]],
    # More at once than processors: most of these wait for leases, signals and fsync most of the time.
    "tests": [[*PYTEST, "-n", "6", "--dist", "worksteal", "tests", "--ignore=tests/faults"]],
    "faults": [[*PYTEST, "-n", "3", "--dist", "worksteal", "tests/faults"]],
}
ROOMY = 4 << 30
NEEDS = {"faults": "tests/faults"}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no part called {', '.join(unknown)}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    results: list[tuple[str, str, float]] = []
    for name in names or PARTS:
        began = time.monotonic()
        results.append((name, run_part(name), time.monotonic() - began))
    print_table(results)
    if "tests" in (names or PARTS):
        print_missing()
    return 1 if any(outcome == "FAILED" for _, outcome, _ in results) else 0


def run_part(name: str) -> str:
    needed = NEEDS.get(name)
    if needed and not any((ROOT / needed).rglob("test_*.py")):
        return "absent"
    heading(name)
    outcome = "ok"
    for command in PARTS[name]:
        program = [str(BIN / command[0]), *command[1:]] if not Path(command[0]).is_absolute() else command
        if subprocess.run(program, cwd=ROOT, env=environment(), check=False).returncode:
            outcome = "FAILED"
    return outcome


def heading(name: str) -> None:
    print(f"\n── {name} " + "─" * (70 - len(name)), flush=True)


def environment() -> dict[str, str]:
    quiet = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "PYTHONWARNINGS": "ignore"}
    return {**in_memory(), **os.environ, **quiet, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}


def in_memory() -> dict[str, str]:
    """Files of tests where a write to the disk takes no time, if there is such a place: thousands of them commit each
    of their jobs to the disk, and no test cuts the power."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= ROOMY:
        return {"PYTEST_DEBUG_TEMPROOT": str(memory)}
    return {}


def print_table(results: list[tuple[str, str, float]]) -> None:
    print("\n  part      result   seconds")
    for name, outcome, seconds in results:
        print(f"  {name:<9} {outcome:<8} {seconds:7.1f}")
    print(f"  {'all':<9} {'':<8} {sum(seconds for *_, seconds in results):7.1f}", flush=True)


def print_missing() -> None:
    """Programs that the tests would have used and did not find."""
    finder = [sys.executable, "-P", str(ROOT / "tests" / "pooler.py")]
    found = subprocess.run(finder, capture_output=True, text=True, check=False)
    if found.returncode:
        print(f"\n  !! NOT TESTED: PgBouncer. {found.stderr.strip()}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
