"""What Holdfast is to reach, and how it is read from what was found. Ratios are of medians of the same run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from measure import Figures

DRAINS = ("drain, 100 at once", "drain, 500 at once", "drain, 10 at once", "drain, 1 at once")
SYNC = "drain of plain functions"
ONE, MANY, BULK = "enqueue, one after the other", "enqueue, 200 callers at once", "enqueue, 100,000 in bulk"
PICKUP, STREAM = "pick-up by an idle worker", "pick-up at 3,000 a second"
PROCESSES, CALLER = "drain by processes", "wait of a caller beside two workers"
GROWTH = "drain behind what has gathered"
SNAPSHOT = "a snapshot held while 200,000 jobs pass"
STORED, DRAINED = "enqueue in bulk, by what decides", "drain, by what decides"
HELD = "drain of plain jobs beside those that gates hold back"
FULL, MANY_GROUPS = "beside a full group of 200,000", "beside 100,000 groups of 2"
GROWN = "holdfast, 1M finished, 200k waiting, 100k scheduled"
STEP1, STEP10 = "durable jobs of 1 step, 100 at once", "durable jobs of 10 steps, 100 at once"
STEP10ONE = "durable jobs of 10 steps, 1 at a time"
ROWS = "rows that a raw loop commits, 100 at once"
REPLAY, WAKE = "replay of 1,000 steps", "lateness of 10,000 jobs that wake within a second"
GATED = ("key", "1000 groups", "limit of 100")
FORGETFUL = ("huey",)
"""Peers that remove a job before it runs, so that a crash loses it."""


class Found:
    """All figures, by question, database and contestant."""

    def __init__(self, figures: Sequence[Figures]) -> None:
        self.figures = figures

    def one(self, question: str, database: str, who: str = "holdfast") -> Figures | None:
        return next((one for one in self.figures if (*one.place, one.who) == (question, database, who)), None)

    def value(self, question: str, database: str, who: str = "holdfast", part: str = "") -> float | None:
        one = self.one(question, database, who)
        return None if one is None else one.of(part) if part else one.median

    def peer(
        self, database: str, *questions: str, but: Sequence[str] = (), only: str = "", part: str = ""
    ) -> float | None:
        """The best figure of any peer at any of these questions."""
        found = [
            one
            for one in self.figures
            if one.peer and one.database == database and one.question in questions and one.who not in but
            if not only or one.who == only
        ]
        values = [one.of(part) if part else one.median for one in found]
        if not values:
            return None
        return max(values) if found[0].better == "more" else min(values)


Reading = Callable[[Found], float | None]


@dataclass(frozen=True)
class Goal:
    wanted: str
    find: Reading
    limit: float
    more: bool = True
    unit: str = "×"

    def met(self, value: float) -> bool:
        value = round(value, 2)
        return value >= self.limit if self.more else value <= self.limit

    def told(self, value: float) -> str:
        if self.unit == "yes":
            return "yes" if value else "no"
        return f"{value:.2f} {self.unit}"


@dataclass(frozen=True)
class Target:
    question: str
    postgres: tuple[Goal, ...] = ()
    sqlite: tuple[Goal, ...] = ()


def ratio(mine: Reading, theirs: Reading) -> Reading:
    def read(found: Found) -> float | None:
        one, other = mine(found), theirs(found)
        return None if one is None or not other else one / other

    return read


def value(question: str, database: str, who: str = "holdfast", part: str = "") -> Reading:
    return lambda found: found.value(question, database, who, part)


def peer(database: str, *questions: str, but: Sequence[str] = (), only: str = "", part: str = "") -> Reading:
    return lambda found: found.peer(database, *questions, but=but, only=only, part=part)


def of(question: str, database: str, other: str, who: str = "holdfast") -> Reading:
    """Our figure in parts of another contestant's at the same question."""
    return ratio(value(question, database, who), value(question, database, other))


def over(question: str, database: str, *questions: str, but: Sequence[str] = (), only: str = "") -> Reading:
    """Our figure in parts of the best peer's, at the same question or at others."""
    return ratio(value(question, database), peer(database, *(questions or (question,)), but=but, only=only))


def steps(question: str, database: str, each: int) -> Reading:
    """Steps a second in parts of the rows of the raw loop."""

    def read(found: Found) -> float | None:
        jobs, rows = found.value(question, database), found.value(ROWS, database, "raw")
        return None if jobs is None or not rows else jobs * each / rows

    return read


