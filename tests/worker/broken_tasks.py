"""A module that can be imported by the tests, and by no child."""

import os

from holdfast import TaskSet
from holdfast.model.retry import Retry

if os.environ.get("HOLDFAST_TEST_BREAK") == "1":
    raise ZeroDivisionError("this module cannot be imported here")

tasks = TaskSet()


@tasks.task(cpu=True, retry=Retry(attempts=3, backoff="7s", jitter=0))
def never() -> None: ...
