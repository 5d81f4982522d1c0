"""Messages of pipes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

MESSAGE = "holdfast:message"
"""The entry of a job's metadata that names the message which made it."""


class NewMessage(NamedTuple):
    """A request to send: `value` is JSON text, `keep` seconds that it stays, `job` whose body sends it, `at`
    when it counts as sent (microseconds), None: now."""

    tenant: str
    id: str
    pipe: str
    key: str | None
    value: str
    job: str | None
    keep: float
    at: int | None = None


class Sent(NamedTuple):
    """What a send came to: the message's id, and whether it is new. A key that was there already answers the message
    that had it."""

    id: str
    created: bool


@dataclass(frozen=True, slots=True)
class Message(Generic[T]):
    """A message that was sent. Instants are aware UTC; `job`: the id of the job whose body sent it; `taken`: how many
    tasks it was handed to."""

    id: str
    pipe: str
    value: T
    key: str | None
    tenant: str
    job: str | None
    sent_at: datetime
    keep_until: datetime
    taken: int
    place: int


@dataclass(frozen=True, slots=True)
class PipeStats:
    """A pipe, as its messages show it: how many there are, when the newest came, how many jobs they are still to
    become (`pending`), and how many of these could not be made (`parked`). 10,000 stands for as many or more."""

    name: str
    messages: int = 0
    last_at: datetime | None = None
    pending: int = 0
    parked: int = 0


class Pending(NamedTuple):
    """A job that a message is still to become; `parked`: why it could not be made."""

    message: str
    task: str
    parked: str | None