PG, LITE = "postgres", "sqlite"
D100, _, D10, _ = DRAINS
TARGETS = (
    Target(
        "does the raw loop count? a drain, 100 at once",
        (Goal("≥ 2.5 × PgQueuer at its best", ratio(value(D100, PG, "raw"), peer(PG, *DRAINS, only="pgqueuer")), 2.5),),
        (Goal("≥ 2 × Huey", ratio(value(D100, LITE, "raw"), peer(LITE, *DRAINS, only="huey")), 2.0),),
    ),
    Target(
        "drain of 50,000 no-op async jobs, results and history kept",
        (
            Goal("≥ 2.3 × the best peer at its best", over(D100, PG, *DRAINS), 2.3),
            Goal("≥ 0.5 × raw loop", of(D100, PG, "raw"), 0.5),
        ),
        (
            Goal("≥ 1.6 × Huey, which forgets jobs it took", over(D100, LITE, *DRAINS, only="huey"), 1.6),
            Goal("≥ 10 × the best peer that does not", over(D100, LITE, *DRAINS, but=FORGETFUL), 10.0),
            Goal("≥ 0.5 × raw loop", of(D100, LITE, "raw"), 0.5),
        ),
    ),
    Target(
        "drain of plain functions, on threads",
        (
            Goal("≥ 0.35 × our async rate", of(SYNC, PG, "holdfast, async def"), 0.35),
            Goal("≥ 3 × the best peer", over(SYNC, PG), 3.0),
        ),
        (
            Goal("≥ 0.35 × our async rate", of(SYNC, LITE, "holdfast, async def"), 0.35),
            Goal("≥ 3 × the best peer", over(SYNC, LITE), 3.0),
        ),
    ),
    Target(
        "enqueue, one await each, 200 callers",
        (
            Goal("≥ 8 × the best peer", over(MANY, PG), 8.0),
            Goal("≥ 0.5 × raw shared commits", of(MANY, PG, "raw"), 0.5),
        ),
        (
            Goal("≥ 3 × the best peer", over(MANY, LITE, MANY, ONE), 3.0),
            Goal("≥ 0.5 × raw shared commits", of(MANY, LITE, "raw"), 0.5),
        ),
    ),
    Target(
        "enqueue, one plain call after another",
        (
            Goal("≥ the best peer", over(ONE, PG), 1.0),
            Goal("≥ 0.7 × raw", of(ONE, PG, "raw"), 0.7),
        ),
        (Goal("≥ 0.6 × raw", of(ONE, LITE, "raw"), 0.6),),
    ),
    Target(
        "enqueue_many, 100,000",
        (
            Goal("≥ 1.3 × the best peer", over(BULK, PG), 1.3),
            Goal("≥ 0.3 × raw COPY", of(BULK, PG, "raw COPY"), 0.3),
        ),
        (Goal("≥ 0.4 × raw executemany", of(BULK, LITE, "raw executemany"), 0.4),),
    ),
    Target(
        "pick-up by an idle worker, 20 jobs a second",
        (
            Goal("p50 ≤ 0.7 × the best peer's", over(PICKUP, PG), 0.7, more=False),
            Goal(
                "p99 ≤ the best peer's",
                ratio(value(PICKUP, PG, part="p99"), peer(PG, PICKUP, part="p99")),
                1.0,
                more=False,
            ),
            Goal("at 3,000 a second p50 ≤ 10 ms", value(STREAM, PG), 10.0, more=False, unit="ms"),
        ),
        (
            Goal("between processes p50 ≤ 1 ms", value(PICKUP, LITE), 1.0, more=False, unit="ms"),
            Goal(
                "inside one p50 ≤ 0.5 ms",
                value(PICKUP, LITE, "holdfast, in the same process"),
                0.5,
                more=False,
                unit="ms",
            ),
        ),
    ),
    Target(
        "drain, 10 at once",
        (
            Goal("≥ 2.3 × the best peer", over(D10, PG), 2.3),
            Goal("≥ 0.5 × raw of that shape", of(D10, PG, "raw"), 0.5),
        ),
        (Goal("≥ 0.4 × our rate at 100", ratio(value(D10, LITE), value(D100, LITE)), 0.4),),
    ),
    Target(
        "two worker processes",
        (Goal("≥ 0.9 × one; order and leases intact", of(PROCESSES, PG, "holdfast × 1", "holdfast × 2"), 0.9),),
        (
            Goal("≥ 0.8 × one; order and leases intact", of(PROCESSES, LITE, "holdfast × 1", "holdfast × 2"), 0.8),
            Goal("no caller waits > 250 ms", value(CALLER, LITE, part="worst"), 250.0, more=False, unit="ms"),
        ),
    ),
    Target(
        "an idle worker, which also leads",
        (
            Goal("≤ 1 claim a second", value("idle worker, claims", PG), 1.05, more=False, unit="/s"),
            Goal("≤ 3 statements a second", value("idle worker, statements", PG), 3.05, more=False, unit="/s"),
            Goal("≤ 1 % of a processor", value("idle worker, processor", PG), 1.0, more=False, unit="%"),
        ),
        (Goal("≤ 1 % of a processor", value("idle worker, processor", LITE), 1.0, more=False, unit="%"),),
    ),
    Target(
        "drain beside 1M finished, 200k waiting, 100k scheduled jobs",
        (Goal("≥ 0.9 × that of an empty table", of(GROWTH, PG, "holdfast, empty", GROWN), 0.9),),
        (Goal("≥ 0.9 × that of an empty table", of(GROWTH, LITE, "holdfast, empty", GROWN), 0.9),),
    ),
    Target(
        "jobs with a key, a group or a limit, stored in bulk and drained",
        tuple(
            Goal(f"{who}: {what} ≥ 0.6 × plain", of(question, PG, "plain", who), 0.6)
            for who in GATED
            for what, question in (("stored", STORED), ("drained", DRAINED))
        ),
        tuple(
            Goal(f"{who}: {what} ≥ 0.6 × plain", of(question, LITE, "plain", who), 0.6)
            for who in GATED
            for what, question in (("stored", STORED), ("drained", DRAINED))
        ),
    ),
    Target(
        "plain jobs beside a full group of 200,000, and beside 100,000 groups",
        tuple(Goal(f"≥ 0.97 × alone, {who}", of(HELD, PG, "plain", who), 0.97) for who in (FULL, MANY_GROUPS)),
        tuple(Goal(f"≥ 0.97 × alone, {who}", of(HELD, LITE, "plain", who), 0.97) for who in (FULL, MANY_GROUPS)),
    ),
    Target(
        "a snapshot held open while 200,000 jobs pass",
        (
            Goal("≥ 0.7 × the rate before", value(SNAPSHOT, PG), 0.7),
            Goal("a warning names its holder", value(SNAPSHOT, PG, part="named"), 1.0, unit="yes"),
        ),
        (
            Goal("≥ 0.7 × the rate before", value(SNAPSHOT, LITE), 0.7),
            Goal("a warning names its holder", value(SNAPSHOT, LITE, part="named"), 1.0, unit="yes"),
            Goal(
                "log afterwards no longer than at its end",
                ratio(value(SNAPSHOT, LITE, part="log after"), value(SNAPSHOT, LITE, part="log")),
                1.05,
                more=False,
            ),
        ),
    ),
    Target(
        "processor time per job in Python, drain at 100",
        (Goal("≤ 20 µs", value(D100, PG, part="python"), 20.0, more=False, unit="µs"),),
        (Goal("≤ 20 µs", value(D100, LITE, part="python"), 20.0, more=False, unit="µs"),),
    ),
    Target(
        "`from holdfast import Holdfast`",
        (Goal("≤ 1.3 × pydantic's TypeAdapter and asyncio", of("import", "neither", "pydantic"), 1.3, more=False),),
    ),
    Target(
        "durable jobs: their steps, their replay, their waking",
        (
            Goal("≥ 20 × DBOS, 1 step", over(STEP1, PG, only="dbos"), 20.0),
            Goal("≥ 20 × DBOS, 10 steps", over(STEP10, PG, only="dbos"), 20.0),
            Goal("≥ 10 × Absurd, 1 step", over(STEP1, PG, only="absurd"), 10.0),
            Goal("≥ 10 × Absurd, 10 steps", over(STEP10, PG, only="absurd"), 10.0),
            Goal("one at a time ≥ 3 × DBOS", over(STEP10ONE, PG, only="dbos"), 3.0),
            Goal("steps ≥ 0.25 × the rows of a raw loop", steps(STEP10, PG, 10), 0.25),
            Goal("1,000 steps replayed in 50 ms", value(REPLAY, PG), 50.0, more=False, unit="ms"),
            Goal("of 10,000 that wake p99 ≤ 1 s", value(WAKE, PG, part="p99"), 1000.0, more=False, unit="ms"),
        ),
        (
            Goal("≥ 20 × DBOS, 1 step", over(STEP1, LITE, only="dbos"), 20.0),
            Goal("≥ 20 × DBOS, 10 steps", over(STEP10, LITE, only="dbos"), 20.0),
            Goal("one at a time ≥ 3 × DBOS", over(STEP10ONE, LITE, only="dbos"), 3.0),
            Goal("steps ≥ 0.25 × the rows of a raw loop", steps(STEP10, LITE, 10), 0.25),
            Goal("1,000 steps replayed in 50 ms", value(REPLAY, LITE), 50.0, more=False, unit="ms"),
            Goal("of 10,000 that wake p99 ≤ 1 s", value(WAKE, LITE, part="p99"), 1000.0, more=False, unit="ms"),
        ),
    ),
)
