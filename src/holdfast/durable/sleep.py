"""`sleep`: time passes, and neither a slot nor a process is needed for it."""

from datetime import datetime

from holdfast.errors import InvalidOption
from holdfast.model.duration import LONGEST, Duration, seconds
from holdfast.model.options import check_moment
from holdfast.running import line_here, run_of


async def sleep(until: Duration | datetime) -> None:
    """Wait for a time, however long, in the async body of a task: the job is suspended, gives its slot back, and goes
    on when the time has come, in this process or another.

    until: a duration such as "1h" or "30d", or the aware datetime to wait for. What has passed already takes no time.
    The instant is fixed when the body comes here first; a replay waits for what is left.

    Raises InvalidOption; MisuseError where no async body of a job runs, or the task has `transaction=`.

    >>> await sleep("3d")
    """
    line = line_here("sleep")
    run = run_of(line)
    if isinstance(until, datetime):
        length = (check_moment(until, "sleep") - run.now()).total_seconds()
        if length > LONGEST:
            raise InvalidOption("sleep: that is more than a hundred years ahead")
    else:
        length = seconds(until, "sleep")
    await run.sleep(line, length)
