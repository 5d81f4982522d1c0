"""Where a database file lies, and who reads it, told without opening it."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.clock import DatabaseClock
from holdfast.errors import ConfigError
from holdfast.storage.ops.inspect import workers
from holdfast.storage.sqlite import place
from holdfast.storage.sqlite.store import SqliteStore

MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
31 22 0:26 / /srv rw,relatime shared:2 master:1 - nfs4 server:/export rw
32 31 8:2 / /srv/local rw - xfs /dev/sdb1 rw
33 22 0:30 / /mnt/with\\040blank rw - 9p host rw
34 22 0:31 / /over rw - cifs //host/share rw
35 34 8:3 / /over rw - ext4 /dev/sdc1 rw
broken line
36 22 0:31 / /s rw - fuse.sshfs host: rw
"""


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTS)
    monkeypatch.setattr(place, "MOUNTS", file)
    return file


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/app.db", "ext4"), ("/srv/app.db", "nfs4"), ("/srv/local/app.db", "xfs"), ("/srvs/app.db", "ext4"),
        ("/mnt/with blank/app.db", "9p"), ("/over/app.db", "ext4"), ("/s/x/app.db", "fuse.sshfs"),
    ],
)  # fmt: skip
def test_the_mount_that_a_path_lies_on(mounts: Path, path: str, kind: str) -> None:
    assert place.file_system(Path(path)) == kind


def test_it_may_be_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "MOUNTS", tmp_path / "absent")
    assert place.file_system(tmp_path) is None


def test_a_network_file_system_is_refused_before_anything_is_made(tmp_path: Path, mounts: Path) -> None:
    mounts.write_text(MOUNTS + f"40 22 0:40 / {tmp_path} rw - nfs4 server:/export rw\n")
    with pytest.raises(ConfigError, match=r"network file system \(nfs4\).*network=allow"):
        SqliteStore(tmp_path / "app.db", DatabaseClock()).check()
    assert list(tmp_path.iterdir()) == [mounts]
    store = SqliteStore(tmp_path / "app.db", DatabaseClock(), {"network": "allow"})
    store.check()
    store.close()


def test_a_folder_shared_with_a_host_is_warned_of_once(
    tmp_path: Path, mounts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mounts.write_text(MOUNTS + f"40 22 0:40 / {tmp_path} rw - virtiofs host rw\n")
    store = SqliteStore(tmp_path / "app.db", DatabaseClock())
    with caplog.at_level(logging.WARNING, "holdfast.storage"):
        store.check()
        store.run(workers(), "read")
    store.close()
    assert len([record for record in caplog.records if "shared with a host (virtiofs)" in record.getMessage()]) == 1


READ = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("begin")
connection.execute("select * from t").fetchall()
print("reading", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_reader(path: Path) -> Iterator[int]:
    """A process that holds on to the state of this moment."""
    with subprocess.Popen(
        [sys.executable, "-c", READ, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        yield process.pid
        process.communicate()


@pytest.mark.skipif(not place.LOCKS.exists(), reason="needs Linux's /proc/locks")
def test_readers_are_named(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table t (x)")
    assert place.readers(path) == []
    with another_reader(path) as pid:
        (reader,) = place.readers(path)
        assert reader.pid == pid
        assert Path(sys.executable).name in reader.command
        assert str(pid) in str(reader)
    assert place.readers(path) == []
    connection.close()


def test_the_logs_length(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    assert place.wal_size(path) == 0
    (tmp_path / "app.db-wal").write_bytes(b"x" * 100)
    assert place.wal_size(path) == 100
