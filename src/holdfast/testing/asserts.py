"""Assertions about what is in the database."""

import json
from collections.abc import Iterator
from typing import Any

from holdfast.app import Holdfast
from holdfast.model.job import JobRecord
from holdfast.model.jsontext import dump_json
from holdfast.model.text import shown
from holdfast.task import Task

MOST_SHOWN = 10


def assert_enqueued(app: Holdfast, task: Task[Any, Any, Any] | str, /, **args: Any) -> JobRecord:
    """Assert that a job of this task was enqueued whose arguments hold `args`; answer its record, the newest's.

    Arguments not named here may have any value, those named are compared as stored. Jobs that ran count too.

    >>> assert_enqueued(app, send_mail, to="a@b.c").queue
    'mail'
    """
    name = task if isinstance(task, str) else task.name
    wanted = {key: json.loads(dump_json(value, key)) for key, value in args.items()}
    seen: list[JobRecord] = []
    for record in _all(app, name):
        if all(key in record.args and record.args[key] == value for key, value in wanted.items()):
            return record
        seen.append(record)
    asked = f"{name}({', '.join(f'{key}={shown(value)}' for key, value in args.items())})"
    raise AssertionError(f"no job {asked} was enqueued; {_list(name, seen)}")


def _all(app: Holdfast, name: str) -> Iterator[JobRecord]:
    after: str | None = None
    while True:
        page = app.jobs.list(task=name, limit=1000, after=after)
        yield from page
        if page.next is None:
            return
        after = page.next


def _list(name: str, seen: list[JobRecord]) -> str:
    if not seen:
        return f"there is no job of {name} at all"
    lines = [f"  {one.state}: {shown(dict(one.args), 200)}" for one in seen[:MOST_SHOWN]]
    more = f"\n  and {len(seen) - MOST_SHOWN} more" if len(seen) > MOST_SHOWN else ""
    return f"there are {len(seen)} of {name}:\n" + "\n".join(lines) + more
