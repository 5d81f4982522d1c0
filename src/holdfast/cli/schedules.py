"""`holdfast schedules`: look at schedules, put, pause, resume, trigger and delete them, try rules out."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli import schedule_tables as tables
from holdfast.cli.commands import Command, Group
from holdfast.cli.complete import schedule_names
from holdfast.cli.given import After as PageAfter
from holdfast.cli.given import Limit, opened
from holdfast.cli.options import AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, printable, stderr, stdout
from holdfast.cli.target import app_named, asked, existing
from holdfast.cli.times import exact, now, relative, utc
from holdfast.errors import InvalidOption, ScheduleNotFound

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.model.schedule import Schedule

program = typer.Typer(cls=Group, help="Look at schedules, change them, and try rules out.", no_args_is_help=True)

Name: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="What the schedule is called.", autocompletion=schedule_names)
]
CronRule: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--cron", metavar="EXPR", help="minute hour day month weekday; six fields have seconds first. Repeatable."
    ),
]
EveryRule: TypeAlias = Annotated[
    str | None, typer.Option("--every", metavar="PERIOD", help="A period, as in 15m, '1 day', '3 months'.")
]
Zone: TypeAlias = Annotated[
    str | None, typer.Option("--tz", metavar="ZONE", help="The time zone, as in Europe/Oslo; UTC if not said.")
]
TwiceRule: TypeAlias = Annotated[
    str | None, typer.Option("--twice", metavar="HOW", help="A local time that happens twice fires once, or both.")
]
MissingRule: TypeAlias = Annotated[
    str | None, typer.Option("--missing", metavar="HOW", help="One that does not exist fires next, or not: skip.")
]
StartAt: TypeAlias = Annotated[
    str | None, typer.Option("--start-at", metavar="INSTANT", help="No instant before it, as in 2026-01-01T03:00Z.")
]
EndAt: TypeAlias = Annotated[str | None, typer.Option("--end-at", metavar="INSTANT", help="No instant after it.")]
After: TypeAlias = Annotated[
    str | None, typer.Option("--after", metavar="INSTANT", help="Instants after this one. Else after now.")
]
Start: TypeAlias = Annotated[
    str, typer.Argument(metavar="START", help="The first instant, as in 2026-03-01 or 2026-03-01T03:00Z.")
]
Stored: TypeAlias = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="A stored schedule; or give --cron or --every.")
]


@program.command("list", cls=Command)
@opened
def list_(
    app: "Holdfast",
    limit: Limit = 100,
    after: PageAfter = None,
    as_json: AsJson = False,
) -> None:
    """List schedules by name: when they fire, what they run, what they wait for.

    In a terminal it is a table, in a pipe lines with tabs.
    """
    page = app.schedules.list(limit=limit, after=after)
    stats = app.schedules.stats()
    if as_json:
        documents = [tables.document(each) for each in page]
        print_json({"schedules": documents, "next": page.next, "stats": tables.plain(stats)})
        return
    tables.print_schedules(stdout(), list(page))
    stderr().print(tables.summary(stats) if page else "no schedules", style="dim", soft_wrap=True)
    if page.next is not None:
        stderr().print(f"more: --after {page.next}", style="dim", soft_wrap=True)


@program.command("show", cls=Command)
@opened
def show(
    app: "Holdfast",
    name: Name,
    runs: Annotated[int, typer.Option("--runs", "-n", metavar="N", help="Its newest jobs, 1 to 1000.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show everything about one schedule, its next instants and its newest jobs."""
    found = _known(app, name)
    coming = app.schedules.simulate(name, count=3) if found.state == "active" else []
    jobs = list(app.schedules.runs(name, limit=runs))
    if as_json:
        made = [{"id": job.id, "tick": tables.plain(job.tick), "state": job.state.value} for job in jobs]
        print_json({**tables.document(found), "coming": [exact(each) for each in coming], "runs": made})
    else:
        tables.print_schedule(stdout(), found, coming, jobs)


