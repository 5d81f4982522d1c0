"""`holdfast dev`: a worker for development, started anew whenever the source changes."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import logs
from holdfast.cli.changes import how, watch
from holdfast.cli.exits import Exit, report, say
from holdfast.cli.options import LogLevel, Schema, Url, Verbose
from holdfast.cli.target import Asked, app_named, asked, reach
from holdfast.cli.worker import App, Concurrency, CpuSlots, Queues, print_facts, served, slots
from holdfast.model.duration import format_duration, seconds

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.model.event import Event
    from holdfast.worker.hand import Hand

DEFAULT_GRACE = "2s"
LEEWAY = 12.0
"""Seconds beyond the grace time after which a worker that was told to go is killed."""

PREDECESSOR = "HOLDFAST_PREDECESSOR"
"""Names the worker before, where it did not leave in order: what it held is released first."""

SHOWN_BETTER = frozenset({"attempt.failed", "worker.started", "worker.stopping", "worker.stopped"})
"""Events whose log lines say what is shown here in another way."""

SHOWN = 3
"""Changed files that are named."""


def run(
    context: typer.Context,
    app: App,
    queue: Queues = None,
    concurrency: Concurrency = None,
    cpu_slots: CpuSlots = None,
    watched: Annotated[
        list[Path] | None,
        typer.Option("--watch", "-w", metavar="DIR", help="Where source is. Repeatable. Else the working directory."),
    ] = None,
    grace: Annotated[
        str,
        typer.Option(metavar="DURATION", help="How long running jobs get at a restart, 2s.", show_default=False),
    ] = DEFAULT_GRACE,
    log_level: LogLevel = None,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Run an app's jobs while you write it: each change of a Python file starts the worker anew.

    It shows what each job comes to, tracebacks included. A program that cannot be imported is shown, and waited for
    until it is changed. Jobs that are cut off by a restart run again, and it counts for nothing.
    """
    from holdfast.worker.post import my_post

    wanted = asked(context, url, schema, verbose)
    length = seconds(grace, "--grace")
    options: dict[str, Any] = {
        "queues": slots(queue) if queue else None,
        "concurrency": concurrency,
        "cpu_slots": cpu_slots,
    }
    if my_post() is not None:
        work(app, wanted, log_level, length, {name: value for name, value in options.items() if value is not None})
        return
    folders = [folder.absolute() for folder in watched or [Path.cwd()]]
    for folder in folders:
        if not folder.is_dir():
            say(f"there is no folder {folder} to watch")
            raise typer.Exit(Exit.USAGE)
    logs.configure(log_level, wanted.verbose)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    greet(app, folders, length)
    status = asyncio.run(Workshop(folders, length).run())
    if status:
        raise typer.Exit(status)


def greet(app: str, folders: Sequence[Path], grace: float) -> None:
    from holdfast import __version__

    print_facts(
        f"Holdfast {__version__} dev",
        app=app,
        watching=f"{', '.join(map(str, folders))} (by {how()})",
        stop=f"Ctrl-C, running jobs get {format_duration(grace)}",
    )


# ---------------------------------------------------------------- the process that watches


