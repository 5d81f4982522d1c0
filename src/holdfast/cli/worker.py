"""`holdfast worker`: serve an app's jobs until told to stop."""

import logging
import os
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli import logs
from holdfast.cli.complete import queue_names
from holdfast.cli.options import JsonLogs, LogLevel, Schema, Url, Verbose
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
        autocompletion=queue_names,
    ),
]
Concurrency: TypeAlias = Annotated[
    int | None, typer.Option("--concurrency", "-c", metavar="N", help="Jobs at once, 10.")
]
Processes: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--processes",
        metavar="N",
        help="Keep so many processes at work, each with its own --concurrency. Else this one works.",
    ),
]
MaxJobs: TypeAlias = Annotated[
    int | None, typer.Option("--max-jobs", metavar="N", help="Replace a process after so many attempts.")
]
MaxMemory: TypeAlias = Annotated[
    str | None, typer.Option("--max-memory", metavar="SIZE", help="Replace a process that takes so much, as in 2GB.")
]
CpuSlots: TypeAlias = Annotated[
    int | None,
    typer.Option("--cpu-slots", metavar="N", help="cpu=True bodies at once; as many as there are processors."),
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
    processes: Processes = None,
    max_jobs: MaxJobs = None,
    max_memory: MaxMemory = None,
    cpu_slots: CpuSlots = None,
    lease: Lease = None,
    poll_interval: PollInterval = None,
    name: Name = None,
    no_leader: NoLeader = False,
    grace: Grace = DEFAULT_GRACE,
    as_json: JsonLogs = False,
    log_level: LogLevel = None,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Run an app's jobs until told to stop.

    Ctrl-C and SIGTERM stop it gracefully: it takes no more jobs, and those that run get --grace to end. A second
    signal stops it at once. Jobs that did not end run again elsewhere, and it counts for nothing.

    With --processes, SIGHUP replaces the processes one after another, with the program as it is by then.
    """
    from holdfast.worker.post import my_post

    wanted = asked(context, url, schema, verbose)
    post = my_post()
    given: dict[str, Any] = {
        "queues": slots(queue) if queue else None,
        "concurrency": concurrency,
        "cpu_slots": cpu_slots,
        "lease": lease,
        "poll_interval": poll_interval,
        "name": name,
    }
    options: dict[str, Any] = {
        "leader": not no_leader,
        **{key: value for key, value in given.items() if value is not None},
    }
    of_processes: dict[str, Any] = {"processes": processes, "max_jobs": max_jobs, "max_memory": max_memory}
    found = app_named(app, wanted)
    settings = found.settings(**of_processes)
    who = f"worker-{post.number}" if post is not None else "supervisor" if settings.supervised else None
    logs.configure(log_level, wanted.verbose, who, as_json)
    worker, length = found.worker(**options), seconds(grace, "--grace")
    worker.check()
    reach(found, "lease")
    if post is None:
        processes = (settings.processes or 1) if settings.supervised else None
        greet(found, app, worker.plan, not no_leader, length, processes, as_json)
    if post is None and settings.supervised:
        found.close()  # it is needed again only if a process dies
    found.run_worker(grace=length, **of_processes, **options)


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


def greet(
    app: "Holdfast", name: str, plan: "Plan", leads: bool, grace: float, processes: int | None, as_json: bool
) -> None:
    """Say what the worker serves and how to stop it."""
    from holdfast import __version__

    title = f"Holdfast {__version__} worker {plan.shown_name}"
    if as_json:
        logging.getLogger("holdfast").info("%s starts", title)
        return
    each = "" if processes is None else " in each process"
    facts = {
        "app": name,
        "tasks": ", ".join(sorted(task.name for task in app.tasks)) or "none yet",
        "queues": served(plan.queues),
        "processes": None if processes is None else f"{processes}, supervised by pid {os.getpid()}",
        "jobs": f"{plan.concurrency} at once{each}, lease {format_duration(plan.lease)}",
        "leader": "when elected" if leads else "never",
        "database": app.store.where.removeprefix("the "),
        "stop": f"Ctrl-C or SIGTERM, running jobs get {format_duration(grace)}; a second time: at once",
        "replace": None if processes is None else "SIGHUP, one process after another",
    }
    print_facts(title, **{label: fact for label, fact in facts.items() if fact is not None})


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
    width = max(map(len, facts), default=0) + 2
    for label, value in facts.items():
        console.print(Text.assemble("  ", (f"{label:<{width}}", "cyan"), printable(value)), soft_wrap=True)
