"""Looking at queues and workers as they stand: for people, for pipes, for programs."""

import json
import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.cli.conftest import Cli

from holdfast import Context
from holdfast.cli.exits import Exit

COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def test_once(cli: Cli, app: Any, database_url: str) -> None:
    app.enqueue_many([app.send.call(f"u{n}@x.org") for n in range(3)])
    app.boom.enqueue(1)
    app.queues.pause("mail", by="ada")
    app.work_once()
    lines = [line.split("\t") for line in cli("top", "--url", database_url).stdout.splitlines()]
    mail = dict(zip(lines[0], next(line for line in lines if line[0] == "mail"), strict=True))
    assert (mail["ready"], mail["paused"]) == ("3", "paused")
    found = json.loads(cli("top", "--json", "--url", database_url).stdout)
    assert (found["now"]["ready"], found["paused"], found["workers"]) == (3, ["mail"], [])
    assert sum(slot["failed"] for slot in found["minutes"]) == 1
    for columns in (60, 80, 120):
        shown = COLOURS.sub(
            "", cli("top", "--once", "--url", database_url, FORCE_COLOR="1", COLUMNS=str(columns)).stdout
        )
        assert all(len(line) <= columns for line in shown.splitlines())
        assert "nobody works" in shown
        assert "3 ready" in shown
    assert cli("top", "--interval", "soon", "--url", database_url).exit_code == Exit.USAGE


def test_workers(cli: Cli, app: Any, database_url: str) -> None:
    app.migrate()
    assert cli("workers", "list", "--url", database_url).stderr == "no workers\n"
    seen: list[Any] = []

    @app.task
    def look(ctx: Context) -> None:
        seen.append(json.loads(cli("workers", "list", "--json", "--url", database_url).stdout)["workers"])
        seen.append(cli("workers", "list", "--url", database_url).stdout.splitlines()[1].split("\t"))
        seen.append(cli("workers", "list", "--url", database_url, FORCE_COLOR="1", COLUMNS="100").stdout)
        seen.append(cli("top", "--once", "--url", database_url, FORCE_COLOR="1", COLUMNS="100").stdout)

    job = look.enqueue()
    with app.worker(concurrency=3, name="w 1", queues=["default"]):
        job.result(timeout=30)
    (worker,), line, *shown = seen
    assert (worker["name"], worker["concurrency"], worker["queues"]) == ("w 1", 3, ["default"])
    assert "look" in worker["tasks"]
    assert (line[0], line[3], line[4]) == ("w 1", "3", "default")
    assert all("w 1" in COLOURS.sub("", text) for text in shown)


def test_it_lives_in_a_terminal_until_it_is_interrupted(app: Any, database_url: str) -> None:
    """Only a terminal has the screen that it draws on, and gives it back."""
    app.enqueue_many([app.send.call(f"u{n}@x.org") for n in range(3)])
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - another process
        os.environ.update(TERM="xterm-256color", COLUMNS="100", LINES="30")
        os.execv(sys.executable, [sys.executable, "-m", "holdfast", "top", "--interval", "0.2s", "--url", database_url])
    text = _seen(terminal, "3 ready")
    app.send.enqueue("late@x.org")
    text += _seen(terminal, "4 ready")
    os.kill(pid, signal.SIGINT)
    text += _seen(terminal, "\x1b[?1049l")
    assert "\x1b[?1049h" in text
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)


def _seen(terminal: int, wanted: str) -> str:
    """What came up to and with this text."""
    until, text = time.monotonic() + 30, ""
    while wanted not in text:
        assert time.monotonic() < until, f"{wanted!r} did not come, but: {text!r}"
        if select.select([terminal], [], [], 1)[0]:
            text += COLOURS.sub(lambda found: found[0] if "1049" in found[0] else "", os.read(terminal, 65536).decode())
    return text


def test_queue_numbers(cli: Cli, app: Any, database_url: str) -> None:
    app.enqueue_many([app.send.call(f"u{n}@x.org") for n in range(3)])
    app.boom.enqueue(1)
    app.work_once(batch=4)
    head, line = cli("queues", "stats", "mail", "--url", database_url).stdout.splitlines()
    cells = dict(zip(head.split("\t"), line.split("\t"), strict=True))
    assert (cells["queue"], cells["succeeded"], cells["ready"]) == ("mail", "3", "0")
    assert float(cells["run_p50"]) >= 0
    found = json.loads(cli("queues", "stats", "--json", "--url", database_url).stdout)["queues"]
    assert {one["name"]: one["counts"]["failed"] for one in found} == {"default": 1, "mail": 0}
    shown = COLOURS.sub("", cli("queues", "stats", "--url", database_url, FORCE_COLOR="1", COLUMNS="120").stdout)
    assert "WAIT P50" in shown
    assert cli("queues", "stats", "nosuch", "--url", database_url).stderr == "no queues with jobs\n"


def test_a_shell_completes_names(cli: Cli, app: Any, database_url: str) -> None:
    """As bash asks: the words so far, and which of them is being typed."""
    app.send.enqueue("a@b.c")
    app.queues.pause("mailing")
    app.schedules.put("nightly", app.boom.call(1), cron="0 3 * * *")

    def offered(*words: str, url: str = database_url) -> list[str]:
        line = " ".join(("holdfast", *words))
        asked = {"_HOLDFAST_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
        return cli(**asked, HOLDFAST_URL=url).stdout.split()

    assert {"jobs", "queues", "top"} <= set(offered(""))
    assert offered("queues", "pause", "m") == ["mail", "mailing"]
    assert offered("jobs", "list", "--state", "sus") == ["suspended"]
    assert offered("jobs", "list", "--task", "s") == offered("enqueue", "s") == ["send"]
    assert offered("schedules", "pause", "n") == ["nightly"]
    assert offered("queues", "pause", "m", url="sqlite:///absent.db") == []
    assert not Path("absent.db").exists()
