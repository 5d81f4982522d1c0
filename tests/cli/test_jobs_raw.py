"""Raw jobs on the command line: size and content type, and the bytes only where they are asked for."""

import json

import pytest
from tests.cli.conftest import Cli

from holdfast import Holdfast, RawJob, RawResult
from holdfast.cli.exits import Exit
from holdfast.testing import drain

SECRET = "hunter2"


@pytest.fixture
def jobs(database_url: str) -> tuple[str, str]:
    """The ids of a raw job that has ended and of a plain one."""
    app = Holdfast(database_url, migrate=True)

    @app.task("in", raw=True)
    def take(item: RawJob) -> RawResult:
        return RawResult({"status": 200}, item.body + b"\xff", "image/png")

    @app.task
    def plain(word: str) -> str:
        return word

    raw = app.enqueue_raw("in", f"{SECRET}\r\n".encode(), content_type="text/plain", target={"shop": 7})
    other = plain.enqueue("word")
    drain(app)
    app.close()
    return raw.id, other.id


def test_bodies_are_not_shown(cli: Cli, database_url: str, jobs: tuple[str, str]) -> None:
    raw, _ = jobs
    shown = [
        cli("jobs", "list", "--url", database_url, "--payload").stdout,
        cli("jobs", "list", "--url", database_url, "--payload", "--json").stdout,
        cli("jobs", "show", raw, "--url", database_url).stdout,
        cli("jobs", "show", raw, "--url", database_url, "--json").stdout,
    ]
    for text in shown:
        assert SECRET not in text
        assert "text/plain" in text
        assert "image/png" in text
        assert "9 bytes" in text or '"size": 9' in text
    assert '"shop": 7' in shown[2]
    document = json.loads(shown[3])
    assert document["args"] == {"target": {"shop": 7}}
    assert document["raw_args"] == {"content_type": "text/plain", "size": 9}
    assert document["result"] == {"data": {"status": 200}}
    assert document["raw_result"] == {"content_type": "image/png", "size": 10}
    assert "text/plain" in cli("jobs", "list", "--url", database_url).stdout


def test_bodies_where_they_are_asked_for(cli: Cli, database_url: str, jobs: tuple[str, str]) -> None:
    raw, other = jobs
    assert cli("jobs", "body", raw, "--url", database_url).stdout_bytes == f"{SECRET}\r\n".encode()
    answered = cli("jobs", "body", raw, "--result", "--url", database_url).stdout_bytes
    assert answered == f"{SECRET}\r\n".encode() + b"\xff"
    wrong = cli("jobs", "body", other, "--url", database_url)
    assert (wrong.exit_code, wrong.stdout) == (Exit.USAGE, "")
    assert "no raw one" in wrong.stderr