class Workshop:
    """Keeps one worker process, of the newest program."""

    def __init__(self, folders: Sequence[Path], grace: float) -> None:
        self._folders = folders
        self._grace = grace
        self._hand: Hand | None = None
        self._told = asyncio.Event()
        self._changes: asyncio.Queue[set[str]] = asyncio.Queue()
        self._stop_watching = threading.Event()

    async def run(self) -> int:
        """Until told to stop; answers the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._hear)
        threading.Thread(target=self._watch, args=(loop,), name="holdfast-watch", daemon=True).start()
        work = asyncio.create_task(self._work())
        told = asyncio.create_task(self._told.wait())
        await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
        self._stop_watching.set()
        if work.done():
            work.result()  # a fault of ours
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        return 0 if await self._end() else 1

    def _hear(self) -> None:
        if self._told.is_set() and self._hand is not None:
            self._hand.hurry()
        self._told.set()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        for changed in watch(self._folders, self._stop_watching):
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._changes.put_nowait, changed)

    async def _work(self) -> None:
        environ: dict[str, str] = {}
        while True:
            await self._start(environ)
            changed = await self._changed()
            note(f"changed: {named(changed, self._folders)}")
            orderly = await self._end()
            environ = {} if orderly or self._hand is None else {PREDECESSOR: self._hand.boot}

    async def _start(self, environ: dict[str, str]) -> None:
        from holdfast.worker.hand import Hand

        self._hand = await Hand.start(1, environ)

    async def _changed(self) -> set[str]:
        """Wait for a change. Meanwhile, say so if the worker ends by itself."""
        assert self._hand is not None
        change = asyncio.create_task(self._changes.get())
        end = asyncio.create_task(self._hand.ended())
        try:
            await asyncio.wait({change, end}, return_when=asyncio.FIRST_COMPLETED)
            if not change.done():
                how = "does not start" if not self._hand.ready else self._hand.epitaph()
                note(f"the worker {how}; waiting for a change")
            changed = await change
            while not self._changes.empty():
                changed |= self._changes.get_nowait()
            return changed
        finally:
            change.cancel()
            end.cancel()

    async def _end(self) -> bool:
        """Have the worker leave; whether it did so in order."""
        hand = self._hand
        if hand is None:
            return True
        if hand.alive:
            hand.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._grace + LEEWAY):
                    await hand.ended()
            hand.kill()
            await hand.ended()
        return hand.left_in_order or not hand.ready


def note(text: str) -> None:
    """What the watching process says."""
    from rich.text import Text

    from holdfast.cli.screen import printable, stderr

    stderr().print(Text.assemble(("● ", "yellow"), (printable(text), "bold")), soft_wrap=True)


def named(paths: set[str], folders: Sequence[Path]) -> str:
    """A few of the files, as they are seen from where they are watched.

    >>> named({"/src/shop/jobs.py"}, [Path("/src")])
    'shop/jobs.py'
    """
    short = sorted(_short(Path(path), folders) for path in paths)
    more = f" and {len(short) - SHOWN} more" if len(short) > SHOWN else ""
    return ", ".join(short[:SHOWN]) + more


def _short(path: Path, folders: Sequence[Path]) -> str:
    inside = [path.relative_to(folder) for folder in folders if path.is_relative_to(folder)]
    return str(min(inside, key=lambda each: len(each.parts), default=path))


# ---------------------------------------------------------------- the process that works


def work(name: str, wanted: Asked, log_level: str | None, grace: float, options: dict[str, Any]) -> None:
    try:
        app = app_named(name, wanted)
    except Exception as error:
        raise typer.Exit(explain(error, wanted.verbose)) from error
    logs.configure(log_level, wanted.verbose)
    if not wanted.verbose:
        logging.getLogger("holdfast").addFilter(
            lambda record: getattr(record, "holdfast_event", None) not in SHOWN_BETTER
        )
    worker = app.worker(**options)
    worker.check()
    reach(app, "lease")
    if before := os.environ.pop(PREDECESSOR, None):
        app.bury(before, counted=False)
    show_jobs(app)
    tasks = ", ".join(sorted(task.name for task in app.tasks)) or "no tasks yet"
    note(f"{tasks} · {served(worker.plan.queues)} queues · {app.store.where.removeprefix('the ')}")
    app.run_worker(grace=grace, **options)


def explain(error: Exception, verbose: int) -> int:
    """Why the program cannot be imported: in development with the traceback, from its own first line on."""
    import traceback

    cause = error.__cause__ or error
    frames = traceback.TracebackException.from_exception(cause)
    here = os.path.join(os.getcwd(), "")
    own = next((place for place, frame in enumerate(frames.stack) if frame.filename.startswith(here)), None)
    if own is not None or isinstance(cause, SyntaxError):
        frames.stack = traceback.StackSummary.from_list(frames.stack[own:] if own is not None else [])
        frames.__cause__ = frames.__context__ = None
        sys.stderr.write("".join(frames.format()))
    return report(error, min(verbose, 1))


def show_jobs(app: "Holdfast") -> None:
    """A line for each job that begins and ends, with the traceback where one fails."""

    def started(event: "Event") -> None:
        assert event.job is not None
        line("▶", "cyan", event, f"attempt {event.job.attempt}" if event.job.attempt > 1 else "")

    def failed(event: "Event") -> None:
        assert event.error is not None
        line("✗", "red", event, "fails" + (", and will run again" if event.will_retry else ""))
        sys.stderr.write(indented(event.error.traceback or f"{event.error.kind}: {event.error.message}"))

    def ended(event: "Event") -> None:
        assert event.job is not None
        good = event.job.state == "succeeded"
        line("✓" if good else "■", "green" if good else "red", event, told_end(event))

    app.on("job.started", started)
    app.on("job.attempt_failed", failed)
    app.on("job.finished", ended)


def told_end(event: "Event") -> str:
    job = event.job
    assert job is not None
    took = ""
    if job.started_at is not None and job.finished_at is not None:
        took = f" in {format_duration(round((job.finished_at - job.started_at).total_seconds(), 3))}"
    return f"{job.state}{f' ({job.reason})' if job.reason else ''}{took}"


def line(sign: str, colour: str, event: "Event", what: str) -> None:
    from rich.text import Text

    from holdfast.cli.screen import printable, stderr

    assert event.job is not None
    stderr().print(
        Text.assemble(
            (f"{sign} ", colour), (printable(event.job.task), "bold"), f" {event.job.id[-8:]} ", (what, "dim")
        ),
        soft_wrap=True,
    )


def indented(text: str) -> str:
    from holdfast.cli.screen import printable

    return "".join(f"    {row}\n" for row in printable(text, lines=True).rstrip().splitlines())
