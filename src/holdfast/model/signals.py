"""What a body may raise to say what shall become of its job."""

from typing import Any

from holdfast.model.duration import Duration, seconds


class Signal(Exception):
    """Base of the four; catch it to let them pass through a broad `except`."""


class RetryIn(Signal):
    """Run again after this time, whatever the retry rule says. It spends the attempt: the last one fails the job.

    after: how long to wait.
    why, data: kept in the job's error history; `data` is anything JSON can hold.

    >>> raise RetryIn("5m", why="the bank is closed")
    """

    def __init__(self, after: Duration, why: str = "", data: Any = None) -> None:
        super().__init__(why)
        self.after = seconds(after, "RetryIn")
        self.data = data


class Snooze(Signal):
    """Run again after this time without having spent an attempt.

    >>> raise Snooze("5m")
    """

    def __init__(self, after: Duration) -> None:
        super().__init__("")
        self.after = seconds(after, "Snooze")


class Cancel(Signal):
    """End the job as cancelled; `why` becomes its reason.

    >>> raise Cancel("the order was withdrawn")
    """

    def __init__(self, why: str = "") -> None:
        super().__init__(why)


class Fail(Signal):
    """End the job as failed now, however many attempts are left.

    why, data: kept in the job's error history; `data` is anything JSON can hold.

    >>> raise Fail("no such account", data={"account": 7})
    """

    def __init__(self, why: str = "", data: Any = None) -> None:
        super().__init__(why)
        self.data = data
