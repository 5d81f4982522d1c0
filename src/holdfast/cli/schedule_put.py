"""What `holdfast schedules put` stores: by an app's task, or over what is there."""

import json
from typing import TYPE_CHECKING, Any

from holdfast.errors import ConfigError, InvalidOption
from holdfast.model.rule import Spec
from holdfast.model.schedule import NewSchedule
from holdfast.model.tenant import Scope
from holdfast.model.text import check_name
from holdfast.storage.ops import schedules as ops

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.model.schedule import Schedule


def store(
    app: "Holdfast",
    name: str,
    task: str | None,
    args: dict[str, Any] | None,
    cron: list[str] | None,
    every: str | None,
    when: dict[str, Any],
    paused: bool | None,
    checked: bool,
) -> "Schedule":
    """Put it, what is not given as it was; `checked`: by the app's own task, whose options its jobs then have."""
    check_name(name, "a schedule's name")
    there, _ = app.store.run(ops.stored_rule(name, Scope()), "read")
    task = task or (None if there is None else there.task)
    if task is None:
        raise InvalidOption("a new schedule needs --task: the name of the task it is to run")
    same = there is not None and there.task == task
    if args is None and there is not None and same:
        args = json.loads(there.args)
    spec = _spec(None if there is None else there.spec, cron, every, when)
    if checked:
        found = next((one for one in app.tasks if task in (one.name, *one.aliases)), None)
        if found is None:
            raise ConfigError(
                f"the app has no task {task!r}; it has {', '.join(sorted(one.name for one in app.tasks))}"
            )
        return app.schedules.put(name, found.call(**(args or {})), paused=paused, **_rule(spec))
    job = there.job if there is not None and same else "{}"
    text = json.dumps(args or {}, separators=(",", ":"), ensure_ascii=False)
    new = NewSchedule("default", name, check_name(task, "--task"), text, job, spec, paused=paused)
    return app.store.run(ops.put(new))


def _spec(stored: str | None, cron: list[str] | None, every: str | None, when: dict[str, Any]) -> Spec:
    """The rule as it was, but for what is given."""
    given: dict[str, Any] = {"cron": cron[0] if cron and len(cron) == 1 else cron or None, "every": every}
    if stored is not None:
        there = _rule(Spec.loads(stored))
        if given["cron"] is None and every is None:
            given = {name: there.get(name) for name in given}
        when = {**{name: value for name, value in there.items() if name not in given}, **when}
    if given["cron"] is None and given["every"] is None:
        raise InvalidOption("a new schedule needs --cron or --every: when it is to fire")
    return Spec.of(**given, **when)


def _rule(spec: Spec) -> dict[str, Any]:
    names = ("tz", "start_at", "end_at", "max_runs", "catch_up", "overlap", "jitter", "twice", "missing")
    rule: dict[str, Any] = {name: getattr(spec, name) for name in names}
    return {**rule, "cron": list(spec.cron)} if spec.cron else {**rule, "every": spec.every}
