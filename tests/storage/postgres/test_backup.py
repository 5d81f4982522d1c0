"""For PostgreSQL the error names the command, and what that makes can be restored and goes on."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from holdfast import Holdfast
from holdfast.errors import MisuseError
from holdfast.testing import drain
from holdfast.testing.cluster import Server


def program(server: Server, name: str) -> str:
    """One of the server's own programs."""
    folder = getattr(server, "programs", None)
    found = shutil.which(name, path=None if folder is None else str(folder)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not there")
    return found


def test_the_command_of_the_error_makes_a_copy_that_goes_on(
    cluster: Server, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLDFAST_URL", raising=False)
    dump, restore = program(cluster, "pg_dump"), program(cluster, "pg_restore")
    app = Holdfast(url)

    @app.task
    def double(n: int) -> int:
        return 2 * n

    done = double.enqueue(1)
    drain(app)
    waiting = double.enqueue(2)
    copy = tmp_path / "a copy.dump"
    with pytest.raises(MisuseError) as caught:
        app.store.backup(copy, False, lambda done, total: None)
    words = shlex.split(str(caught.value).partition("run: ")[2])
    assert words[0] == "pg_dump"
    subprocess.run([dump, *words[1:]], check=True)
    late = double.enqueue(3)
    app.close()

    fresh = cluster.create_database()
    subprocess.run([restore, f"--dbname={fresh}", str(copy)], check=True)
    restored = Holdfast(fresh)
    restored.add(double)
    restored.check()
    assert restored.jobs.get(late.id) is None
    assert drain(restored).succeeded == 1
    found = [restored.jobs.get(job.id) for job in (done, waiting)]
    assert [record.result for record in found if record is not None] == [2, 4]
    restored.close()
    cluster.drop_database(fresh)


def test_the_password_is_not_in_the_command(tmp_path: Path) -> None:
    app = Holdfast("postgresql://ann:secret@db.example/shop?sslpassword=hidden&sslmode=require", schema="My Jobs")
    with pytest.raises(MisuseError) as caught:
        app.store.backup(tmp_path / "copy", False, lambda done, total: None)
    said = str(caught.value)
    assert not re.search("secret|hidden", said)
    words = shlex.split(said.partition("run: ")[2])
    assert '--schema="My Jobs"' in words
    assert psycopg.conninfo.conninfo_to_dict(words[-1]) == {
        "user": "ann", "host": "db.example", "dbname": "shop", "sslmode": "require",
    }  # fmt: skip


def test_a_pool_has_no_address_of_its_own(tmp_path: Path) -> None:
    app = Holdfast(connect=lambda: psycopg.connect(""))
    with pytest.raises(MisuseError, match="pg_dump"):
        app.store.backup(tmp_path / "copy", False, lambda done, total: None)
