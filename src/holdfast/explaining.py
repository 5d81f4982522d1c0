"""`app.jobs.explain(id)`: why a job does not run."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from holdfast.errors import JobNotFound
from holdfast.executor import Executor
from holdfast.model.explanation import Explanation, Why
from holdfast.model.finding import span
from holdfast.model.gate import ENTERS, GROUP, LIMIT, THROTTLE
from holdfast.model.job import JobRecord, JobState
from holdfast.model.queue import TOGETHER
from holdfast.model.tenant import Scope
from holdfast.storage.ops import explain
from holdfast.storage.ops.explain import AHEAD, GateSight, Holder, QueueSight, Sight
from holdfast.storage.ops.inspect import WorkerRecord

Later = Callable[[float], datetime]


def told(executor: Executor, id: str, scope: Scope) -> Explanation | None:
    """Why a job is where it is, None for one that is not live."""
    seen = executor.run(explain.sight(id, scope), "read")
    if seen is None:
        return None
    if executor.client.store.one_tenant:
        return explained(id, seen, None, None, executor.now())
    rule = executor.run(explain.rule(seen.queue, scope), "read")
    workers = executor.run(explain.here(), "read")
    return explained(id, seen, rule, workers, executor.now())


async def atold(executor: Executor, id: str, scope: Scope) -> Explanation | None:
    """`told` for event loops."""
    seen = await executor.arun(explain.sight(id, scope), "read")
    if seen is None:
        return None
    if executor.client.store.one_tenant:
        return explained(id, seen, None, None, executor.now())
    rule = await executor.arun(explain.rule(seen.queue, scope), "read")
    workers = await executor.arun(explain.here(), "read")
    return explained(id, seen, rule, workers, executor.now())


def explained(
    id: str, seen: Sight, rule: QueueSight | None, workers: Sequence[WorkerRecord] | None, now: datetime
) -> Explanation:
    """Why a live job is where it is.

    rule: what was said of its queue, which only matters to a ready job. workers: who works; None: not ours to know.
    """

    def later(seconds: float) -> datetime:
        return now + timedelta(seconds=max(seconds, 0.0))

    if workers is None:
        reasons = tuple(_seen_by_a_tenant(seen, later))
    else:
        reasons = tuple(_reasons(seen, rule, [worker for worker in workers if worker.alive], later))
    known = [reason.until for reason in reasons if reason.until is not None]
    certain = len(known) == len(reasons) and seen.state is not JobState.RUNNING
    return Explanation(id, seen.task, seen.queue, seen.state, reasons, max(known) if certain and known else None)


def ended(id: str, record: JobRecord | None) -> Explanation:
    """How a finished job ended. Raises JobNotFound for none."""
    if record is None:
        raise JobNotFound(f"there is no job {id}", id)
    why = f" ({record.reason})" if record.reason else ""
    error = record.errors[-1] if record.errors and record.state is not JobState.SUCCEEDED else None
    last = f", its last error: {error.kind}: {error.message:.200}" if error else ""
    text = f"it ended at {record.finished_at:%Y-%m-%d %H:%M:%S} UTC{why}{last}"
    data = {"state": record.state.value, "reason": record.reason}
    return Explanation(record.id, record.task, record.queue, record.state, (Why("ended", text, None, data),))


def _seen_by_a_tenant(seen: Sight, later: Later) -> Iterator[Why]:
    """What its own rows say, where workers and the rules of queues are not to be seen."""
    if seen.state is JobState.RUNNING:
        yield Why("running", f"a worker took it {span(seen.running_for or 0.0)} ago (attempt {seen.attempt})")
    elif seen.state is JobState.READY and seen.stop_reason is None:
        yield Why("in_line", f"it waits for a worker to take it{_line(seen)}", None, {"before": seen.before})
    elif seen.state is JobState.BLOCKED and seen.reason == "unknown_task":
        yield Why("unknown_task", f"it waits for a worker that knows task {seen.task}", None, {"task": seen.task})
    elif seen.state is JobState.SCHEDULED and seen.due_in <= 0:
        yield Why("due", "it is due, and is made ready in a moment", later(0.0))
    else:
        yield from _reasons(seen, None, (), later)


def _reasons(seen: Sight, rule: QueueSight | None, alive: Sequence[WorkerRecord], later: Later) -> Iterator[Why]:
    if seen.stop_reason is not None and seen.state is not JobState.RUNNING:
        yield Why("cancel_asked", f"it was asked to stop ({seen.stop_reason}) and ends within a second")
        return
    for name, left in (("expires", seen.expires_in), ("deadline", seen.deadline_in)):
        if left is not None and left <= 0 and seen.state is not JobState.RUNNING:
            yield Why("expired", f"its {name} passed {span(-left)} ago: it never starts, and the leader ends it")
            return
    match seen.state:
        case JobState.RUNNING:
            yield _running(seen, alive)
        case JobState.SCHEDULED:
            yield _scheduled(seen, alive, later)
        case JobState.SUSPENDED:
            yield from _suspended(seen, later)
        case JobState.BLOCKED:
            yield from _blocked(seen, alive, later)
        case _:
            yield from _ready(seen, rule, alive, later)


def _running(seen: Sight, alive: Sequence[WorkerRecord]) -> Why:
    worker = next((one for one in alive if one.boot == seen.worker), None)
    data = {"worker": seen.worker, "attempt": seen.attempt}
    if seen.lease_left is not None and seen.lease_left <= 0:
        text = (
            f"its worker has not been heard of: its lease ran out {span(-seen.lease_left)} ago, the leader puts it back"
        )
        return Why("lease_ran_out", text, None, data)
    if worker is None:
        text = f"a worker that has vanished holds it: it runs again in {span(seen.lease_left or 0.0)}"
        return Why("worker_vanished", text, None, data)
    if seen.stop_reason is not None:
        return Why(
            "stopping", f"worker {worker.name} runs it, and was asked to stop it ({seen.stop_reason})", None, data
        )
    text = f"worker {worker.name} on {worker.host} took it {span(seen.running_for or 0.0)} ago (attempt {seen.attempt})"
    if worker.running >= worker.concurrency:
        text += f"; all its {worker.concurrency} slots are taken, and it may have to wait there for a moment"
        return Why("taken_ahead", text, None, {**data, "slots": worker.concurrency})
    return Why("running", text, None, data)


def _scheduled(seen: Sight, alive: Sequence[WorkerRecord], later: Later) -> Why:
    due = later(seen.due_in)
    if seen.due_in <= 0:
        late = f"it was due {span(-seen.due_in)} ago, and the leader makes it ready"
        if not alive:
            return Why("no_leader", f"{late}; but nobody works, so nobody leads: start a worker")
        return Why("due", f"{late} in a moment", due)
    if seen.reason in ("retry", "rescued", "suspect"):
        tries = f"attempt {seen.attempt + 1} of {seen.max_attempts}"
        return Why("retry", f"{tries} is due in {span(seen.due_in)}", due, {"attempt": seen.attempt + 1})
    return Why("not_due", f"it is due in {span(seen.due_in)}", due)


def _suspended(seen: Sight, later: Later) -> Iterator[Why]:
    for piece in seen.pieces:
        until = None if piece.due_in is None else later(piece.due_in)
        data = {"name": piece.name, "kind": piece.kind}
        if piece.kind == "sleep":
            yield Why("sleeps", f"it sleeps for another {span(max(piece.due_in or 0.0, 0.0))}", until, data)
        elif piece.kind == "undo":
            again = span(max(piece.due_in or 0.0, 0.0))
            yield Why("undoes", f"it is over, and tries in {again} to undo {piece.name} again", until, data)
        else:
            limit = "" if piece.due_in is None else f", for {span(max(piece.due_in, 0.0))} at most"
            yield Why("waits_inside", f"its body waits: {piece.kind} {piece.name}{limit}", None, data)
    if not seen.pieces:
        yield Why("wakes", "what it waited for has come, and it goes on in a moment")


def _blocked(seen: Sight, alive: Sequence[WorkerRecord], later: Later) -> Iterator[Why]:
    if seen.reason == "unknown_task":
        yield from _unknown(seen, alive)
    elif seen.reason == "nondeterminism":
        yield Why(
            "changed_code", "its code asks for other steps than it recorded: it goes on once code that fits is there"
        )
    elif seen.reason == "undo":
        yield Why("undo", "what undoes one of its steps has failed ten times: it goes on when it is released")
    elif seen.reason == ENTERS:
        yield Why("gate_entry", "the leader looks at its groups and limits in a moment")
    elif seen.gates:
        names = {worker.boot: worker.name for worker in alive}
        for gate in seen.gates:
            if not gate.held:
                yield from _gate(gate, names, later)
    elif seen.waits:
        for wait in seen.waits:
            what = f"batch {wait.batch}" if wait.batch is not None else f"job {wait.task or ''}".rstrip()
            how = {"succeeded": "succeed", "failed": "fail"}.get(wait.need, "end")
            is_now = f", which is {wait.state}" if wait.state else ""
            text = f"it waits for {what} {wait.id} to {how}{is_now}"
            yield Why("dependency", text, None, {"id": wait.id, "need": wait.need, "state": wait.state})
    else:
        yield Why("blocked", f"it is blocked ({seen.reason}), and what it waited for has just gone")


def _gate(gate: GateSight, names: dict[str, str], later: Later) -> Iterator[Why]:
    kind, _, name = gate.gate.partition(":")
    what = {GROUP: "group", LIMIT: "limit", THROTTLE: "throttle"}.get(f"{kind}:", kind)
    data = {"name": name, "size": gate.size, "used": gate.used, "before": gate.before}
    before = "1 job" if gate.before == 1 else f"{gate.before if gate.before < AHEAD else '1,000 or more'} jobs"
    line = f", with {before} before it in line" if gate.before else ""
    offered = [holder for holder in gate.holders if holder.state == JobState.READY]
    stops = [holder for holder in gate.holders if holder.stops]
    if stops:
        text = f"{what} {name} is shut since job {stops[0].id} failed: retry it, or app.groups.resume({name!r}){line}"
        yield Why("group_stopped", text, None, {**data, "job": stops[0].id})
    elif gate.size is not None and gate.used + gate.weight > gate.size:
        held = ", ".join(_holder(holder, names) for holder in gate.holders[:3])
        places = f"all {gate.size} places" if gate.size > 1 else "the place"
        held = f": {held}" + (" and more" if gate.used > 3 else "") if held else ""
        yield Why(
            f"{what}_full",
            f"{places} of {what} {name} {'are' if gate.size > 1 else 'is'} taken{held}{line}",
            None,
            data,
        )
    elif gate.next_in is not None and gate.next_in > 0:
        until = later(gate.next_in) if not gate.before else None
        yield Why("throttled", f"{what} {name} lets the next one start in {span(gate.next_in)}{line}", until, data)
    elif gate.spacing is not None and offered:
        text = f"{what} {name} starts one every {span(gate.spacing)}, and job {offered[0].id} is next{line}"
        yield Why("throttled", text, None, {**data, "job": offered[0].id})
    else:
        yield Why(
            "gate_entry", f"there is room in {what} {name}, and it is offered its place in a moment{line}", None, data
        )


def _holder(holder: Holder, names: dict[str, str]) -> str:
    if holder.state == JobState.RUNNING:
        on = f" on worker {names.get(holder.worker or '', 'that vanished')}" if names else ""
        return f"job {holder.id}{on}"
    return f"job {holder.id} ({holder.state or 'ended'})"


def _unknown(seen: Sight, alive: Sequence[WorkerRecord]) -> Iterator[Why]:
    data = {"task": seen.task}
    if any(worker.knows(seen.task) or worker.knows(seen.mark) for worker in alive):
        yield Why("unknown_task", f"a worker that knows task {seen.task} takes it in a moment", None, data)
    else:
        which = f"none of {len(alive)} live workers knows" if alive else "nobody works who knows"
        yield Why("unknown_task", f"{which} task {seen.task}: start one whose app has it", None, data)


def _ready(seen: Sight, rule: QueueSight | None, alive: Sequence[WorkerRecord], later: Later) -> Iterator[Why]:
    held = list(_held_by_queue(seen, rule, later)) if rule is not None else []
    yield from held
    serving = [worker for worker in alive if worker.serves(seen.queue)]
    knowing = [worker for worker in serving if worker.knows(seen.task) or worker.knows(seen.mark)]
    data = {"queue": seen.queue, "task": seen.task, "workers": len(alive)}
    if not alive:
        yield Why("no_worker", "nobody works: start holdfast worker", None, data)
    elif not serving:
        yield Why("queue_not_served", f"none of {len(alive)} live workers serves queue {seen.queue}", None, data)
    elif not knowing:
        yield Why("unknown_task", f"no live worker of queue {seen.queue} knows task {seen.task}", None, data)
    elif all(worker.paused for worker in knowing):
        yield Why("workers_paused", f"every worker that would take it is paused ({_named(knowing)})", None, data)
    elif held:
        return
    elif all(worker.running >= worker.concurrency for worker in knowing if not worker.paused):
        slots = sum(worker.concurrency for worker in knowing if not worker.paused)
        yield Why(
            "no_free_slot", f"all {slots} slots of its workers are taken{_line(seen)}", None, {**data, "slots": slots}
        )
    elif seen.before:
        yield Why("in_line", f"it is not its turn yet{_line(seen)}", None, {**data, "before": seen.before})
    else:
        yield Why("next", "it is next, and is taken in a moment", later(0.0), data)


def _held_by_queue(seen: Sight, rule: QueueSight, later: Later) -> Iterator[Why]:
    data = {"queue": seen.queue}
    if rule.paused_for is not None:
        text = f"queue {seen.queue} was paused by {rule.paused_by} {span(max(rule.paused_for, 0.0))} ago"
        yield Why("queue_paused", text, None, {**data, "by": rule.paused_by})
    elif rule.concurrency is not None and rule.running >= rule.concurrency:
        text = f"queue {seen.queue} runs {rule.running} of {rule.concurrency} jobs at once{_line(seen)}"
        yield Why("queue_full", text, None, {**data, "concurrency": rule.concurrency, "running": rule.running})
    elif rule.next_in is not None and rule.next_in > TOGETHER:
        until = later(rule.next_in + seen.before * (rule.spacing or 0.0)) if seen.before < AHEAD else None
        text = f"queue {seen.queue} lets the next one start in {span(rule.next_in)}{_line(seen)}"
        yield Why("queue_paced", text, until, data)


def _line(seen: Sight) -> str:
    if not seen.before:
        return ""
    return f", and {seen.before if seen.before < AHEAD else '1,000 or more'} jobs of queue {seen.queue} are before it"


def _named(workers: Sequence[WorkerRecord]) -> str:
    names = [worker.name for worker in workers]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
