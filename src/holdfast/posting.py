"""Messages sent by an app, one of its tenants, or in a caller's transaction."""

from collections.abc import Sequence
from typing import Any

from holdfast.admission import apatiently, patiently
from holdfast.errors import InvalidOption
from holdfast.executor import Executor
from holdfast.model.message import NewMessage, Sent
from holdfast.model.tenant import ALL, Scope
from holdfast.model.text import shown
from holdfast.pipes import Pipes
from holdfast.storage.ops.pipes import send


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

    def post(self, new: Sequence[NewMessage]) -> list[Sent]:
        """What `pipe.send` comes to: store these messages, all or none."""
        new = self._owned(new)
        op = send(new, self._scope_for(new))
        return patiently(self._executor, op, "write" if op.single else "keys")

    async def apost(self, new: Sequence[NewMessage]) -> list[Sent]:
        """What `pipe.asend` comes to."""
        new = self._owned(new)
        op = send(new, self._scope_for(new))
        return await apatiently(self._executor, op, "write" if op.single else "keys")

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
