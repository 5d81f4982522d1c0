"""Messages sent by an app, one of its tenants, or in a caller's transaction."""

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from holdfast.admission import apatiently, patiently
from holdfast.errors import AnswerRefused, InvalidOption, WaitNotFound
from holdfast.executor import Executor
from holdfast.handle import Job
from holdfast.ids import check_id, derived_id
from holdfast.model.ask import Ask
from holdfast.model.branch import Inside
from holdfast.model.job import JobRecord
from holdfast.model.jsontext import dump_json
from holdfast.model.message import NewMessage, Sent
from holdfast.model.tenant import ALL, Scope
from holdfast.model.text import check_name, shown
from holdfast.pipes import Pipes
from holdfast.running import enqueueing, run_of
from holdfast.storage.base import Store
from holdfast.storage.ops import asks
from holdfast.storage.ops.asks import Replied, Reply
from holdfast.storage.ops.pipes import send
from holdfast.storage.ops.steps import StepRow
from holdfast.storage.ops.waking import Key, wake
from holdfast.waiting import running_job

TRIES, LOCKED_PAUSE = 500, 0.02


class Posting:
    """The part of a surface that sends: what pipes are bound to."""

    _executor: Executor
    _tenant: str | None = None
    _connection: Any = None

    @property
    def _scope(self) -> Scope:
        raise NotImplementedError

    def bind(self, connection: Any) -> "Posting":
        """The same within the caller's transaction on this connection."""
        raise NotImplementedError

    @property
    def pipes(self) -> Pipes:
        """Messages by the names of their pipes: `app.pipes.messages("song.uploaded")`, `app.pipes.send(…)`."""
        return Pipes(self._executor, self._scope, self)

    def _post(self, new: Sequence[NewMessage]) -> list[Sent]:
        """What `pipe.send` comes to: store these messages, all or none."""
        new = numbered(self._owned(new))
        op = send(new, self._scope_for(new))
        return patiently(self._executor, op, "write" if op.single else "keys")

    async def _apost(self, new: Sequence[NewMessage]) -> list[Sent]:
        """What `pipe.asend` comes to. In an async body it is done once, however often the body runs."""
        new = numbered(self._owned(new))
        line = None if self._connection is not None else enqueueing()
        if line is None:
            return await self._asend(new)
        run, job = run_of(line), line.root.job
        text = "\n".join(f"{message.key} {message.value}" for message in new)
        mark = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()
        asked = await run.ask(line, f"send {new[0].pipe}"[:200], "send", mark)
        if asked.known is not None and asked.known.state == "done":
            return [Sent(*each) for each in json.loads(asked.known.result or "[]")]
        # Repeated, for an earlier run may have sent them before it recorded anything.
        again = [
            message._replace(id=derived_id(job.id, job.version, *asked.key, number))
            for number, message in enumerate(new)
        ]  # fmt: skip
        sent: list[Sent] = await run.busy(self._asend(again))
        await run.put(asked, StepRow(asked.key, asked.place, "send", "done", mark, json.dumps(sent)))
        return sent

    async def _asend(self, new: Sequence[NewMessage]) -> list[Sent]:
        op = send(new, self._scope_for(new))
        return await apatiently(self._executor, op, "write" if op.single else "keys")

    # Answering

    def waits(self, job: JobRecord | Job[Any] | str | UUID) -> list[Ask]:
        """What a job waits for: messages of pipes, and with which token each wait can be answered by hand.

        >>> [(wait.pipe, wait.where, wait.token) for wait in app.waits(job)]
        """
        return self._executor.run(asks.of_job(_id(job), self._scope), "read")

    async def awaits(self, job: JobRecord | Job[Any] | str | UUID) -> list[Ask]:
        """`waits` for event loops."""
        return await self._executor.arun(asks.of_job(_id(job), self._scope), "read")

    def answer(self, token: str, value: Any) -> None:
        """End the wait that has this token, as if `value` had come as a message of its pipe; no other job sees it.

        Raises WaitNotFound for a token that nobody waits with, AnswerRefused (nothing changes) where the wait is over
        or the value does not hold what it waits for, and InvalidArguments for one that is not of the pipe's type.

        >>> app.answer(token, {"song": 7, "ok": True})
        """
        executor, scope = self._executor, self._scope
        pipe = executor.run(asks.pipe_of(_token(token), scope))
        self._judge(replied := executor.run(asks.reply(token, self._text(pipe, value), pipe, scope)))
        if not self._connection:
            wake_left(executor.client.store, replied.left)

    async def aanswer(self, token: str, value: Any) -> None:
        """`answer` for event loops."""
        executor, scope = self._executor, self._scope
        pipe = await executor.arun(asks.pipe_of(_token(token), scope))
        self._judge(replied := await executor.arun(asks.reply(token, self._text(pipe, value), pipe, scope)))
        if replied.left and not self._connection:
            await asyncio.to_thread(wake_left, executor.client.store, replied.left)

    def _text(self, pipe: str | None, value: Any) -> str:
        if pipe is None:
            raise WaitNotFound("no job waits with this token")
        known = self._executor.client.pipes.get(pipe)
        return dump_json(value, "the answer") if known is None else known.dump(value)

    def _judge(self, replied: Replied) -> None:
        if replied.how is Reply.UNKNOWN:
            raise WaitNotFound("no job waits with this token")
        if replied.how is Reply.OVER:
            raise AnswerRefused("the wait is over: it was answered, its time has passed, or its job ended")
        if replied.how is Reply.UNFIT:
            raise AnswerRefused(f"the answer does not hold what is waited for: {replied.filter}; nothing changed")

    def _owned(self, new: Sequence[NewMessage]) -> list[NewMessage]:
        """Each with its tenant. Raises InvalidOption for that of another one than this surface is of."""
        here = self._scope.tenant or ""
        for message in new:
            if message.tenant and self._tenant not in (None, message.tenant):
                raise InvalidOption(
                    f"a message of pipe {message.pipe} is for tenant {shown(message.tenant)}, and this is the surface "
                    f"of tenant {shown(self._tenant)}; nothing was sent"
                )
        return [message if message.tenant else message._replace(tenant=here) for message in new]

    def _scope_for(self, new: Sequence[NewMessage]) -> Scope:
        tenants = {message.tenant for message in new}
        scope = self._scope
        if tenants == {scope.tenant}:
            return scope
        return Scope(tenants.pop()) if len(tenants) == 1 else ALL


def numbered(new: Sequence[NewMessage]) -> list[NewMessage]:
    """Within a step, messages under ids that are always the same: however often it is tried, each is sent once."""
    line = running_job.get()
    if not isinstance(line, Inside):
        return list(new)
    job = line.root.job
    return [
        message._replace(id=derived_id(job.id, job.version, "send", line.path, line.within, line.nth, line.next_send()))
        for message in new
    ]


def wake_left(store: Store, left: Sequence[Key]) -> None:
    """Wake jobs whose rows somebody had locked when what they wait for came."""
    for _ in range(TRIES):
        if not left:
            return
        time.sleep(LOCKED_PAUSE)
        left = store.run(wake(left)).left


def _token(token: object) -> str:
    return check_name(token, "token")


def _id(job: Any) -> str:
    return check_id(getattr(job, "id", job))
