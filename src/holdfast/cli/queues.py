"""`holdfast queues`: look at queues, pause and resume them, limit them, give their jobs defaults."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli import queue_tables as tables
from holdfast.cli.commands import Command, Group
from holdfast.cli.complete import queue_names
from holdfast.cli.given import opened
from holdfast.cli.options import AsJson
from holdfast.cli.screen import print_json, printable, say, stdout
from holdfast.errors import InvalidOption

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.model.queue import Queue

program = typer.Typer(cls=Group, help="Look at queues, pause, limit and configure them.", no_args_is_help=True)

Name: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="What the queue is called.", autocompletion=queue_names)
]


@program.command("list", cls=Command)
@opened
def list_(app: "Holdfast", as_json: AsJson = False) -> None:
    """List queues by name: those of which something was said, and those in which jobs wait or run.

    In a terminal it is a table, in a pipe lines with tabs. A count that ends with + is of all that was looked at.
    """
    found = [(queue, app.queues.stats(queue.name)) for queue in app.queues.list()]
    if as_json:
        print_json({"queues": [tables.document(queue, stats) for queue, stats in found]})
        return
    tables.print_queues(stdout(), found)
    if not found:
        say("no queues")


@program.command("show", cls=Command)
@opened
def show(app: "Holdfast", name: Name, as_json: AsJson = False) -> None:
    """Show what was said of a queue, and how many jobs it has."""
    queue, stats = app.queues.get(name), app.queues.stats(name)
    if as_json:
        print_json(tables.document(queue, stats))
    else:
        tables.print_queue(stdout(), queue, stats)


@program.command("stats", cls=Command)
@opened
def stats(
    app: "Holdfast",
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="These. Else all.", autocompletion=queue_names),
    ] = None,
    last: Annotated[str, typer.Option(metavar="DURATION", help="What ended so long up to now.")] = "24h",
    as_json: AsJson = False,
) -> None:
    """Show how many jobs of queues are in each state, how many ended lately, and how long these waited and ran."""
    from holdfast.cli.stats_tables import document, print_queues

    found = [one for one in app.stats.queues(last) if not names or one.name in names]
    times = {one.name: app.stats.times(last, queue=one.name) for one in found}
    if as_json:
        print_json({"last": last, "queues": [{**document(one), "times": document(times[one.name])} for one in found]})
        return
    print_queues(stdout(), found, times)
    if not found:
        say("no queues with jobs")


@program.command("pause", cls=Command)
@opened
def pause(
    app: "Holdfast",
    name: Name,
    by: Annotated[
        str | None, typer.Option("--by", metavar="WHO", help="Who pauses it, and why. Else the user and host.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start none of its jobs until it is resumed; those that run go on. Every worker knows it within a second."""
    _say(app.queues.pause(name, by=by), as_json)


@program.command("resume", cls=Command)
@opened
def resume(app: "Holdfast", name: Name, as_json: AsJson = False) -> None:
    """Let its jobs start again."""
    _say(app.queues.resume(name), as_json)


@program.command("configure", cls=Command)
@opened
def configure(
    app: "Holdfast",
    name: Name,
    display_name: Annotated[
        str | None, typer.Option("--display-name", metavar="TEXT", help="What people call it.")
    ] = None,
    concurrency: Annotated[
        str | None, typer.Option("--concurrency", "-c", metavar="N", help="So many of its jobs at once in the fleet.")
    ] = None,
    rate: Annotated[str | None, typer.Option(metavar="RATE", help="How fast they start, as in 10/s or 5m.")] = None,
    retry: Annotated[
        str | None, typer.Option(metavar="N", help="Runs in all, for jobs that say nothing of it, nor their task.")
    ] = None,
    keep_succeeded: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long rows of succeeded jobs stay, likewise.")
    ] = None,
    keep_failed: Annotated[str | None, typer.Option(metavar="DURATION", help="And those of the others.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say something of a queue; what is not given stays, and `none` takes it back. Workers know it within a second."""
    given: dict[str, Any] = {
        "display_name": display_name, "concurrency": _number(concurrency), "rate": rate, "retry": _number(retry),
        "keep_succeeded": keep_succeeded, "keep_failed": keep_failed,
    }  # fmt: skip
    changes = {key: None if value == "none" else value for key, value in given.items() if value is not None}
    if not changes:
        raise InvalidOption("say what to change: --concurrency, --rate, --retry, --keep-failed …; see --help")
    _say(app.queues.configure(name, **changes), as_json)


def _number(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else text


def _say(queue: "Queue", as_json: bool) -> None:
    if as_json:
        print_json(tables.document(queue))
    else:
        sys.stdout.write(f"{printable(queue.name)}\t{printable(tables.standing(queue))}\n")
