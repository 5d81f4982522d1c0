"""What a database must be able to do, and how a batch of operations is run on one connection of it."""

import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from holdfast.model.tenant import Scope
from holdfast.storage.op import Op, Row, Shared, Statement

if TYPE_CHECKING:
    from holdfast.model.finding import Check, Finding
    from holdfast.storage.borrow import Borrowed, Desk

R = TypeVar("R")
log = logging.getLogger("holdfast.storage")


class ConnectionLost(Exception):
    """The connection broke. `in_doubt`: what was sent last may have been committed.

    `answered`: answers of the first ops of the batch, which were run one by one and are settled.
    """

    def __init__(self, cause: BaseException, in_doubt: bool, answered: "Sequence[Answer]" = ()) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.in_doubt = in_doubt
        self.answered = answered


class Speaker(Protocol):
    """Anything that is spoken to in named statements."""

    def execute(self, name: str, rows: Sequence[Row]) -> list[Row]:
        """Run a statement; rows of a *rows* statement come back with the ordinal of their input first."""
        ...


class Session(Speaker, Protocol):
    """One connection, spoken to in named statements. Raises `ConnectionLost`, or errors of `holdfast.errors`."""

    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...

    def rest(self) -> None:
        """A batch is over: a connection that belongs to a pool goes back to it."""
        ...

    def merges(self, name: str) -> bool:
        """True for a *rows* statement."""
        ...

    def reads(self, name: str) -> bool:
        """True for a statement that changes nothing."""
        ...

    @property
    def one_tenant(self) -> bool:
        """Whether each transaction is for one tenant, and for none before `enter`."""
        ...

    def enter(self, scope: Scope) -> None:
        """The transactions that follow are for this tenant. Raises TenantRequired where there is none."""
        ...


class Listener(Protocol):
    """Hears wake-ups until closed."""

    def close(self) -> None: ...


class Silence:
    """Where there is nothing to hear."""

    def close(self) -> None: ...


def wake_all(wakes: Iterable[Callable[[], None]]) -> None:
    """Tell all who listen; one that raises keeps nobody else from hearing."""
    for wake in wakes:
        try:
            wake()
        except Exception:
            log.exception("a listener raised when it was woken")


class Store(Protocol):
    """A database that keeps jobs: six verbs. `lane` names which of its connections does the work."""

    def run(self, op: Op[R], lane: str = "write") -> R:
        """Do it on this thread and answer once it is durable."""
        ...

    async def arun(self, op: Op[R], lane: str = "write") -> R:
        """The same without blocking the event loop."""
        ...

    def borrow(self, connection: Any) -> "Borrowed":
        """Operations inside a transaction that belongs to the caller. Raises InvalidOption for what nobody knows."""
        ...

    @property
    def desk(self) -> "Desk":
        """What `borrow` and transactions of our own for the user's SQL are made with."""
        ...

    def listen(self, wake: Callable[[], None]) -> Listener:
        """Call `wake`, from any thread, when there may be work. A hint: polling is the truth."""
        ...

    def ring(self) -> None:
        """Wake the listeners of all processes, soon and coalesced."""
        ...

    def live(self, boot: str) -> Listener:
        """Show other processes of this machine that worker `boot` lives, until closed or this process ends."""
        ...

    def mourn(self, bury: Callable[[str], None]) -> int | None:
        """Call `bury` with each worker of this machine whose process is dead for sure; answers how many. None where
        nobody can know: then leases run out."""
        ...

    def migrate(self) -> list[str]:
        """Bring the schema up to date; answers the names of the steps run."""
        ...

    def reset(self) -> list[str]:
        """For development: drop all of Holdfast's tables, with every job, and make them anew, or change nothing."""
        ...

    def keep_apart(self, roles: str) -> list[str]:
        """Let the database itself keep tenants apart, by three roles whose names begin so; answers those it made.

        Raises MisuseError where it has no roles.
        """
        ...

    def check(self) -> None:
        """Refuse a database that is unreachable, not ours, too old or too new, saying what to do."""
        ...

    def checks(self) -> "Sequence[Check]":
        """What `holdfast doctor` looks at here."""
        ...

    def strain(self) -> "Iterable[Finding]":
        """What keeps the database from cleaning up behind finished jobs, at a glance: looked at every minute."""
        ...

    def backup(self, target: Path, force: bool, told: Callable[[int, int], None]) -> int:
        """Copy the whole database to a file while others work on it; answers its size in bytes.

        told: called with how much is copied of how much.

        Raises MisuseError, saying what does it instead, for a database that has its own means.
        """
        ...

    def close(self) -> None: ...

    @property
    def one_tenant(self) -> bool:
        """Whether it reaches the rows of one tenant at a time, and none that are no tenant's: workers, rules of
        queues."""
        ...

    @property
    def where(self) -> str:
        """The database for people: no password."""
        ...

    @property
    def trouble_at(self) -> float:
        """When (monotonic) it was last found away, minus infinity for never."""
        ...


