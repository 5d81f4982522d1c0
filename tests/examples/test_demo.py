"""`make demo`, small: a worker is killed half way, and each file is counted once all the same."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples" / "index_stdlib"


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a user would, without this process's settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    return subprocess.run(
        [sys.executable, *map(str, command)], env={**clean, **environment}, cwd=DEMO, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def test_a_killed_worker_loses_nothing(database_url: str, tmp_path: Path) -> None:
    report = tmp_path / "new" / "report.md"
    done = run("demo.py", "--files", 60, "--url", database_url, "--report", report)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill -9" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("│"))
    files, jobs, rescued, twice, lost, _ = row.strip("│").replace(" ", "").split("│")
    assert (files, jobs, twice, lost) == ("60", "61", "0", "0")
    assert int(rescued) > 0
    assert len(re.findall(r"^\| \d+ \| \d+ \| \d+ \| \d+ \| ", report.read_text("utf-8"), re.MULTILINE)) == 60


CHECK = """
import sys
from dataclasses import replace
from pathlib import Path
from app import Facts, Totals, markdown
from check import check

root, report = Path(sys.argv[1]), Path(sys.argv[1]) / "report.md"
files = [root / name for name in ("a.py", "b.py", "c.py")]
for file in files:
    file.write_text("pass\\n")

def judged(*names, lines=1):
    report.write_text("\\n".join(markdown([(Path(name), Facts(lines)) for name in names], root)) + "\\n")
    found = check(files, root, [], Totals(3, 3, report), 1.0)
    return found.twice, found.lost, found.sound

assert judged("a.py", "b.py", "c.py") == (0, 0, True)
assert judged("a.py", "b.py") == (0, 1, False)
assert judged("a.py", "b.py", "b.py", "c.py") == (1, 0, False)
assert judged("a.py", "b.py", "b.py") == (1, 1, False)
assert judged("a.py", "b.py", "c.py", lines=2) == (0, 0, False)
"""


def test_the_check_sees_what_is_lost_or_counted_twice(tmp_path: Path) -> None:
    done = run("-c", CHECK, tmp_path)
    assert done.returncode == 0, done.stderr
