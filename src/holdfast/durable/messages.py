"""`wait_for` a pipe: a body goes on with the first message that will do."""

import hashlib
import json
import secrets
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from holdfast.clock import monotonic
from holdfast.durable.answers import wait_answered
from holdfast.errors import InvalidOption, UnknownPipe
from holdfast.model.branch import Branch
from holdfast.model.duration import seconds
from holdfast.model.match import check_fields, filter_text
from holdfast.model.text import check_name, shown
from holdfast.pipe import Pipe
from holdfast.source import Source
from holdfast.storage.ops.asks import Wanted, register
from holdfast.storage.ops.ends import Heard

if TYPE_CHECKING:
    from holdfast.durable.run import Run

T = TypeVar("T")

EVER = 100 * 365.25 * 86400.0
SHORTEST_TOKEN = 16


async def wait_message(
    run: "Run", line: Branch, pipe: Pipe[T], where: object, timeout: float | None, since: object, token: str | None
) -> T:
    """The first message of a pipe that will do. A filter that is code is asked in the body: each message that comes
    wakes it, and is recorded."""
    if run.office.client.pipes.get(pipe.name) is None:
        raise UnknownPipe(f"the app has no pipe {shown(pipe.name)}: declare it with app.pipe(…)", pipe.name)
    wanted = Wanted(pipe.name, _filter(pipe, where), checked_token(token), age_of(since))
    fits = cast("Callable[[T], object]", where) if callable(where) else None
    return await taken(run, line, pipe, wanted, f"message {pipe.name}", fits, timeout)


async def taken(
    run: "Run",
    line: Branch,
    source: Source[T],
    wanted: Wanted,
    name: str,
    fits: Callable[[T], object] | None,
    timeout: float | None,
    heard: Heard | None = None,
) -> T:
    """The first message of a source that holds what is wanted and fits."""
    mark = hashlib.blake2b(
        json.dumps([wanted.filter, wanted.age, fits is not None]).encode(), digest_size=9
    ).hexdigest()  # fmt: skip
    until = None if timeout is None else monotonic() + timeout
    while True:
        left = None if until is None else max(0.0, until - monotonic())
        text = await wait_answered(
            run, line, name[:255], f"pipe:{wanted.pipe}", mark, left, partial(register, wanted=wanted, heard=heard)
        )
        value = source.load(text)
        if fits is None or fits(value):
            return value
        wanted = wanted._replace(token=made_token())


def checked_token(token: object) -> str:
    """The token to answer with. Raises InvalidOption for one that could be guessed."""
    if token is None:
        return made_token()
    text = check_name(token, "token")
    if len(text) < SHORTEST_TOKEN:
        raise InvalidOption(
            f"token must have {SHORTEST_TOKEN} characters at least, as secrets.token_urlsafe() makes them: whoever "
            "guesses it can answer"
        )
    return text


def _filter(pipe: Pipe[Any], where: object) -> str | None:
    if where is None or callable(where):
        return None
    check_fields(where, pipe.schema, pipe.name)
    return filter_text(where)


def age_of(since: Any) -> float | None:
    if since is None:
        return None
    if since == "now":
        return 0.0
    if since == "ever":
        return EVER
    return seconds(since, 'since (a duration, "now" or "ever")')


def made_token() -> str:
    """One that no shell's command takes for an option."""
    return secrets.token_urlsafe(24).replace("-", "_")
