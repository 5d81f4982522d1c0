"""What a job has recorded, as a file: to replay it against the code of another day."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from holdfast.app import Holdfast
from holdfast.errors import InvalidOption, JobNotFound
from holdfast.ids import check_id
from holdfast.model.jsontext import dump_json
from holdfast.model.step import StepKey
from holdfast.model.tenant import Scope
from holdfast.storage.ops import steps as ops
from holdfast.storage.ops.steps import StepRecord

FORMAT = 1


@dataclass(frozen=True, slots=True)
class History:
    """One version of a job, and the pieces that it recorded.

    args: JSON text. code: the version of the task's code that it began under. state: what has become of it.
    result: JSON text of what it returned; error: kind and message of what it failed with; None where it did not.
    """

    id: str
    task: str
    queue: str
    tenant: str
    version: int
    attempt: int
    args: str
    code: str | None
    state: str
    result: str | None
    error: dict[str, Any] | None
    steps: tuple[StepRecord, ...]

    @classmethod
    def of(cls, app: Holdfast, id: str) -> "History":
        """The history of a job's newest version. Raises JobNotFound."""
        record = app.jobs.get(check_id(id))
        if record is None:
            raise JobNotFound(f"there is no job {id} (any more)", id)
        kept = app.store.run(ops.read(record.id, record.version, Scope(record.tenant)), "read")
        last = record.errors[-1] if record.errors and record.state == "failed" else None
        return cls(
            record.id, record.task, record.queue, record.tenant, record.version, record.attempt,
            dump_json(record.args, "args"), None if kept is None else kept.code, record.state.value,
            record.result_text if record.state == "succeeded" else None,
            None if last is None else {"kind": last.kind, "message": last.message},
            () if kept is None else tuple(kept.steps),
        )  # fmt: skip

    def dumps(self) -> str:
        """As JSON, a line for each piece."""
        job = {name: getattr(self, name) for name in _JOB}
        steps = [json.dumps({**each._asdict(), "key": list(each.key)}, default=str) for each in self.steps]
        head = json.dumps({"holdfast": FORMAT, **job}, indent=1)[:-2]
        return f'{head},\n "steps": [' + ",".join(f"\n  {step}" for step in steps) + "\n ]\n}\n"

    @classmethod
    def loads(cls, text: str, where: str = "the history") -> "History":
        """What `dumps` wrote. Raises InvalidOption for anything else."""
        try:
            found: dict[str, Any] = json.loads(text)
            if found["holdfast"] != FORMAT:
                raise InvalidOption(f"{where} is of format {found['holdfast']}, and this version reads {FORMAT}")
            steps = tuple(map(_step, found["steps"]))
            return cls(**{name: found[name] for name in _JOB}, steps=steps)
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidOption(f"{where} is no history of a job: {error!r}") from error


_JOB = tuple(name for name in History.__dataclass_fields__ if name != "steps")


def _step(given: dict[str, Any]) -> StepRecord:
    whole: dict[str, Any] = {**given, "key": StepKey(*given["key"])}
    for name in ("began_at", "ended_at", "due"):
        text = cast("str | None", whole[name])
        whole[name] = None if text is None else datetime.fromisoformat(text)
    return StepRecord(**whole)


def histories(folder: str | Path) -> Iterator[tuple[Path, History]]:
    """The histories of a folder's *.json files, by name; or of one file."""
    place = Path(folder)
    for path in [place] if place.is_file() else sorted(place.glob("*.json")):
        yield path, History.loads(path.read_text("utf-8"), str(path))
