"""`holdfast leader`: the duties alone, for fleets whose workers shall only work."""

import os
import signal
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import logs
from holdfast.cli.exits import Exit
from holdfast.cli.options import AppName, AsJson, LogLevel, Schema, Url, Verbose
from holdfast.cli.screen import print_json
from holdfast.cli.target import app_named, app_of_database, asked, reach, refuse_absent_file

if TYPE_CHECKING:
    from holdfast.app import Holdfast

PATIENCE = 10.0
"""Seconds that a duty which is being done gets to end."""


def run(
    context: typer.Context,
    app: AppName = None,
    once: Annotated[bool, typer.Option("--once", help="Do all duties once, print a report, and end.")] = False,
    lease: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="The lease of the workers, 30s: an outage is waited for as long."),
    ] = None,
    as_json: AsJson = False,
    log_level: LogLevel = None,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Do the leader's duties without running jobs, until told to stop.

    Due jobs become ready, jobs of lost workers run again, finished jobs go when their time is over. Any worker does
    this too, unless it was started with --no-leader; one process leads at a time, and the others stand by.
    """
    from holdfast.config import Settings

    wanted = asked(context, url, schema, verbose)
    if app is None:
        refuse_absent_file(wanted)
    found = app_of_database(wanted) if app is None else app_named(app, wanted)
    length = Settings.load(lease=lease).lease
    logs.configure(log_level, wanted.verbose)
    try:
        reach(found, "write")
        if once:
            print_report(asdict(found.do_duties()), found.store.where, as_json)
        else:
            lead(found, length)
    finally:
        found.close()


def print_report(report: dict[str, Any], where: str, as_json: bool) -> None:
    if as_json:
        print_json({"database": where.removeprefix("the "), **report})
        return
    rescued, upkeep = report["rescued"], report["upkeep"]
    print(f"promoted  {report['promoted']} due jobs")
    print(f"overdue   {report['overdue']} jobs cancelled: not started in time, or past their deadline")
    print(f"fired     {report['fired']} jobs of schedules")
    print(f"rescued   {rescued['back']} jobs of lost workers, and ended {rescued['ended']} that crash theirs")
    print(f"pruned    {report['pruned']} finished jobs past their time")
    partitions = f"{upkeep['made']} partitions made, {upkeep['dropped']} dropped"
    print(f"upkeep    {partitions}, {upkeep['forgotten']} workers forgotten")


def lead(app: "Holdfast", lease: float) -> None:
    """Stand for election and do the duties until SIGTERM or Ctrl-C; a second signal ends the process at once."""
    caretaker = app.caretaker(lease)
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: _hear(told))
    greet(app)
    caretaker.start()
    told.wait()
    caretaker.stop()
    caretaker.join(PATIENCE)


def _hear(told: threading.Event) -> None:
    if told.is_set():
        os._exit(Exit.OK)  # whatever duty is cut off, its transaction is undone
    told.set()


def greet(app: "Holdfast") -> None:
    from holdfast import __version__
    from holdfast.cli.worker import print_facts

    duties = "promote due jobs, rescue those of lost workers, prune finished ones, keep the tables"
    print_facts(
        f"Holdfast {__version__} leader",
        duties=duties,
        database=app.store.where.removeprefix("the "),
        stop="Ctrl-C or SIGTERM; a second time: at once",
    )
