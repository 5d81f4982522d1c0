"""The songs of `examples/songs`: a worker is killed half way, and every song is recognised, approved and stored."""

import os
import re
import subprocess
import sys
from pathlib import Path

SONGS = Path(__file__).resolve().parents[2] / "examples" / "songs"


def test_every_song_is_stored_though_a_worker_is_killed(database_url: str, tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    command = [sys.executable, "demo.py", "--folder", str(tmp_path / "songs")]
    done = subprocess.run(
        [*command, "--songs", "4", "--picture", str(tmp_path / "songs.svg")], cwd=SONGS,
        env={**clean, "HOLDFAST_URL": database_url}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "songs" / "worker.log").read_text()
    assert "kill -9" in done.stdout
    assert "songs stored: 4; people told: 4" in done.stdout
    drawn = (tmp_path / "songs.svg").read_text()
    assert drawn.count("waits for a person") == 1
    assert drawn.count("kill -9") == 1
    assert drawn.count("<rect") > 30, "each song's pieces"
    made, repeated = re.findall(r"calls of services: (\d+), .* (\d+) repeated", done.stdout)[0]
    assert int(made) >= 20, "each song asks five services"
    assert int(repeated) <= 10, "only what ran when the worker was killed is asked again"
