"""Where a database file lies: its file system, and who else holds on to it. Never by opening the file: that would drop
the locks which this process has on it."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import ConfigError, NotADatabase, ReadOnlyDatabase

log = logging.getLogger("holdfast.storage")

MOUNTS = Path("/proc/self/mountinfo")
LOCKS = Path("/proc/locks")
READERS = range(123, 128)
"""Bytes of the -shm file that readers lock: each holds on to one state of the database."""

NETWORK = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "afpfs", "coda", "ceph", "glusterfs",
        "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "davfs", "webdav", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph",
        "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.davfs2", "fuse.blobfuse", "fuse.blobfuse2", "fuse.juicefs",
    }
)  # fmt: skip
"""File systems whose other machines see neither our locks nor our shared memory."""

SHARED = frozenset({"9p", "virtiofs", "drvfs", "vboxsf", "vmhgfs", "fuse.vmhgfs-fuse", "prl_fs", "fuse.grpcfuse"})
"""Folders of a host seen from its virtual machine or container: fine within one of them, not across."""


def file_system(path: Path) -> str | None:
    """The type of the file system that a path lies on; None where that cannot be told."""
    try:
        lines = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    best, found = -1, None
    for line in lines:
        before, separator, after = line.partition(" - ")
        parts, kinds = before.split(" "), after.split(" ")
        if not separator or len(parts) < 5:
            continue
        point = _unescaped(parts[4])
        if len(point) >= best and (real == point or real.startswith(point.rstrip("/") + "/")):
            best, found = len(point), kinds[0]  # of two at one place the later lies on top
    return found


def refuse_network(path: Path, allowed: bool) -> None:
    """Raises ConfigError for a database on a network file system; warns of a folder shared with a host."""
    kind = file_system(path)
    if kind in NETWORK and not allowed:
        raise ConfigError(
            f"{path} lies on a network file system ({kind}), where SQLite's locks do not hold and the file would be "
            "damaged: put it on a disk of this machine, or use PostgreSQL. If only this one machine ever opens it, and "
            "you know better, add ?network=allow to the URL"
        )
    if kind in SHARED:
        log.warning(
            "%s lies in a folder shared with a host (%s): only processes on one side may open it at a time", path, kind
        )


def _unescaped(point: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point


@dataclass(frozen=True, slots=True)
class Reader:
    """A process that holds on to a state of the database."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})" if self.command else f"process {self.pid}"


def readers(database: Path) -> list[Reader]:
    """Processes of this machine, other than this one, that are reading at this moment. Linux only."""
    shared = database.with_name(database.name + "-shm")
    try:
        there = shared.stat()
        lines = LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    inode = f"{os.major(there.st_dev):02x}:{os.minor(there.st_dev):02x}:{there.st_ino}"
    pids = {pid for line in lines if (pid := _reader(line.split(), inode)) is not None}
    return [Reader(pid, _command(pid)) for pid in sorted(pids - {os.getpid()})]


def _reader(words: list[str], inode: str) -> int | None:
    """Of a line `1: POSIX  ADVISORY  READ 4711 fd:01:2621499 124 124`, the process."""
    if len(words) != 8 or words[5] != inode or words[1] != "POSIX" or not words[6].isdecimal():
        return None
    return int(words[4]) if int(words[6]) in READERS and int(words[4]) > 0 else None


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return " ".join(word.decode("utf-8", "replace") for word in words if word)[:120]


def wal_size(database: Path) -> int:
    """Bytes of the write-ahead log, 0 where there is none."""
    try:
        return database.with_name(database.name + "-wal").stat().st_size
    except OSError:
        return 0


def refuse_bad_place(path: Path) -> None:
    """A file that cannot be a database of ours, by what lies there."""
    if path.is_dir():
        raise NotADatabase(f"{path} is a folder; the URL must name a file, as in sqlite:///app.db")
    if not path.parent.is_dir():
        raise ConfigError(f"the folder {path.parent} does not exist; make it, or correct the URL")
    if path.exists() and not os.access(path, os.W_OK):
        raise ReadOnlyDatabase(f"{path} cannot be written: check its rights, or who owns it")
    if not os.access(path.parent, os.W_OK):
        raise ReadOnlyDatabase(f"the folder {path.parent} cannot be written; SQLite keeps its journal beside the file")
