"""`holdfast enqueue`: store a job, of a task of an app or of one that is only known by its name."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.complete import queue_names, task_names
from holdfast.cli.options import AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, stderr
from holdfast.cli.target import app_named, asked, existing
from holdfast.errors import ConfigError, InvalidArguments, InvalidOption

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.task import Call, Task


def run(
    context: typer.Context,
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK", help="The task's name; with --body the type of a raw job.", autocompletion=task_names
        ),
    ],
    args: Annotated[
        str | None, typer.Argument(metavar="ARGS", help="A JSON object of arguments by name; - reads it from stdin.")
    ] = None,
    app: Annotated[
        str | None,
        typer.Option(metavar="MODULE:APP", help="Check the arguments by this app's task, and take its options over."),
    ] = None,
    queue: Annotated[
        str | None,
        typer.Option("--queue", "-q", metavar="NAME", help="The queue it waits in.", autocompletion=queue_names),
    ] = None,
    priority: Annotated[int | None, typer.Option(metavar="N", help="Higher first, 0.")] = None,
    delay: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Not before so long from now, as in 5m.")
    ] = None,
    run_at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Not before then, as in 2026-03-01T03:00Z.")
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="KEY", help="At most one live job of the queue has it.")] = None,
    on_conflict: Annotated[
        str | None, typer.Option(metavar="HOW", help="Where a live job has the key: keep, replace, merge, reject.")
    ] = None,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="One job of a group runs at once.")] = None,
    retry: Annotated[int | None, typer.Option(metavar="N", help="So many runs in all, 1.")] = None,
    timeout: Annotated[str | None, typer.Option(metavar="DURATION", help="How long one attempt may run, 1h.")] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Cancel it where it has not started by then.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="To find it by. Repeatable.")] = None,
    body: Annotated[
        str | None, typer.Option(metavar="FILE", help="Store a raw job of these bytes; - reads them from stdin.")
    ] = None,
    content_type: Annotated[str | None, typer.Option(metavar="TYPE", help="With --body: what they are.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Store a job, and print its id.

    Without --app the arguments are checked when it runs, and it has no options but those given here.
    """
    given: dict[str, Any] = {
        "queue": queue, "priority": priority, "delay": delay, "run_at": _instant(run_at), "key": key,
        "on_conflict": on_conflict, "group": group, "retry": retry, "timeout": timeout, "expires": expires, "tags": tag,
    }  # fmt: skip
    options = {name: value for name, value in given.items() if value is not None}
    wanted = asked(context, url, schema, verbose)
    opened = existing(wanted) if app is None else app_named(app, wanted)
    try:
        if body is not None:
            if args is not None:
                raise InvalidOption("give ARGS or --body: a raw job has no arguments")
            call = opened.call_raw(task, _bytes(body), content_type=content_type, **options)
        elif content_type is not None:
            raise InvalidOption("--content-type is of a raw job: give --body too")
        else:
            call = _call(opened, task, _arguments(args), options, checked=app is not None)
        job = opened.enqueue((call,))[0]
    finally:
        opened.close()
    if as_json:
        print_json({"id": job.id, "created": job.created})
        return
    sys.stdout.write(f"{job.id}\n")
    if not job.created:
        stderr().print("nothing new was stored: a live job has the key", style="dim", soft_wrap=True)


def _call(app: "Holdfast", name: str, args: dict[str, Any], options: dict[str, Any], checked: bool) -> "Call[Any]":
    if not checked:
        return _elsewhere(name).using(**options).call(**args)
    found = next((one for one in app.tasks if name in (one.name, *one.aliases)), None)
    if found is None:
        raise ConfigError(f"the app has no task {name!r}; it has {', '.join(sorted(one.name for one in app.tasks))}")
    if found.raw:
        raise InvalidOption(f"task {name} is a raw one: give --body")
    return found.using(**options).call(**args)


def _elsewhere(name: str) -> "Task[..., Any, Any]":
    """A task whose code is not here: it takes whatever it is given."""
    from holdfast.model.codec import Signature
    from holdfast.model.jsontext import dump_json
    from holdfast.model.options import NO_OPTIONS
    from holdfast.model.text import check_name
    from holdfast.task import Task

    class Anything(Signature):
        def bind_dump(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
            return dump_json(dict(kwargs), f"arguments of {name}")

        def dump_arguments(self, given: Mapping[str, Any]) -> str:
            return dump_json(dict(given), f"arguments of {name}")

    def body(**arguments: Any) -> Any: ...

    task: Task[..., Any, Any] = Task(body, check_name(name, "TASK"), (), False, NO_OPTIONS)
    task.signature = Anything(body, name)
    return task


def _arguments(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found: Any = json.loads(sys.stdin.read() if text == "-" else text)
    except (ValueError, RecursionError) as error:
        raise InvalidArguments(f"ARGS must be JSON, such as '{{\"user\": 42}}': {error}") from error
    if not isinstance(found, dict):
        raise InvalidArguments("ARGS must be a JSON object of arguments by their names")
    return found  # pyright: ignore[reportUnknownVariableType]


def _bytes(place: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if place == "-" else Path(place).read_bytes()
    except OSError as error:
        raise InvalidOption(f"--body cannot be read: {error}") from error


def _instant(text: str | None) -> datetime | None:
    """ISO 8601; what has no zone is UTC."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidOption(f"--run-at must be an instant such as 2026-03-01T03:00Z, not {text!r}") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
