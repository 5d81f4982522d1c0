"""`holdfast groups …` and `holdfast limits …` from the command line."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from tests.cli.conftest import Cli

from holdfast import Holdfast, Limit
from holdfast.cli import gate_tables as tables
from holdfast.cli.exits import Exit
from holdfast.model.gate import Gate
from holdfast.testing import drain


@pytest.fixture
def act(cli: Cli, app: Holdfast, database_url: str) -> Any:
    """Runs the command on the test's database."""
    app.migrate()

    def act(*words: str) -> Any:
        return cli(*words, "--url", database_url)

    return act


def rows(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()][1:]


def test_groups(act: Any, app: Holdfast) -> None:
    @app.task(group=lambda name: name, on_failure="stop")
    def load(name: str) -> None:
        if name == "bad":
            raise ValueError("no header")

    assert "no groups" in act("groups", "list").stderr
    (failed, *_) = app.enqueue_many([load.call(name) for name in ("bad", "bad", "bad")])
    drain(app)
    load.enqueue("good")
    assert rows(act("groups", "list").stdout) == [
        ["bad", "", "1", "", "1", "2", "", failed.id], ["good", "", "1", "", "1", "0", "", ""],
    ]  # fmt: skip
    (stopped,) = json.loads(act("groups", "list", "--stopped", "--json").stdout)["groups"]
    assert (stopped["name"], stopped["stopped"], stopped["stopped_by"]) == ("bad", True, failed.id)
    first = act("groups", "list", "-n", "1")
    assert "more: --after bad" in first.stderr
    assert [row[0] for row in rows(act("groups", "list", "--after", "bad").stdout)] == ["good"]

    shown = " ".join(act("groups", "show", "bad").stdout.split())
    assert "bad stopped" in shown
    assert f"stopped by {failed.id} (load), failed: retry it, or holdfast groups resume bad" in shown
    assert "taken 1 of 1 waiting 2" in shown
    assert "no jobs of group nobody's" in act("groups", "show", "nobody's").stderr
    assert act("groups", "show", "nobody's", "--json").stdout == "null\n"

    assert act("groups", "resume", "bad").stdout == "bad\tgoes on\n"
    assert json.loads(act("groups", "resume", "bad", "--json").stdout) == {"name": "bad", "resumed": False}
    assert "was not stopped" in act("groups", "resume", "bad").stdout


def test_limits(act: Any, app: Holdfast) -> None:
    @app.task(limit=Limit(concurrency=2, throttle="5m", by=lambda account: account, name="api"))
    def call(account: str) -> None: ...

    assert "no limits" in act("limits", "list").stderr
    app.enqueue_many([call.call(account) for account in ("acme", "acme", "bob")])
    assert rows(act("limits", "list").stdout) == [
        ["api", "acme", "2", "300", "1", "1", "", ""], ["api", "bob", "2", "300", "1", "0", "", ""],
    ]  # fmt: skip
    assert [row[1] for row in rows(act("limits", "list", "--after", "api/acme").stdout)] == ["bob"]
    assert act("limits", "set", "api", "-c", "3").stdout == "api\t3 at once\n"
    shown = " ".join(act("limits", "show", "api", "--part", "acme").stdout.split())
    assert shown == "api/acme open taken 2 of 3 waiting 0 numbers set by hand"
    found = json.loads(act("limits", "set", "api", "--throttle", "2/s", "--json").stdout)
    assert (found["size"], found["spacing"], found["edited"]) == (None, 0.5, True)
    assert "the next worker" in act("limits", "reset", "api").stdout
    assert json.loads(act("limits", "show", "api", "--json").stdout)["edited"] is False
    assert "nothing was said of it" in act("limits", "reset", "other").stdout
    assert "no jobs under limit other/x" in act("limits", "show", "other", "--part", "x").stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("limits", "set", "api"), "say what to set"),
        (("limits", "set", "api", "-c", "0"), "whole number from 1"),
        (("limits", "set", "api", "--throttle", "often"), "throttle must be"),
        (("limits", "list", "-n", "0"), "limit must be"),
        (("groups", "list", "--after", ""), "cursor"),
        (("groups", "resume", ""), "group must have"),
    ],
)
def test_what_is_wrong(act: Any, app: Holdfast, words: tuple[str, ...], says: str) -> None:
    result = act(*words)
    assert says in " ".join(result.stderr.split())
    assert result.exit_code == Exit.USAGE
    assert not app.limits.list()


def test_a_limit_of_many_parts_is_one_line() -> None:
    parts = [Gate("api", f"a{n}", 2, None, False, 2 if n else 1, n, n == 8, None) for n in range(9)]
    out = StringIO()
    tables.print_limits(Console(file=out, force_terminal=True, width=100, no_color=True), [*parts, *MAIL])
    lines = [" ".join(line.split()) for line in PLAIN.sub("", out.getvalue()).splitlines()]
    assert lines == [
        "NAME TAKEN WAITING", "api (9 parts) 17 of 18 36+ 8 full",
        "api/a8 2 of 2 8+", "api/a7 2 of 2 7", "api/a6 2 of 2 6", "mail 0 0 2/s, set by hand",
    ]  # fmt: skip


MAIL = [Gate("mail", None, None, 0.5, True, 0, 0, False, None)]
PLAIN = re.compile(r"\x1b\[[0-9;]*m")
