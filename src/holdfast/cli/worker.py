"""`holdfast worker`: serve an app's jobs until told to stop."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli import logs
from holdfast.cli.options import LogLevel, Schema, Url, Verbose
from holdfast.cli.target import app_named, asked, reach
from holdfast.errors import InvalidOption
from holdfast.model.duration import format_duration, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.app import Holdfast
    from holdfast.worker.plan import Plan

DEFAULT_GRACE = "30s"


App: TypeAlias = Annotated[str, typer.Argument(metavar="MODULE:APP", help="The app, as in shop.jobs:app.")]
Queues: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--queue",
        "-q",
        metavar="NAME[=SLOTS]",
        help="Serve this queue, with so many slots. Repeatable. Else all queues.",
    ),
]
Concurrency: TypeAlias = Annotated[
    int | None, typer.Option("--concurrency", "-c", metavar="N", help="Jobs at once, 10.")
]
Lease: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="How long a claim lasts when this worker is not heard of, 30s."),
]
PollInterval: TypeAlias = Annotated[
    str | None, typer.Option(metavar="DURATION", help="The longest time between two looks for jobs, 1s.")
]
Name: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME", help="What people see it called; host:pid.")]
NoLeader: TypeAlias = Annotated[bool, typer.Option("--no-leader", help="Leave the leader's duties to others.")]
Grace: TypeAlias = Annotated[
    str, typer.Option(metavar="DURATION", help="How long running jobs get to end, 30s.", show_default=False)
]


def run(
    context: typer.Context,
    app: App,
    queue: Queues = None,
    concurrency: Concurrency = None,
    lease: Lease = None,
    poll_interval: PollInterval = None,
    name: Name = None,
    no_leader: NoLeader = False,
    grace: Grace = DEFAULT_GRACE,
    log_level: LogLevel = None,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Run an app's jobs until told to stop.

    Ctrl-C and SIGTERM stop it gracefully: it takes no more jobs, and those that run get --grace to end. A second
    signal stops it at once. Jobs that did not end run again elsewhere, and it counts for nothing.
    """
    wanted = asked(context, url, schema, verbose)
    found = app_named(app, wanted)
    logs.configure(log_level, wanted.verbose)
    given: dict[str, Any] = {
        "queues": slots(queue) if queue else None,
        "concurrency": concurrency,
        "lease": lease,
        "poll_interval": poll_interval,
        "name": name,
    }
    options: dict[str, Any] = {
        "leader": not no_leader,
        **{key: value for key, value in given.items() if value is not None},
    }
    worker, length = found.worker(**options), seconds(grace, "--grace")
    worker.check()
    reach(found, "lease")
    greet(found, app, worker.plan, not no_leader, length)
    found.run_worker(grace=length, **options)


def slots(queues: list[str]) -> dict[str, int | None]:
    """Queues and their slots, from `mail` or `mail=5`, given once or often, or with commas between.

    >>> slots(["mail=5", "reports,exports"])
    {'mail': 5, 'reports': None, 'exports': None}
    """
    found: dict[str, int | None] = {}
    for part in (part.strip() for text in queues for part in text.split(",")):
        name, separator, size = part.partition("=")
        if not name or (separator and not size.isdecimal()):
            raise InvalidOption(f"a queue is given as NAME or NAME=SLOTS, as in mail=5; not {part!r}")
        found[name.strip()] = int(size) if separator else None
    return found


def greet(app: "Holdfast", name: str, plan: "Plan", leads: bool, grace: float) -> None:
    """Say what the worker serves and how to stop it."""
    from holdfast import __version__

    print_facts(
        f"Holdfast {__version__} worker {plan.shown_name}",
        app=name,
        tasks=", ".join(sorted(task.name for task in app.tasks)) or "none yet",
        queues=served(plan.queues),
        jobs=f"{plan.concurrency} at once, lease {format_duration(plan.lease)}",
        leader="when elected" if leads else "never",
        database=app.store.where.removeprefix("the "),
        stop=f"Ctrl-C or SIGTERM, running jobs get {format_duration(grace)}; a second time: at once",
    )


def served(queues: "Mapping[str, int | None] | None") -> str:
    """Queues for people, with their slots.

    >>> served({"mail": 5, "reports": None})
    'mail (5 slots), reports'
    """
    if queues is None:
        return "all"
    told = (name if slots is None else f"{name} ({slots} slots)" for name, slots in queues.items())
    return ", ".join(told) or "none"


def print_facts(title: str, **facts: str) -> None:
    """A heading and aligned lines on stderr."""
    from rich.text import Text

    from holdfast.cli.screen import printable, stderr

    console = stderr()
    console.print(Text(printable(title), "bold"), soft_wrap=True)
    for label, value in facts.items():
        console.print(Text.assemble("  ", (f"{label:<9}", "cyan"), printable(value)), soft_wrap=True)
