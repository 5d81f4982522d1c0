"""How late are 1,000 schedules that fall due in one second, beside 99,000 others? A leader in this process fires them.

`python bench/schedules.py` asks on both databases. Lateness runs from the nominal instant to the statement that notes
its job (on SQLite: to the beginning of its transaction), by the database's clock; the commit comes after it. The 1,000
are spread over the second; then all fall due at one instant.
"""

import argparse
import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from measure import place

from holdfast import Holdfast
from holdfast.clock import to_micros
from holdfast.model.rule import Spec
from holdfast.storage.op import Op, Statement, Steps

OTHERS = 99_000
DUE = 1_000
AHEAD = timedelta(seconds=8)
PAGE = 5_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--others", type=int, default=OTHERS, help="schedules that are not due (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is asked (%(default)s)")
    asked = parser.parse_args()
    if os.getloadavg()[0] > 1:
        print("the machine is busy with other things: these figures say little", file=sys.stderr)
    with place() as here:
        for kind in ("postgres", "sqlite"):
            for spread in (True, False):
                worst = [ask(here, kind, asked.others, spread) for _ in range(asked.rounds)]
                p99 = statistics.median(one[1] for one in worst)
                p50 = statistics.median(one[0] for one in worst)
                how = "over one second" if spread else "at one instant"
                print(
                    f"{kind:<9} {DUE} due {how:<15} of {asked.others + DUE:,}: lateness p50 {p50 * 1e3:6.1f} ms, "
                    f"p99 {p99 * 1e3:6.1f} ms, worst {max(one[2] for one in worst) * 1e3:6.1f} ms",
                    flush=True,
                )
    return 0


def ask(here: Any, kind: str, others: int, spread: bool) -> tuple[float, float, float]:
    """p50, p99 and the worst of one round, in seconds."""
    with here.database(kind) as url:
        app = Holdfast(url)

        @app.task
        def work() -> None: ...

        for start in range(0, others, PAGE):
            count = min(PAGE, others - start)
            app.store.run(stored([(f"other{start + n}", datetime.now(UTC) + timedelta(days=1)) for n in range(count)]))
        instant = (datetime.now(UTC) + AHEAD).replace(microsecond=0)
        step = timedelta(seconds=1) / DUE if spread else timedelta(0)
        app.store.run(stored([(f"due{n}", instant + n * step) for n in range(DUE)]))
        caretaker = app.caretaker()
        caretaker.start()
        time.sleep((instant - datetime.now(UTC)).total_seconds() + 3)
        caretaker.stop()
        caretaker.join(10)
        jobs = app.jobs.count().get("ready", 0)
        assert jobs == DUE, f"{jobs} jobs instead of {DUE}"
        late = sorted(lateness(app, kind))
        app.close()
    return late[len(late) // 2], late[int(len(late) * 0.99)], late[-1]


def stored(named: list[tuple[str, datetime]]) -> Op[None]:
    """Many schedules in one statement: `put` would take minutes."""

    def steps(again: bool) -> Steps[None]:
        rows = []
        for name, at in named:
            spec = Spec.of(every="1 day", start_at=at).dumps()
            micros = to_micros(at)
            rows.append(
                (
                    "default",
                    name,
                    "api",
                    None,
                    "work",
                    "{}",
                    "{}",
                    spec,
                    to_micros(datetime.now(UTC)),
                    micros,
                    micros,
                    False,
                )
            )
        yield Statement("schedule_new", rows)

    return Op("fill", steps)


def lateness(app: Holdfast, kind: str) -> list[float]:
    with app.transaction() as connection:
        if kind == "sqlite":
            rows = connection.execute("select (fired_at - instant) / 1e6 from holdfast_schedule_runs").fetchall()
        else:
            rows = connection.execute(
                "select extract(epoch from fired_at - instant)::float8 from holdfast.schedule_runs"
            ).fetchall()
    return [row[0] for row in rows]


if __name__ == "__main__":
    sys.exit(main())
