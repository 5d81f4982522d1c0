"""`app.metadata`: a tenant's small facts, kept beside its jobs: JSON by key."""

import json
from typing import Any

from holdfast.executor import Executor
from holdfast.model.conflict import check_key
from holdfast.model.jsontext import dump_json
from holdfast.model.tenant import Scope
from holdfast.storage.ops import metadata as ops


class Metadata:
    """Each verb has a twin for event loops: `put` and `aput`. A key has 1 to 255 characters, a value at most 1 MiB.

    All raise InvalidOption for a key that cannot be one.
    """

    def __init__(self, executor: Executor, scope: Scope) -> None:
        self._executor = executor
        self._scope = scope

    def put(self, key: str, value: Any) -> None:
        """Keep a value under a key, in place of what was there. Raises InvalidOption for what is no JSON.

        >>> app.tenant("acme").metadata.put("plan", {"seats": 5})
        """
        self._executor.run(ops.put(check_key(key), _text(value), self._scope))

    async def aput(self, key: str, value: Any) -> None:
        """`put` for event loops."""
        await self._executor.arun(ops.put(check_key(key), _text(value), self._scope))

    def get(self, key: str) -> Any:
        """The value of a key; None where there is none.

        >>> app.tenant("acme").metadata.get("plan")
        {'seats': 5}
        """
        return _value(self._executor.run(ops.get(check_key(key), self._scope), "read"))

    async def aget(self, key: str) -> Any:
        """`get` for event loops."""
        return _value(await self._executor.arun(ops.get(check_key(key), self._scope), "read"))

    def remove(self, key: str) -> Any:
        """Forget a key, and answer the value it had; None where it had none."""
        return _value(self._executor.run(ops.remove(check_key(key), self._scope)))

    async def aremove(self, key: str) -> Any:
        """`remove` for event loops."""
        return _value(await self._executor.arun(ops.remove(check_key(key), self._scope)))


def _text(value: Any) -> str:
    return dump_json(value, "the value")


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)
