"""The command `holdfast`.

`main` runs it; errors become one line and an exit code (see `exits`), never a traceback.
"""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.main

from holdfast.cli import (
    audit,
    backup,
    check,
    dev,
    doctor,
    enqueue,
    groups,
    jobs,
    leader,
    limits,
    migrate,
    pipes,
    queues,
    replay,
    schedules,
    stats,
    top,
    worker,
    workers,
)
from holdfast.cli.commands import Command, Group
from holdfast.cli.exits import CODES, Exit, report, say
from holdfast.cli.options import Schema, Url, Verbose
from holdfast.cli.target import Asked, asked
from holdfast.errors import HoldfastError


class Program(Group):
    """The root of all commands: errors end here."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except HoldfastError as error:
            raise typer.Exit(report(error, _verbosity(ctx))) from error
        except Exception as error:
            if _is_usage(error) or isinstance(error, typer.Exit | typer.Abort | BrokenPipeError):
                raise
            raise typer.Exit(report(error, _verbosity(ctx))) from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except typer.Abort:
            sys.exit(130)
        except Exception as error:
            if not _is_usage(error):
                raise
            sys.exit(_explain(error))
        sys.exit(code if isinstance(code, int) else Exit.OK)


def _verbosity(ctx: Any) -> int:
    return ctx.obj.verbose if isinstance(ctx.obj, Asked) else 0


def _is_usage(error: BaseException) -> bool:
    """True for what the parser of the command line raises."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _explain(error: Any) -> int:
    """A wrong command line: what is wrong, and where to read how it goes."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return Exit.USAGE
    ctx = getattr(error, "ctx", None)
    say(error.format_message(), None if ctx is None else f"See: {ctx.command_path} --help")
    return int(error.exit_code)


program = typer.Typer(
    cls=Program,
    name="holdfast",
    help="Background jobs in the database you already have.",
    epilog=CODES,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
program.command("worker", cls=Command)(worker.run)
program.command("dev", cls=Command)(dev.run)
program.command("leader", cls=Command)(leader.run)
program.command("enqueue", cls=Command)(enqueue.run)
program.command("migrate", cls=Command)(migrate.run)
program.command("check", cls=Command)(check.run)
program.command("replay", cls=Command)(replay.run)
program.command("doctor", cls=Command)(doctor.run)
program.command("backup", cls=Command)(backup.run)
program.command("stats", cls=Command)(stats.run)
program.command("top", cls=Command)(top.run)
program.add_typer(jobs.program, name="jobs")
program.add_typer(pipes.program, name="pipes")
program.add_typer(queues.program, name="queues")
program.add_typer(groups.program, name="groups")
program.add_typer(limits.program, name="limits")
program.add_typer(schedules.program, name="schedules")
program.add_typer(workers.program, name="workers")
program.add_typer(audit.program, name="audit")


def _print_version(wanted: bool) -> None:
    if wanted:
        from holdfast import __version__

        print(f"holdfast {__version__}")
        raise typer.Exit


@program.callback()
def take_options(
    context: typer.Context,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = Asked()
    asked(context, url, schema, verbose)


def main() -> None:
    """Entry point of the command and of `python -m holdfast`."""
    typer.main.get_command(program)(prog_name="holdfast")
