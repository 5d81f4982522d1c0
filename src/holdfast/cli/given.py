"""What many commands are given alike, written once: a database that is there, and conditions on jobs.

@program.command("count", cls=Command)
@opened
@conditions
def count(app: Holdfast, which: Which, as_json: AsJson = False) -> None: ...
"""

import inspect
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeAlias

import typer

from holdfast.cli.complete import queue_names, states, task_names
from holdfast.cli.options import Schema, Url, Verbose
from holdfast.cli.target import asked, existing
from holdfast.errors import InvalidOption
from holdfast.model.job import JobState

Function: TypeAlias = Callable[..., None]

Limit: TypeAlias = Annotated[int, typer.Option("--limit", "-n", metavar="N", help="At most so many, 1 to 1000.")]
After: TypeAlias = Annotated[
    str | None, typer.Option(metavar="CURSOR", help="The next page: the cursor that the last one ended with.")
]
By: TypeAlias = Annotated[
    str | None, typer.Option("--by", metavar="WHO", help="Who does it, and why, for the audit. Else the user and host.")
]


def opened(function: Function) -> Function:
    """The command is given `app`, on the database that --url and its like name, and closed after it; and `verbosity`,
    where it has such a parameter, how often -v was said."""
    more = "verbosity" in inspect.signature(function).parameters

    @contextmanager
    def given(values: dict[str, Any]) -> Generator[dict[str, Any]]:
        wanted = asked(*(values.pop(name) for name in ("context", "url", "schema", "verbose")))
        app = existing(wanted)
        try:
            yield {"app": app, "verbosity": wanted.verbose} if more else {"app": app}
        finally:
            app.close()

    return _spread(function, ("app", "verbosity"), _DATABASE, given)


class Which(dict[str, Any]):
    """Conditions on jobs, as `app.jobs.list` takes them; none that was not given."""

    def __init__(self, given: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__((name, value) for name, value in given if value is not None)


def conditions(function: Function) -> Function:
    """The command takes the options that say which jobs are meant, and is given them as `which`."""

    @contextmanager
    def given(values: dict[str, Any]) -> Generator[dict[str, Any]]:
        found = {name: values.pop(name) for name in _CONDITIONS}
        which = Which((name, found[name]) for name in ("queue", "task", "tag", "key", "group", "tenant", "error"))
        which.update(Which((("state", found["state"] or None), ("priority", _span(found["priority"])))))
        for name in ("created", "due", "finished"):
            ends = tuple(instant(found[f"{name}_{end}"], f"--{name}-{end}") for end in ("after", "before"))
            if ends != (None, None):
                which[name] = ends
        yield {"which": which}

    return _spread(function, ("which",), _CONDITIONS, given)


def instant(text: str | None, option: str) -> datetime | None:
    """ISO 8601, UTC where no zone is said; or how long ago (`2h`), or in how long (`+2h`)."""
    if text is None:
        return None
    from holdfast.cli.times import now
    from holdfast.model.duration import seconds

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            ahead = seconds(text.removeprefix("+"), option)
        except InvalidOption as error:
            raise InvalidOption(
                f"{option} must be an instant such as 2026-03-01T03:00Z, or how long ago, such as 2h, not {text!r}"
            ) from error
        return now() + timedelta(seconds=ahead if text.startswith("+") else -ahead)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _span(text: str | None) -> Any:
    """`5`, `5..9`, `5..` or `..9`."""
    if text is None:
        return None
    ends = [part.strip() for part in text.split("..")]
    try:
        numbers = [int(part) if part else None for part in ends]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 2 or numbers == [None]:
        raise InvalidOption(f"--priority must be a number or a range of them, such as 5 or 5..9, not {text!r}")
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _spread(
    function: Function,
    instead: tuple[str, ...],
    options: Mapping[str, Any],
    given: Callable[[dict[str, Any]], AbstractContextManager[dict[str, Any]]],
) -> Function:
    """`function` with `options` in its signature in the place of the parameters `instead`, which `given` makes."""

    def run(**values: Any) -> None:
        with given(values) as made:
            function(**made, **values)

    known = inspect.signature(function).parameters.values()
    own = [part.replace(kind=_NAMED) for part in known if part.name not in instead]
    added = [inspect.Parameter(name, _NAMED, annotation=kind, default=_unsaid(kind)) for name, kind in options.items()]
    # typer takes the context first; --json stands in the last panel of a command's help
    parts = sorted([*own, *added], key=lambda part: (part.name != "context", part.name == "as_json"))
    run.__name__, run.__doc__ = getattr(function, "__name__", "run"), function.__doc__
    run.__annotations__ = {part.name: part.annotation for part in parts}
    setattr(run, "__signature__", inspect.Signature(parts))  # noqa: B010 - no attribute that checkers know
    return run


_NAMED = inspect.Parameter.KEYWORD_ONLY


def _unsaid(kind: Any) -> Any:
    return inspect.Parameter.empty if kind is typer.Context else 0 if kind is Verbose else None


_DATABASE = {"context": typer.Context, "url": Url, "schema": Schema, "verbose": Verbose}


def _condition(kind: Any, metavar: str, help: str, *names: str, complete: Any = None) -> Any:
    option = typer.Option(*names, metavar=metavar, help=help, rich_help_panel="Which jobs", autocompletion=complete)
    return Annotated[kind, option]


_MOMENT = "INSTANT"
_STATES = f"In this state: {', '.join(JobState)}. Repeatable."
_CONDITIONS = {
    "state": _condition(list[str] | None, "STATE", _STATES, complete=states),
    "queue": _condition(str | None, "NAME", "Of this queue.", "--queue", "-q", complete=queue_names),
    "task": _condition(str | None, "NAME", "Of this task.", "--task", "-t", complete=task_names),
    "tag": _condition(str | None, "TAG", "With this tag."),
    "key": _condition(str | None, "KEY", "With this key."),
    "group": _condition(str | None, "NAME", "Of this group."),
    "tenant": _condition(str | None, "NAME", "Of this tenant."),
    "priority": _condition(str | None, "N", "Of this priority, or of a range: 5, 5..9, 5.., ..9."),
    "created_after": _condition(
        str | None, _MOMENT, "Enqueued from then on: 2026-03-01T03:00Z, or how long ago, as in 2h."
    ),
    "created_before": _condition(str | None, _MOMENT, "Enqueued before then."),
    "due_after": _condition(str | None, _MOMENT, "Due from then on; +2h is in two hours."),
    "due_before": _condition(str | None, _MOMENT, "Due before then."),
    "finished_after": _condition(str | None, _MOMENT, "Ended from then on."),
    "finished_before": _condition(str | None, _MOMENT, "Ended before then."),
    "error": _condition(str | None, "TEXT", "With this text in the kind or message of an error."),
}
