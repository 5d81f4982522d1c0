"""PgBouncer in transaction mode in front of a test's server. Run as a script, this file prints where the program is.

It comes from the machine, or from the distribution's package that `make venv` unpacked into .venv.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

PROGRAM_VARIABLE = "HOLDFAST_TEST_PGBOUNCER"
UNPACKED = Path(__file__).resolve().parent.parent / ".venv" / "pgbouncer"
START_TIMEOUT = 20.0

SETTINGS = """
[databases]
* = {server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
reserve_pool_size = 0
max_client_conn = 500
server_login_retry = 1
"""


class PoolerUnavailable(RuntimeError):
    """PgBouncer was not found; the text says what to do."""


def find_program() -> Path:
    """The program, from the environment, the machine or .venv; it is run once to see that it can be."""
    problem = "pgbouncer was not found (apt-get install pgbouncer, brew install pgbouncer)"
    for place in places():
        known = environment(UNPACKED if is_unpacked(place) else None)
        try:
            subprocess.run([place, "--version"], capture_output=True, text=True, env=known, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            problem = f"{place} does not work ({getattr(error, 'stderr', None) or error})"
        else:
            return place
    raise PoolerUnavailable(f"{problem}, or set {PROGRAM_VARIABLE}=/path/to/pgbouncer")


def places() -> Iterator[Path]:
    if chosen := os.environ.get(PROGRAM_VARIABLE):
        yield Path(chosen)
        return
    folders = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"]
    if found := shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), *folders])):
        yield Path(found)
    if (unpacked := UNPACKED / "usr/sbin/pgbouncer").exists():
        yield unpacked


def environment(folder: Path | None) -> dict[str, str]:
    """What the program sees; where it was unpacked into `folder`, its libraries are there too."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    libraries = sorted({str(path.parent) for path in folder.glob("**/lib*.so*")}) if folder else []
    return {**own, "LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else own


def is_unpacked(program: Path) -> bool:
    return UNPACKED in program.parents


class Pooler:
    """A PgBouncer of our own with `size` connections to the server behind `url`."""

    def __init__(self, url: str, size: int = 2) -> None:
        from holdfast.testing.cluster import free_port, server_user, temporary_folder

        program = find_program()
        self._user = server_user()
        self.folder = temporary_folder(self._user)
        self.port = free_port()
        if is_unpacked(program):  # a home directory is closed to the server's user
            shutil.copytree(UNPACKED, self.folder / "program")
            program = self.folder / "program" / program.relative_to(UNPACKED)
            self._environment = environment(self.folder / "program")
        else:
            self._environment = environment(None)
        self._program = program
        self._settings = self.folder / "pgbouncer.ini"
        self._settings.write_text(SETTINGS.format(server=server_of(url), port=self.port, size=size))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def url(self, direct: str) -> str:
        """The way through the pooler to the database of this URL."""
        from holdfast.testing.cluster import database_name

        return f"postgresql://any@127.0.0.1:{self.port}/{quote(database_name(direct))}"

    def start(self) -> None:
        user, group = self._user or (None, None)
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [self._program, "-q", self._settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment,
                user=user,
                group=group,
                extra_groups=[] if self._user else None,
            )
        self._process = process
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                log_text = self.log()
                self.stop()
                raise PoolerUnavailable(f"{self._program} did not start: {log_text}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        import socket

        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop the program, so that all connections are lost; `start()` begins anew on the same port."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(how)
            process.wait()

    def stop(self) -> None:
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Pooler:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def server_of(url: str) -> str:
    """The server's place and user, as PgBouncer's settings want them."""
    from psycopg.conninfo import conninfo_to_dict

    given: dict[str, Any] = conninfo_to_dict(url)
    names = {"host": "host", "port": "port", "user": "user", "password": "password"}
    given.setdefault("port", "5432")
    return " ".join(f"{theirs}={given[ours]}" for ours, theirs in names.items() if given.get(ours))


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{find_program()}\n")
    except PoolerUnavailable as failure:
        sys.exit(str(failure))
