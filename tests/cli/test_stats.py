"""`holdfast stats` from the command line."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.conftest import Cli

from holdfast.cli.stats_tables import short, spark


def test_numbers_as_lines_tables_and_json(cli: Cli, app: Any, database_url: str) -> None:
    app.enqueue_many([app.send.call(str(n)) for n in range(3)] + [app.boom.call(1)])
    app.work_once(batch=4)
    app.send.using(delay="1h").enqueue("later")
    lines = [line.split("\t") for line in cli("stats", "--url", database_url).stdout.splitlines()]
    assert lines[0] == ["kind", "name", "ready", "running", "scheduled", "blocked", "suspended", "succeeded", "failed",
                        "cancelled", "stalled"]  # fmt: skip
    assert ["queue", "mail", "0", "0", "1", "0", "0", "3", "0", "0", "0"] in lines
    assert ["task", "boom", "0", "0", "0", "0", "0", "0", "1", "0", "0"] in lines
    seen = json.loads(cli("stats", "--url", database_url, "--json", "--task", "send").stdout)
    assert (seen["live"]["by_state"]["scheduled"], seen["ended"]["succeeded"], seen["ended"]["failed"]) == (1, 3, 0)
    assert seen["times"]["runs"]["count"] == 3
    shown = cli("stats", "--url", database_url, TTY_COMPATIBLE="1", NO_COLOR="1", COLUMNS="120").stdout
    assert "1 scheduled" in shown
    assert "3 succeeded" in shown
    assert "p99" in shown
    slots = cli("stats", "--by", "hour", "--last", "2h", "--queue", "mail", "--url", database_url).stdout.splitlines()
    assert [line.split("\t")[1] for line in slots] == ["succeeded", "0", "3"]
    bars = cli("stats", "--by", "day", "--last", "2d", "--url", database_url, TTY_COMPATIBLE="1").stdout
    assert "█" in bars
    refused = cli("stats", "--by", "week", "--url", database_url)
    assert (refused.exit_code, "minute" in refused.stderr) == (2, True)


def test_small_things() -> None:
    assert (short(None), short(0.0123), short(250.4)) == ("–", "12ms", "4m 10s")
    assert spark([0, 1, 8]) == " ▁█"
    assert spark([]) == ""
