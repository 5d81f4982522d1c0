"""The public surface under three type checkers: what is right is accepted, what is wrong is refused line by line."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
CHECKERS: Mapping[str, list[str]] = {
    "pyright": [str(BIN / "pyright"), "--pythonpath", sys.executable],
    "mypy": [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", "--no-pretty"],
    "ty": [str(BIN / "ty"), "check", "--output-format", "concise", "--no-progress"],
}


def found_by(checker: str, *files: Path) -> dict[tuple[str, int], str]:
    """The first error at each file and line that has one."""
    ran = subprocess.run(
        [*CHECKERS[checker], *map(str, files)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    found: dict[tuple[str, int], str] = {}
    for match in re.finditer(r"(\w+\.py):(\d+):.*\berror\b.*", ran.stdout):
        found.setdefault((match[1], int(match[2])), match[0])
    return found


@pytest.mark.parametrize("checker", CHECKERS)
def test_every_checker_accepts_what_is_right_and_refuses_what_is_wrong(checker: str, tmp_path: Path) -> None:
    # Kept as text, so that the checkers' runs over the whole tree do not see it.
    wrong = tmp_path / "wrong.py"
    wrong.write_text((HERE / "wrong.py.txt").read_text())
    lines = wrong.read_text().splitlines()
    expected = {("wrong.py", number) for number, line in enumerate(lines, 1) if line.endswith("# refused")}
    assert len(expected) > 25

    found = found_by(checker, HERE / "right.py", wrong)

    surprising = [found[place] for place in found.keys() - expected]
    assert not surprising, "\n".join(surprising)
    accepted = [f"{name}:{number}: {lines[number - 1]}" for name, number in sorted(expected - found.keys())]
    assert not accepted, "accepted, but wrong:\n" + "\n".join(accepted)
