"""Operations are data.

An `Op` is a frozen value that can make a fresh generator. The generator yields `Statement`s, receives their rows and
returns the answer; between yields it is pure, so a batch that failed is simply run again from new generators. One
body serves a batch of hundreds, a single call, and a borrowed connection.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar

from holdfast.model.tenant import ALL, Scope

R = TypeVar("R")
Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement and the rows of values it is to be run with.

    A *rows* statement takes any number of rows, may be merged with others of its name, and answers rows whose first
    column is the ordinal (from 1) of the row they belong to. A *one* statement takes a single row of values.
    """

    name: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Shared(Statement):
    """Work at the end of a batch, done once for all of its ops that ask for it: `together` with all their rows.

    On a connection that somebody lent it is not done: `name` is run with `rows` instead, which says that it is to be.
    `early`: it comes before what is not. What `together` answers is handed to each of the ops.
    """

    together: "Callable[[Sequence[Row]], Steps[list[Row] | None]]"
    early: bool = False


Steps: TypeAlias = Generator[Statement, list[Row], R]


@dataclass(frozen=True, slots=True)
class Op(Generic[R]):
    """A named operation.

    `steps(again)` makes a fresh generator; `again` is true when an earlier try may have been committed, and the
    body then repeats in a way that ends in the same state and the same answer.
    `single` promises exactly one statement on a first try, so that no BEGIN and COMMIT need a trip of their own.
    `wakes` says that other processes may have work once this is committed; `woken` that they do, when it was run.
    `lent`, where there is one, is what is done instead on a connection that somebody lent.
    `apart`: its statements build on each other so that no other op's may come between them: it is never batched.
    `reads`: it changes nothing, and on a connection that somebody lent no transaction is begun for it.
    """

    name: str
    steps: Callable[[bool], Steps[R]]
    scope: Scope = ALL
    single: bool = False
    wakes: bool = False
    lent: Callable[[], Steps[R]] | None = None
    apart: bool = False
    reads: bool = False
    woken: Callable[[], bool] | None = None

    def within(self, scope: Scope) -> "Op[R]":
        """The same for this scope, which its statements are about anyway."""
        return replace(self, scope=scope)


def no_statements() -> Steps[None]:
    """What an op yields that only wants its lane's turn."""
    nothing: tuple[Statement, ...] = ()
    for statement in nothing:  # noqa: UP028 - `yield from` would send rows into a tuple, say the type checkers
        yield statement


def one(name: str, *values: Any) -> Statement:
    """A statement with a single row of values."""
    return Statement(name, (values,))
