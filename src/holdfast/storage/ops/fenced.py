"""Writes about jobs that their token guards, and what is asked about those that it stopped."""

from __future__ import annotations  # an op's steps are made for each call: hints would be evaluated each time

from collections.abc import Sequence

from holdfast.model import undoing
from holdfast.model.conflict import NEWER
from holdfast.model.job import JobState
from holdfast.model.lifecycle import Finish, Requeue
from holdfast.model.policy import is_awaited
from holdfast.storage.op import Row, Statement, Steps
from holdfast.storage.ops import waits
from holdfast.storage.ops.ending import Ending, Held, finish_row, over, superseded
from holdfast.storage.ops.waking import waking

RESCUED = frozenset({"rescued", "suspect"})
"""Reasons of jobs that a rescue has put back."""

HANDED = 4
"""What held.sql says of a row on which a newer version waits for the end of this one."""

WATCHED = 5
"""And of one for whose end others wait."""

HANDED_ON = 6
"""And of one on which a newer version waits that is to wait for others, too."""


def unwatched(endings: Sequence[Ending]) -> Steps[list[tuple[Ending, Ending]]]:
    """Write ends of jobs that others wait for, who are to be seen to then (`let_go`), and let those live on that have
    something to undo first: what was asked for, and what was written. Those that somebody has locked are not."""
    keys = [
        (ending.lease.tenant, ending.lease.id, ending.lease.token, int(_verdict(ending).undoes)) for ending in endings
    ]
    marked = [endings[int(row[0]) - 1] for row in (yield Statement("unwatch", keys))]
    done = (yield Statement("finish", [finish_row(ending) for ending in marked])) if marked else []
    written = [(ending, ending) for ending in (marked[int(row[0]) - 1] for row in done)]
    there = {id(ending) for ending in marked}
    left = [ending for ending in endings if id(ending) not in there and _verdict(ending).undoes]
    return [*written, *((yield from begin_to_undo(left)) if left else ())]


def begin_to_undo(endings: Sequence[Ending]) -> Steps[list[tuple[Ending, Ending]]]:
    """Have jobs live on that are over, until what they did is undone, and let those go on that can at once."""
    rows = [
        (*ending.lease[:3], undoing.written(over.state.value, over.reason), over.error, ending.elapsed,
         int(over.reason == "crashed"))
        for ending in endings
        for over in (_verdict(ending),)
    ]  # fmt: skip
    begun: list[tuple[Ending, Ending]] = []
    for ordinal, moved in (yield Statement("undoing", rows)):
        ending = endings[int(ordinal) - 1]
        state = JobState.SUSPENDED if moved else JobState.READY
        begun.append((ending, ending._replace(verdict=Requeue(state, "undo", error=_verdict(ending).error))))
    keys = [each.lease[:2] for _, each in begun if each.verdict.state is JobState.SUSPENDED]
    if keys:
        yield from waking(keys)
    return begun


def _verdict(ending: Ending) -> Finish:
    assert isinstance(ending.verdict, Finish)
    return ending.verdict


def let_go(written: Sequence[Ending], released: list[Row]) -> Steps[None]:
    """See to those who waited for what `unwatched` wrote.

    released: gets something where that made jobs ready.
    """
    ended = [ending for ending in written if isinstance(ending.verdict, Finish)]
    if ended:
        released.extend((yield waits.over(map(over, ended))))
    if len(ended) < len(written):
        released.append(())


def end_locked(endings: Sequence[Ending], released: list[Row]) -> Steps[list[Ending]]:
    """End jobs that wait and are locked already, and let go who waited for them: what was written, which may be that a
    job lives on to undo what it did.

    released: gets something where that made others ready.
    """
    done = {int(row[0]) for row in (yield Statement("finish", [finish_row(ending) for ending in endings]))}
    written = [ending for ordinal, ending in enumerate(endings, 1) if ordinal in done]
    missed = [ending for ordinal, ending in enumerate(endings, 1) if ordinal not in done]
    if missed and (watched := [after for _, after in (yield from unwatched(missed))]):
        written += watched
        yield from let_go(watched, released)
    return written