def guard(session: Session) -> AbstractContextManager[None]:
    """A transaction on `session`."""
    return _Transaction(session)


class _Transaction(AbstractContextManager[None]):
    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        self._session.begin()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if kind is None:
            self._session.commit()
        elif not issubclass(kind, ConnectionLost):
            self._session.rollback()


Answer = tuple[Any, BaseException | None]
"""What an op answered, or the error that is its own."""


def run_batch(session: Session, ops: Sequence[Op[Any]], again: bool = False) -> list[Answer]:
    """Run `ops` in one transaction and answer each, in order.

    A merged statement that fails takes nobody with it: the ops are then run one by one, and only the guilty errs.
    """
    if len(ops) == 1:
        return [_run_alone(session, ops[0], again)]
    if any(op.apart for op in ops):
        return _run_parts(session, ops, again)
    try:
        return _run_together(session, ops, again)
    except ConnectionLost:
        raise
    except Exception:
        return _run_one_by_one(session, ops, again)


def _run_parts(session: Session, ops: Sequence[Op[Any]], again: bool) -> list[Answer]:
    """Those that stand apart each by itself, and what is between them together, in their order."""
    answers: list[Answer] = []
    for apart, part in groupby(ops, lambda op: op.apart):
        try:
            answers += (_run_one_by_one if apart else run_batch)(session, list(part), again)
        except ConnectionLost as lost:
            raise ConnectionLost(lost.cause, lost.in_doubt, [*answers, *lost.answered]) from lost
    return answers


def _run_one_by_one(session: Session, ops: Sequence[Op[Any]], again: bool) -> list[Answer]:
    answers: list[Answer] = []
    for op in ops:
        try:
            answers.append(_run_alone(session, op, again))
        except ConnectionLost as lost:
            raise ConnectionLost(lost.cause, lost.in_doubt, answers) from lost
    return answers


def _run_alone(session: Session, op: Op[Any], again: bool) -> Answer:
    try:
        if op.single and not again:
            return _drive_single(session, op.steps(False)), None
        with guard(session):
            return drive(session, op.steps(again)), None
    except ConnectionLost:
        raise
    except Exception as error:
        return None, error


def drive(
    session: Speaker, steps: Generator[Statement, list[Row], R], lent: bool = False, wanted: Statement | None = None
) -> R:
    """Run one op's statements one after another, from the one that it is known to want."""
    try:
        wanted = wanted or next(steps)
        while True:
            if isinstance(wanted, Shared) and not lent:
                said: list[Row] | None = drive(session, wanted.together(wanted.rows))
                wanted = steps.send(said or [])
            else:
                wanted = steps.send(session.execute(wanted.name, wanted.rows))
    except StopIteration as stop:
        answer: R = stop.value
        return answer


def _drive_single(session: Session, steps: Generator[Statement, list[Row], R]) -> R:
    """One statement, and reads about what it did not find, need no transaction; what is written then is in one."""
    try:
        wanted = next(steps)
        wanted = steps.send(session.execute(wanted.name, wanted.rows))
        while session.reads(wanted.name):
            wanted = steps.send(session.execute(wanted.name, wanted.rows))
    except StopIteration as stop:
        answer: R = stop.value
        return answer
    with guard(session):
        return drive(session, steps, wanted=wanted)


