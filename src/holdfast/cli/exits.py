"""How the command ends when something is wrong: one line on stderr, and a code that scripts can rely on.

0   done
1   it failed: no such job, an app that cannot be imported, …
2   wrong usage: an option, argument or setting that cannot work
3   the database cannot be reached, opened or written
4   Holdfast's tables are missing, too old or too new: `holdfast migrate`
"""

import sys
import traceback
from enum import IntEnum

from holdfast import errors
from holdfast.cli.screen import printable, stderr

TRACEBACK_AT = 2
"""How many -v it takes to see tracebacks."""


class Exit(IntEnum):
    """The codes the command ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    SCHEMA = 4


CODES = """\
Exit codes: 0 done, 1 failed, 2 wrong usage or setting, 3 database out of reach, 4 tables missing, too old or too new.\
"""

_SCHEMA = (errors.SchemaMissing, errors.SchemaTooOld, errors.SchemaTooNew)
_REACH = (errors.DatabaseUnavailable, errors.NotADatabase, errors.ReadOnlyDatabase)
_FAILED = (errors.ImportFailed, errors.DuplicateTask)
_USAGE = (errors.ConfigError, errors.InvalidOption, errors.UnknownPipe)


def code_of(error: BaseException) -> Exit:
    """The exit code for an error."""
    if isinstance(error, _SCHEMA):
        return Exit.SCHEMA
    if isinstance(error, _REACH):
        return Exit.UNREACHABLE
    if isinstance(error, _USAGE) and not isinstance(error, _FAILED):
        return Exit.USAGE
    return Exit.FAILED


def report(error: BaseException, verbose: int) -> Exit:
    """Say what is wrong on stderr and answer the exit code."""
    if verbose >= TRACEBACK_AT:
        traceback.print_exception(error)
    if isinstance(error, errors.HoldfastError):
        say(str(error))
    else:
        hint = "" if verbose >= TRACEBACK_AT else " (-vv shows the traceback)"
        say(f"unexpected {type(error).__name__}: {error}{hint}")
    return code_of(error)


def say(message: str, hint: str | None = None) -> None:
    """One red line on stderr, and perhaps where to read on."""
    from rich.text import Text

    sys.stdout.flush()
    console = stderr()
    line = " ".join(printable(message, lines=True).split())
    console.print(Text.assemble(("error: ", "bold red"), (line, "red")), soft_wrap=True)
    if hint:
        console.print(Text(hint, "dim"), soft_wrap=True)
