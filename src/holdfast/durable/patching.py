"""`patched`: code that changes while jobs are in the middle of it."""

from holdfast.model.text import check_name
from holdfast.running import line_here, run_of


async def patched(id: str) -> bool:
    """Whether a job takes the new way of a piece of code that has changed: True for jobs that come here first, False
    for those that had passed here under the old code.

    Put the new code under it, and keep the old code beside it until no job is left that began under it.

    id: a name of the change, once in a body. Raises MisuseError where no async body of a job runs.

    >>> if await patched("new tax"):
    ...     tax = await step(new_tax, order)
    ... else:
    ...     tax = await step(old_tax, order)
    """
    line = line_here("patched")
    found: bool = await run_of(line).patched(line, check_name(id, "the name of a change"))
    return found
