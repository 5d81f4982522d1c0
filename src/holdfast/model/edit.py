"""What may be said anew of a job that waits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from holdfast.clock import to_micros
from holdfast.errors import InvalidOption
from holdfast.model.job import JobRecord, JobState
from holdfast.model.jsontext import dump_json
from holdfast.model.options import JobOptions
from holdfast.model.policy import Policy
from holdfast.model.retry import Retry
from holdfast.model.text import shown

COLUMNS = ("queue", "priority", "timeout", "tags", "metadata")
POLICY = ("retry", "on_timeout", "on_crash", "max_crashes", "keep_succeeded", "keep_failed")
EDITED = (*COLUMNS, "delay", "run_at", "args", *POLICY)
TAKEN = (JobState.SCHEDULED, JobState.BLOCKED, JobState.READY)


@dataclass(frozen=True, slots=True)
class Edit:
    """Checked changes, by the name of their option."""

    changes: Mapping[str, Any]

    @staticmethod
    def of(given: Mapping[str, Any]) -> Edit:
        """InvalidOption for what cannot be edited, and for no change at all."""
        if not given:
            raise InvalidOption(f"say what to change: {', '.join(EDITED)}")
        for name in given:
            if name not in EDITED:
                raise InvalidOption(f"{shown(name)} of a job cannot be edited; these can: {', '.join(EDITED)}")
        asked = dict(given)
        changes: dict[str, Any] = {}
        if "args" in asked:
            args = asked.pop("args")
            if not isinstance(args, Mapping):
                raise InvalidOption(
                    f"args must be a mapping by the names of the parameters, not {shown(cast(object, args))}"
                )
            changes["args"] = dump_json(dict(cast("Mapping[str, Any]", args)), "args")
        options = JobOptions.of(asked)
        if options.open:
            raise InvalidOption(f"{options.open[0]} of a job that is stored is a value, not a function")
        changes.update((name, getattr(options, name)) for name in asked)
        return Edit(changes)

    @property
    def moves(self) -> bool:
        return self.changes.get("delay") is not None or self.changes.get("run_at") is not None

    def takes(self, record: JobRecord, gates: str | None) -> bool:
        """Whether a job can be edited so: it waits, and if it is to be due at another time, for nothing else."""
        if record.state not in TAKEN:
            return False
        return not self.moves or (gates is None and record.state is not JobState.BLOCKED)

    def columns(
        self, record: JobRecord, tags: str | None, metadata: str | None, most: int, timeout: float | None, policy: str
    ) -> tuple[Any, ...]:
        """What edit.sql is given after the id."""
        new = self.changes
        rules = {name: new[name] for name in POLICY if name in new}
        retry = rules.get("retry")
        if rules:
            was = Policy.read(policy)
            said = was.said + "".join(
                letter
                for letter, name in (("r", "retry"), ("s", "keep_succeeded"), ("f", "keep_failed"))
                if name in rules and letter not in was.said
            )
            policy = replace(was, **rules, said=said).dumps()
        run_at = new.get("run_at")
        return (
            new.get("queue", record.queue), new.get("priority", record.priority), new.get("args"), new.get("delay"),
            None if run_at is None else to_micros(run_at),
            max(retry.attempts, record.attempt, 1) if isinstance(retry, Retry) else most,
            new.get("timeout", timeout), policy, new.get("tags", tags), new.get("metadata", metadata),
        )  # fmt: skip

    def difference(self, record: JobRecord) -> tuple[str, str]:
        """What a note says it was, and what it became, as JSON. Arguments are not told: they may be secrets."""
        was = {name: _plain(getattr(record, _FIELDS.get(name, name), None)) for name in self.changes if name != "args"}
        became = {name: _plain(value) for name, value in self.changes.items() if name != "args"}
        for name in ("tags", "metadata"):
            if isinstance(became.get(name), str):
                became[name] = json.loads(became[name])
        if "args" in self.changes:
            was["args"] = became["args"] = "…"
        return json.dumps(was), json.dumps(became)


_FIELDS = {"retry": "max_attempts", "delay": "due_at", "run_at": "due_at"}


def _plain(value: Any) -> Any:
    if isinstance(value, Retry):
        return value.attempts
    if isinstance(value, tuple | list):
        return list(cast("list[Any]", value))
    if isinstance(value, Mapping):
        return dict(cast("dict[str, Any]", value))
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
