"""`holdfast pipes`: look at pipes and their messages, and send one."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from holdfast.cli import pipe_tables as tables
from holdfast.cli.commands import Command, Group
from holdfast.cli.given import opened
from holdfast.cli.options import AsJson, Schema, Url, Verbose
from holdfast.cli.screen import print_json, printable, stderr, stdout
from holdfast.cli.target import app_named, asked, existing
from holdfast.errors import InvalidArguments

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.model.message import Message

program = typer.Typer(cls=Group, help="Look at pipes and their messages, and send one.", no_args_is_help=True)

Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="What the pipe is called.")]


@program.command("list", cls=Command)
@opened
def list_(
    app: "Holdfast",
    as_json: AsJson = False,
) -> None:
    """List the pipes that have messages, by name.

    In a terminal it is a table, in a pipe lines with tabs. PENDING are jobs still to be made of messages, PARKED those
    of them that could not be.
    """
    found = app.pipes.list()
    if as_json:
        print_json({"pipes": [tables.stats_document(one) for one in found]})
        return
    tables.print_pipes(stdout(), found)
    if not found:
        stderr().print("no pipes have messages", style="dim")


@program.command("show", cls=Command)
@opened
def show(
    app: "Holdfast",
    name: Name,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", help="So many messages, the newest.")] = 20,
    after: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on where a page ended.")] = None,
    values: Annotated[bool, typer.Option("--values", help="Show what the messages say.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the messages of a pipe, the newest first, and what could not be made of them."""
    page = app.pipes.messages(name, limit=limit, after=after)
    stats, pending = app.pipes.stats(name), app.pipes.pending(name)
    if as_json:
        documents = [_document(message, values) for message in page]
        waiting = [one._asdict() for one in pending]
        print_json({**tables.stats_document(stats), "page": documents, "next": page.next, "to_make": waiting})
        return
    tables.print_messages(stdout(), page, values)
    tables.print_parked(stderr(), pending)
    if not page:
        stderr().print("no messages", style="dim")
    if page.next is not None:
        stderr().print(f"more: --after {page.next}", style="dim")


def _document(message: "Message[Any]", values: bool) -> dict[str, Any]:
    found = tables.document(message)
    if not values:
        del found["value"]
    return found


@program.command("send", cls=Command)
def send(
    context: typer.Context,
    name: Name,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The message as JSON; - reads it from stdin.")],
    app: Annotated[str, typer.Option(metavar="MODULE:APP", show_default=False, help="The app that declares the pipe.")],
    key: Annotated[str | None, typer.Option(metavar="KEY", help="Of one key only the first message is stored.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Send a message, checked by the pipe's type, and print its id."""
    given = _given(value)
    there = app_named(app, asked(context, url, schema, verbose))
    try:
        sent = there.pipes.send(name, given, key=key)
    finally:
        there.close()
    if as_json:
        print_json(sent._asdict())
        return
    sys.stdout.write(f"{printable(sent.id)}\n")
    if not sent.created:
        stderr().print("nothing new was stored: a message has the key", style="dim", soft_wrap=True)


@program.command("retry", cls=Command)
@opened
def retry(
    app: "Holdfast",
    name: Name,
    as_json: AsJson = False,
) -> None:
    """Try anew to make the jobs that could not be made of its messages, and print how many."""
    count = app.pipes.retry(name)
    if as_json:
        print_json({"retried": count})
    else:
        sys.stdout.write(f"{count}\n")


@program.command("waits", cls=Command)
@opened
def waits(
    app: "Holdfast",
    job: Annotated[str, typer.Argument(metavar="ID", help="The job that waits.")],
    as_json: AsJson = False,
) -> None:
    """Show what a job waits for: pipe, what the message must hold, until when, and the token to answer it with."""
    found = app.waits(job)
    if as_json:
        print_json({"waits": [tables.ask_document(one) for one in found]})
        return
    for one in found:
        document = tables.ask_document(one)
        cells = [one.pipe, json.dumps(one.where, ensure_ascii=False), document["until"] or "", one.token]
        sys.stdout.write("\t".join(map(printable, cells)) + "\n")
    if not found:
        stderr().print("it waits for no message", style="dim")


@program.command("answer", cls=Command)
def answer(
    context: typer.Context,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="As `holdfast pipes waits` shows it.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The answer as JSON; - reads it from stdin.")],
    app: Annotated[
        str | None, typer.Option(metavar="MODULE:APP", help="Check the answer by the type of this app's pipe.")
    ] = None,
    url: Url = None,
    schema: Schema = None,
    verbose: Verbose = 0,
) -> None:
    """Answer a job that waits, as if VALUE had come as a message of its pipe; no other job sees it."""
    given = _given(value)
    wanted = asked(context, url, schema, verbose)
    there = existing(wanted) if app is None else app_named(app, wanted)
    try:
        there.answer(token, given)
    finally:
        there.close()


def _given(value: str) -> Any:
    try:
        return json.loads(sys.stdin.read() if value == "-" else value)
    except (ValueError, RecursionError) as error:
        raise InvalidArguments(f'VALUE must be JSON, such as \'{{"path": "a.wav"}}\': {error}') from error
