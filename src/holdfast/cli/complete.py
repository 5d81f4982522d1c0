"""What a shell may offer for a word that is being typed. Never an error, never a database that is made for it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.target import Asked, existing
from holdfast.model.job import JobState

if TYPE_CHECKING:
    from holdfast.app import Holdfast


def states(incomplete: str) -> list[str]:
    return [state.value for state in JobState if state.startswith(incomplete)]


def queue_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Queues of the database: those of which something was said, and those in which jobs wait or run."""
    return _names(ctx, incomplete, lambda app: [queue.name for queue in app.queues.list()])


def task_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Tasks of which jobs are live, or ended within a day."""
    return _names(ctx, incomplete, lambda app: [task.name for task in app.stats.tasks("24h")])


def schedule_names(ctx: typer.Context, incomplete: str) -> list[str]:
    return _names(ctx, incomplete, lambda app: [schedule.name for schedule in app.schedules.list()])


def _names(context: Any, incomplete: str, ask: "Callable[[Holdfast], list[str]]") -> list[str]:
    try:
        app = existing(_asked(context))
        try:
            return [name for name in ask(app) if name.startswith(incomplete)]
        finally:
            app.close()
    except Exception:  # a shell can show no error amid a line
        return []


def _asked(context: Any) -> Asked:
    """The options about the database, wherever on the line they stand. While a line is completed no command runs that
    would gather them."""
    found = Asked()
    while context is not None:
        found.url = found.url or context.params.get("url")
        found.schema = found.schema or context.params.get("schema")
        context = context.parent
    return found
