"""Jobs that wait for messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Ask:
    """What a job waits for: a message of a pipe that holds `where` (None: any), or an answer by the `token`.

    since: from when on messages count; asked_at: when it began to wait; until: when that ends, None: never.
    """

    pipe: str
    where: Any
    token: str
    since: datetime
    asked_at: datetime
    until: datetime | None