@program.command("put", cls=Command)
def put(
    context: typer.Context,
    name: Name,
    task: Annotated[
        str | None, typer.Option("--task", "-t", metavar="NAME", help="The task it runs. Else as it was.")
    ] = None,
    args: Annotated[
        str | None, typer.Option("--args", metavar="JSON", help="The arguments by name. Else as they were, or none.")
    ] = None,
    app: Annotated[
        str | None,
        typer.Option(
            "--app", metavar="MODULE:APP", help="Check the arguments by this app's task, and take its options over."
        ),
    ] = None,
    cron: CronRule = None,
    every: EveryRule = None,
    tz: Zone = None,
    start_at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="No instant before it, as in 2026-01-01T03:00Z.")
    ] = None,
    end_at: EndAt = None,
    max_runs: Annotated[int | None, typer.Option(metavar="N", help="So often in all.")] = None,
    catch_up: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="Of missed instants: none, latest (so if not said), a number, all."),
    ] = None,
    overlap: Annotated[
        str | None,
        typer.Option(
            metavar="HOW", help="While a job of it lives: allow (so if not said), skip, queue-one, cancel-old."
        ),
    ] = None,
    jitter: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Start each job up to so much later, by chance.")
    ] = None,
    twice: TwiceRule = None,
    missing: MissingRule = None,
    paused: Annotated[bool, typer.Option("--paused", help="Store it paused.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Store a schedule, or change the one of this name: what is not given stays as it was.

    Without --app the arguments are checked when it fires, and its jobs have no options but those they had.
    """
    from holdfast.cli.schedule_put import store

    wanted = asked(context, url, schema, verbose)
    there = existing(wanted) if app is None else app_named(app, wanted)
    when: dict[str, Any] = {
        "tz": tz, "start_at": _instant(start_at, "--start-at"), "end_at": _instant(end_at, "--end-at"),
        "max_runs": max_runs, "catch_up": _number(catch_up),
        "overlap": overlap, "jitter": jitter, "twice": twice, "missing": missing,
    }  # fmt: skip
    given = {key: value for key, value in when.items() if value is not None}
    try:
        one = store(there, name, task, _json(args), cron, every, given, paused or None, checked=app is not None)
    finally:
        there.close()
    _say(one, as_json, _waits)


@program.command("pause", cls=Command)
@opened
def pause(
    app: "Holdfast",
    name: Name,
    as_json: AsJson = False,
) -> None:
    """Fire no more until it is resumed; the jobs that are there go on."""
    _say(app.schedules.pause(name), as_json, lambda one: "paused")


@program.command("resume", cls=Command)
@opened
def resume(
    app: "Holdfast",
    name: Name,
    as_json: AsJson = False,
) -> None:
    """Go on, with the next instant after a pause, or with what a parked one owes."""
    _say(app.schedules.resume(name), as_json, _waits)


@program.command("delete", cls=Command)
@opened
def delete(
    app: "Holdfast",
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Say that you mean it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a schedule; its jobs stay. One that code declares comes back when a worker starts: pause it instead."""
    if not yes:
        raise InvalidOption(f"this removes schedule {name}: give --yes if you mean it")
    _say(app.schedules.delete(name), as_json, lambda one: f"deleted; it was {one.state}")


@program.command("trigger", cls=Command)
@opened
def trigger(
    app: "Holdfast",
    name: Name,
    as_json: AsJson = False,
) -> None:
    """Enqueue a job of the schedule now, beside its rule."""
    job = app.schedules.trigger(name)
    if as_json:
        print_json({"schedule": name, "job": job.id})
    else:
        sys.stdout.write(f"{printable(name)}\tjob {job.id}\n")


@program.command("backfill", cls=Command)
@opened
def backfill(
    app: "Holdfast",
    name: Name,
    start: Annotated[
        str, typer.Argument(metavar="START", help="The first instant, as in 2026-03-01 or 2026-03-01T03:00Z.")
    ],
    end: Annotated[str, typer.Argument(metavar="END", help="The last one.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    as_json: AsJson = False,
) -> None:
    """Enqueue the jobs of past instants that have none, from START to END."""
    span = _instant(start, "START"), _instant(end, "END")
    count = app.schedules.backfill(name, span[0] or now(), span[1] or now(), dry_run=dry_run)
    if as_json:
        print_json({"schedule": name, "jobs": count, "dry_run": dry_run})
    else:
        sys.stdout.write(
            f"{printable(name)}\t{count} job{'' if count == 1 else 's'}{' would be' if dry_run else ''} enqueued\n"
        )


@program.command("simulate", cls=Command)
def simulate(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A stored schedule; or give --cron or --every.")
    ] = None,
    cron: CronRule = None,
    every: EveryRule = None,
    tz: Zone = None,
    after: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Instants after this one. Else after now.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", metavar="N", help="So many, 1 to 1000.")] = 10,
    twice: TwiceRule = None,
    missing: MissingRule = None,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Show the next instants of a schedule, or of a rule that is not stored; for a rule no database is opened."""
    from holdfast.model.rule import Spec
    from holdfast.paging import check_count

    since = _instant(after, "--after")
    if name is None:
        chosen = {key: value for key, value in {"tz": tz, "twice": twice, "missing": missing}.items() if value}
        spec = Spec.of(cron[0] if cron and len(cron) == 1 else cron or None, every, **chosen)
        begin = since or now()
        found = spec.rule(begin).several(begin, check_count(count))
        shown_zone = spec.tz
    else:
        if cron or every or tz or twice or missing:
            raise InvalidOption("simulate takes the name of a schedule, or a rule of its own: not both")
        app = existing(asked(context, url, schema, verbose))
        try:
            found = app.schedules.simulate(name, after=since, count=count)
            shown_zone = _known(app, name).tz or "UTC"
        finally:
            app.close()
    if as_json:
        print_json({"instants": [exact(each) for each in found]})
    else:
        tables.print_instants(stdout(), found, shown_zone)


def _known(app: "Holdfast", name: str) -> "Schedule":
    found = app.schedules.get(name)
    if found is None:
        raise ScheduleNotFound(f"there is no schedule {name!r} in {app.store.where}", name)
    return found


def _waits(one: "Schedule") -> str:
    if one.state != "active" or one.next_due is None:
        return one.state
    return f"next {utc(one.next_due)} ({relative(one.next_due, now())})"


def _say(one: "Schedule", as_json: bool, what: "Callable[[Schedule], str]") -> None:
    if as_json:
        print_json(tables.document(one))
    else:
        sys.stdout.write(f"{printable(one.name)}\t{what(one)}\n")


def _number(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else text


def _json(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"--args must be JSON, such as '{{\"user\": 42}}': {error}") from error
    if not isinstance(found, dict):
        raise InvalidOption("--args must be a JSON object of arguments by their names")
    return found  # pyright: ignore[reportUnknownVariableType]


def _instant(text: str | None, what: str) -> datetime | None:
    """ISO 8601; what has no zone is UTC."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidOption(
            f"{what} must be an instant such as 2026-03-01 or 2026-03-01T03:00Z, not {text!r}"
        ) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