def fenced(
    name: str, endings: Sequence[Ending], rows: Sequence[Row], answers: dict[int, Held], watched: list[Ending]
) -> Steps[list[Ending]]:
    """Write, and ask about the rows that did not answer: only they cost a second statement. Answers what it wrote.

    watched: filled with those of them for which `let_go` is to be called.
    """
    done = {row[0] for row in (yield Statement(name, rows))}
    for ordinal, ending in enumerate(endings, 1):
        answers[id(ending)] = Held.DONE if ordinal in done else Held.LOST
    missed = [ending for ordinal, ending in enumerate(endings, 1) if ordinal not in done]
    written = [ending for ordinal, ending in enumerate(endings, 1) if ordinal in done] if missed else list(endings)
    if not missed:
        return written
    keys = [(ending.lease.tenant, ending.lease.id, ending.lease.token) for ending in missed]
    handed: list[tuple[Ending, Ending]] = []
    marked: list[Ending] = []
    awaited: set[int] = set()
    owing: list[tuple[Ending, Ending]] = []
    waiting: list[tuple[str, str]] = []
    for ordinal, place, state, reason, policy in (yield Statement("held", keys)):
        ending = missed[int(ordinal) - 1]
        verdict = ending.verdict
        if place != 2 and undoing.is_undoing(policy) and not (isinstance(verdict, Finish) and verdict.undone):
            answers[id(ending)] = _of_undoing(verdict, state)
            continue
        if place == WATCHED and isinstance(verdict, Finish):
            marked.append(ending)
            awaited |= {id(ending)} if is_awaited(policy) else set()
        answers[id(ending)] = _judge(verdict, place, state, reason)
        if place in (HANDED, HANDED_ON):
            end = superseded(ending, policy)
            if undoing.OWING in policy and _verdict(end).undoes:
                owing.append((ending, end))
                continue
            handed.append((ending, end))
        if place == HANDED_ON:
            waiting.append((ending.lease.tenant, ending.lease.id))
    if marked:
        pairs = yield from unwatched(marked)
        watched += [_awaited(after) if id(ending) in awaited else after for ending, after in pairs]
        answers.update((id(ending), Held.DONE if ending is after else Held.UNDOING) for ending, after in pairs)
    if owing:
        first = {id(end): ending for ending, end in owing}
        pairs = yield from begin_to_undo([end for _, end in owing])
        watched += [after for _, after in pairs]
        answers.update((id(first[id(end)]), Held.UNDOING) for end, _ in pairs)
    if handed:
        for row in (yield Statement("hand_over", [finish_row(end) for _, end in handed])):
            ending, end = handed[int(row[0]) - 1]
            answers[id(ending)] = Held.DONE if end.verdict is ending.verdict else Held.REPLACED
            written.append(end)
    if waiting:
        yield from waits.begun(waiting)
    return [*written, *watched]


def _judge(verdict: Finish | Requeue, place: int, state: str, reason: str | None) -> Held:
    """`place` as held.sql says it: 1 running under our token, 2 in history, 3 back in the queue, 4 and 6 to be handed
    over, 5 either of 1 and 3, and waited for.

    A rescue ends and requeues under the same token, but says other things than we do.
    """
    if place == 2:
        if isinstance(verdict, Requeue):
            return Held.REPLACED if reason == NEWER else Held.LOST
        ours = (verdict.state, verdict.reason) == (state, reason)
        return Held.DONE if ours else Held.LOST
    back = place == 3 or (place == WATCHED and state != JobState.RUNNING)
    if back and isinstance(verdict, Requeue):
        return Held.LOST if reason in RESCUED and reason != verdict.reason else Held.DONE
    return Held.LOCKED


def _awaited(written: Ending) -> Ending:
    """Somebody began to wait for it after it was claimed."""
    return written._replace(lease=written.lease._replace(awaited=True))


def _of_undoing(verdict: Finish | Requeue, state: str) -> Held:
    """Of a job that has begun to undo what it did: by a first try of this write, or by somebody else just before."""
    if state == JobState.RUNNING:  # our own row, and locked
        return Held.LOCKED
    return Held.UNDOING if isinstance(verdict, Finish) else Held.DONE
