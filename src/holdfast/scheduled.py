"""Tasks that run by themselves: what their decorator says becomes a schedule that can be stored."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from holdfast.errors import ConfigError, InvalidArguments, InvalidOption
from holdfast.model.job import NewJob
from holdfast.model.options import NO_OPTIONS, JobOptions
from holdfast.model.rule import CronOption, Every, Spec
from holdfast.model.schedule import NewSchedule, Source, Timetable, template
from holdfast.model.text import check_name, shown
from holdfast.task import Call, Task, to_new_job

_UNSAID = {"tz": "UTC", "catch_up": "latest", "overlap": "allow", "jitter": 0}
"""Defaults of the decorator's parameters, which alone ask for no schedule."""


def timetable(
    args: Mapping[str, Any] | None, *, cron: CronOption | None, every: Every | None, **given: Any
) -> Timetable | None:
    """What a decorator said of a schedule; None where it asked for none. Raises InvalidOption."""
    if cron is None and every is None:
        said = [name for name, value in given.items() if value != _UNSAID.get(name)]
        if said or args is not None:
            raise InvalidOption(f"{', '.join(said) or 'args'} is about a schedule: give cron= or every= too")
        return None
    if args is not None and not isinstance(args, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"args must be a mapping of parameter names to values, not {shown(args)}")
    for name in cast("Iterable[object]", args or ()):
        if not isinstance(name, str):
            raise InvalidOption(f"args must be a mapping of parameter names to values: {shown(name)} is no name")
    return Timetable(Spec.of(cron, every, **given), dict(args or {}))


def schedule_by(task: Task[Any, Any, Any], when: Timetable) -> None:
    """Give a task its timetable. Raises InvalidArguments where the function would not take the arguments, InvalidOption
    for an option that no schedule can have."""
    task.timetable = when
    try:
        template(to_new_job(_call(task, when)))
    except ConfigError:
        return  # an annotation that cannot be resolved yet: it is looked at again when a worker starts


def _call(task: Task[Any, Any, Any], when: Timetable) -> Call[Any]:
    try:
        call: Call[Any] = task.call(**when.args)
        return call
    except InvalidArguments as error:
        raise InvalidArguments(
            f"nobody gives a scheduled task its arguments but args=, a mapping by their names: {error}"
        ) from error


def declared(task: Task[Any, Any, Any], defaults: JobOptions, deployment: str | None) -> NewSchedule | None:
    """The schedule that a task's decorator declares, under the task's name; None where it declares none."""
    if task.timetable is None:
        return None
    new = to_new_job(_call(task, task.timetable), defaults)
    return scheduled(task.name, new, task.timetable.spec, "code", deployment)._replace(formerly=task.aliases)


def scheduled(name: str, new: NewJob, spec: Spec, source: Source = "api", deployment: str | None = None) -> NewSchedule:
    """A schedule of jobs like `new`. Raises InvalidOption for what a schedule cannot store."""
    return NewSchedule(
        new.tenant, check_name(name, "a schedule's name"), new.task, new.args, template(new), spec, source, deployment
    )


def as_new_job(what: "Call[Any] | Task[Any, Any, Any]", defaults: JobOptions = NO_OPTIONS) -> NewJob:
    """The job that a schedule is to make: a call, or a task that needs no arguments. Raises InvalidOption."""
    if isinstance(what, Task):
        what = what.call()
    if not isinstance(what, Call):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidOption(f"a schedule is put with a call such as send_mail.call('a@b.c'), not {shown(what)}")
    if what.task.connection is not None:
        raise InvalidOption("a call with connection= is for one transaction: app.bind(connection).schedules.put(…)")
    if what.awaits or what.task.awaits or what.task.batch:
        raise InvalidOption("after= and batches are about jobs that are there: those of a schedule wait for none")
    return to_new_job(what, defaults)
