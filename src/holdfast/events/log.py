"""The wording of every log line, in one place. Payloads and results are never logged."""

import logging
from collections.abc import Callable

from holdfast.model.event import Event

log = logging.getLogger("holdfast")


def _end(event: Event) -> str:
    """How a process ended, and what follows."""
    told = event.details
    return f"process {told['number']} (pid {told['pid']}) {told['how']}; {told['what']}"


LINES: dict[str, tuple[int, Callable[[Event], str]]] = {
    "worker.started": (logging.INFO, lambda e: f"worker {e.details['name']} started: {e.details['what']}"),
    "worker.stopping": (logging.INFO, lambda e: f"worker {e.details['name']} stopping: {e.details['what']}"),
    "worker.stopped": (logging.INFO, lambda e: f"worker {e.details['name']} stopped: {e.details['what']}"),
    "worker.blocked": (
        logging.WARNING,
        lambda e: (
            f"the event loop has not turned for {e.details['seconds']:.1f} s; it stands in:\n{e.details['stack']}"
        ),
    ),
    "worker.stuck": (
        logging.ERROR,
        lambda e: (
            f"the claim loop has not looked for work for {e.details['seconds']:.0f} s, and begins anew; it stood in:\n"
            f"{e.details['stack']}"
        ),
    ),
    "lease.lost": (
        logging.WARNING,
        lambda e: f"lost the lease of job {e.details['id']}: another claim has it, and nothing of this attempt is kept",
    ),
    "job.rescued": (
        logging.WARNING,
        lambda e: f"job {e.details['id']} ({e.task}) lost its worker {e.details['worker']}: {e.details['what']}",
    ),
    "attempt.failed": (
        logging.WARNING,
        lambda e: (
            f"job {e.details['id']} ({e.task}) failed in attempt {e.details['attempt']}: "
            f"{e.details['kind']}; {e.details['what']}"
        ),
    ),
    "worker.fault": (
        logging.ERROR,
        lambda e: (
            f"{e.details['part']} failed and begins anew: {type(e.details['cause']).__name__}: {e.details['cause']}"
        ),
    ),
    "worker.leaking": (
        logging.ERROR,
        lambda e: (
            f"worker {e.details['name']}: {e.count} threads go on after their time-out and keep their slots; "
            "bodies that may hang belong in processes (cpu=True)"
        ),
    ),
    "process.started": (
        logging.INFO,
        lambda e: f"process {e.details['number']} starts (pid {e.details['pid']})",
    ),
    "process.ended": (logging.ERROR, _end),
    "process.left": (logging.INFO, _end),
    "process.absent": (
        logging.ERROR,
        lambda e: (
            f"process {e.details['number']} cannot be started: {e.details['cause']}; "
            f"trying again in {e.details['seconds']:g} s"
        ),
    ),
    "process.replaced": (
        logging.INFO,
        lambda e: (
            f"process {e.details['number']} (pid {e.details['pid']}) makes way for pid {e.details['by']}: "
            f"{e.details['why']}"
        ),
    ),
    "process.unfit": (
        logging.ERROR,
        lambda e: (
            f"process {e.details['number']} was to be replaced, but its successor (pid {e.details['pid']}) "
            f"{e.details['how']} before it worked; {e.details['what']}"
        ),
    ),
    "process.killed": (
        logging.ERROR,
        lambda e: f"process {e.details['number']} (pid {e.details['pid']}) did not end in time, and was killed",
    ),
    "supervisor.renewing": (
        logging.INFO,
        lambda e: f"SIGHUP: replacing {e.count} processes, one after another",
    ),
    "supervisor.stopping": (
        logging.INFO,
        lambda e: f"stopping: {e.count} processes get {e.details['seconds']:g} s to let their jobs end",
    ),
    "supervisor.stopped": (logging.INFO, lambda e: f"stopped {e.details['what']}"),
    "supervisor.hopeless": (
        logging.CRITICAL,
        lambda e: (
            f"giving up: {e.count} starts of process {e.details['number']} in a row failed, and no other works; "
            f"the last one {e.details['how']} (what it said stands above)"
        ),
    ),
    "task.unknown": (
        logging.WARNING,
        lambda e: f"no task {e.task!r} here: its jobs wait for a worker that has it",
    ),
    "queue.paused": (
        logging.INFO,
        lambda e: f"queue {e.queue} is paused by {e.details['by']}: none of its jobs starts",
    ),
    "queue.resumed": (logging.INFO, lambda e: f"queue {e.queue} goes on"),
    "schedule.parked": (
        logging.ERROR,
        lambda e: f"schedule {e.schedule!r} of task {e.task!r} is parked and does not fire: {e.reason}",
    ),
    "message.parked": (
        logging.ERROR,
        lambda e: f"message {e.details['message']} of pipe {e.details['pipe']!r} cannot become {e.task!r}: {e.reason}",
    ),
    "deps.open": (
        logging.ERROR,
        lambda e: f"what bodies depend on was not closed properly: {type(e.details['cause']).__name__}",
    ),
    "database.away": (logging.WARNING, lambda e: f"{e.details['what']}: {e.details['cause']}; trying again"),
    "database.strained": (logging.WARNING, lambda e: f"{e.details['what']}: {e.details['remedy']}"),
    "leader.elected": (logging.DEBUG, lambda e: f"leading, term {e.details['term']}"),
}


def write(event: Event) -> None:
    """A subscriber for "*": logs the facts that have a line."""
    line = LINES.get(event.name)
    if line is not None and log.isEnabledFor(line[0]):
        log.log(line[0], line[1](event), extra={"holdfast_event": event.name})