def _run_together(session: Session, ops: Sequence[Op[Any]], again: bool) -> list[Answer]:
    answers: list[Answer] = [(None, None)] * len(ops)
    running: list[tuple[int, Running]] = [(place, op.steps(again)) for place, op in enumerate(ops)]
    wanted = _advance([(place, steps, None) for place, steps in running], answers)
    first_try = all(op.single for op in ops) and not again
    if first_try and (_only_reads(session, wanted) or _one_group(session, wanted)):
        wanted = _round(session, wanted, answers)
        while wanted and _only_reads(session, wanted):  # they ask about rows that a fenced write did not find
            wanted = _round(session, wanted, answers)
        if not wanted:
            return answers
    with guard(session):
        while wanted:
            wanted = _round(session, wanted, answers)
    return answers


Running: TypeAlias = Generator[Statement, list[Row], Any]
Pending: TypeAlias = tuple[int, Running, Statement]


def _advance(inputs: Sequence[tuple[int, Running, list[Row] | None]], answers: list[Answer]) -> list[Pending]:
    """Hand each op its rows; those that return are answered, the others want another statement."""
    wanted: list[Pending] = []
    for place, steps, rows in inputs:
        try:
            wanted.append((place, steps, next(steps) if rows is None else steps.send(rows)))
        except StopIteration as stop:
            answers[place] = (stop.value, None)
    return wanted


def _one_group(session: Session, wanted: Sequence[Pending]) -> bool:
    names = {statement.name for _, _, statement in wanted}
    return len(names) == 1 and all(session.merges(name) for name in names) and _distinct(wanted)


def _only_reads(session: Session, wanted: Sequence[Pending]) -> bool:
    return all(session.reads(statement.name) for _, _, statement in wanted)


def _distinct(wanted: Sequence[Pending]) -> bool:
    """No two rows about one job: the first two columns of a *rows* statement are tenant and id."""
    keys = [row[:2] for _, _, statement in wanted for row in statement.rows]
    return len(set(keys)) == len(keys)


def _round(session: Session, wanted: list[Pending], answers: list[Answer]) -> list[Pending]:
    """Run every wanted statement, each name once, and advance the ops. What they share waits for all others."""
    groups: dict[str, list[Pending]] = {}
    shared: list[Pending] = []
    for pending in wanted:
        if isinstance(pending[2], Shared):
            shared.append(pending)
        else:
            groups.setdefault(pending[2].name, []).append(pending)
    if shared and not groups:
        return _together(session, shared, answers)
    inputs: list[tuple[int, Running, list[Row] | None]] = []
    for name, members in groups.items():
        if len(members) > 1 and session.merges(name) and _distinct(members):
            shares = _merged(session, name, members)
        else:
            shares = [session.execute(name, statement.rows) for _, _, statement in members]
        inputs += [(place, steps, rows) for (place, steps, _), rows in zip(members, shares, strict=True)]
    return _advance(inputs, answers) + shared


def _together(session: Session, shared: Sequence[Pending], answers: list[Answer]) -> list[Pending]:
    """Do what some ops share, of several such things the early ones first."""
    kinds = [statement for _, _, statement in shared if isinstance(statement, Shared)]
    one = next((kind for kind in kinds if kind.early), kinds[0])
    mine = [pending for pending in shared if pending[2].name == one.name]
    rows = [row for _, _, statement in mine for row in statement.rows]
    said: list[Row] | None = drive(session, one.together(rows))
    others = [pending for pending in shared if pending[2].name != one.name]
    return _advance([(place, steps, said or []) for place, steps, _ in mine], answers) + others


def _merged(session: Session, name: str, members: Sequence[Pending]) -> list[list[Row]]:
    """Run one statement for all and hand each its own rows back, ordinals counted from its own first."""
    rows = [row for _, _, statement in members for row in statement.rows]
    owners: list[int] = []
    starts: list[int] = []
    for owner, (_, _, statement) in enumerate(members):
        starts.append(len(owners))
        owners += [owner] * len(statement.rows)
    shares: list[list[Row]] = [[] for _ in members]
    for row in session.execute(name, rows):
        whose = owners[int(row[0]) - 1]
        shares[whose].append((row[0] - starts[whose], *row[1:]))
    return shares
