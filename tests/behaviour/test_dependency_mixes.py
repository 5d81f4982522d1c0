"""Jobs that wait for others, with keys, gates, delays, schedules and batches, while people cancel, retry and remove
what is waited for: none starts before that has ended, and none waits for ever."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from holdfast import Context, Holdfast, Limit
from holdfast.errors import BatchEnded, DependencyCycle, InvalidOption, JobNotFound, KeyTaken, WrongState
from holdfast.testing import Clock, drain

REFUSED = (BatchEnded, DependencyCycle, InvalidOption, JobNotFound, KeyTaken, WrongState)
MOVES = 30


class Mix:
    """One run by chance against an app."""

    def __init__(self, app: Holdfast, clock: Clock, seed: int) -> None:
        self.app, self.clock, self.chance = app, clock, random.Random(seed)
        self.known: list[str] = []
        self.touched: set[str] = set()
        self.ran: Counter[tuple[str, int]] = Counter()
        self.early: list[str] = []
        self.called: Counter[str] = Counter()
        self.batches: list[Any] = []

        def work(ctx: Context, number: int, fails: bool) -> None:
            self.begin(ctx.job.id)
            if fails:
                raise ValueError(number)

        def called(ctx: Context) -> None:
            self.called[ctx.job.id] += 1

        self.called_task = app.task(called)
        self.tasks: list[Any] = [
            app.task(name="plain")(work),
            app.task(name="grouped", group=lambda number, fails: f"g{number % 2}")(work),
            app.task(name="limited", limit=Limit(concurrency=1, name="one"))(work),
            app.task(name="tried", retry=2)(work),
            app.task(name="gone", keep_succeeded=0, keep_failed=0)(work),
        ]
        app.schedules.put("often", self.tasks[1].call(0, False), every="1h", paused=True)

    def begin(self, id: str) -> None:
        record = self.app.jobs.get(id)
        assert record is not None
        self.ran[id, record.version] += 1
        for other in record.after:
            awaited = self.app.jobs.get(other)
            if awaited is not None and other not in self.touched and not awaited.state.finished:
                self.early.append(f"{id} before {other}")

    def call(self, *others: Any) -> Any:
        task = self.chance.choice(self.tasks)
        given: dict[str, Any] = {}
        if self.chance.random() < 0.4:
            conflict = self.chance.choice(["keep", "replace", "merge"])
            given |= {"key": f"k{self.chance.randrange(4)}", "on_conflict": conflict}
        if self.chance.random() < 0.2:
            given["delay"] = "1m"
        if self.batches and self.chance.random() < 0.2:
            given["batch"] = self.chance.choice(self.batches)
        needs = [*self.chance.sample(self.known, min(len(self.known), self.chance.randrange(3))), *others]
        if needs:
            given |= {"after": needs, "when": self.chance.choice(["succeeded", "finished", "finished", "failed"])}
        task = task.using(**given) if given else task
        return task.call(self.chance.randrange(9), self.chance.random() < 0.2)

    def learn(self, jobs: list[Any]) -> None:
        for job in jobs:
            if (job.version or 1) > 1:
                self.touched.add(job.id)
            self.known = [*self.known, job.id][-8:]

    def bulk(self) -> None:
        first = self.call()
        self.learn(self.app.enqueue_many([first, self.call(first) if first.awaits == () else self.call(), self.call()]))

    def one(self) -> None:
        self.learn(self.app.enqueue_many([self.call()]))

    def lent(self) -> None:
        with self.app.transaction() as connection:
            jobs = self.app.bind(connection).enqueue_many([self.call(), self.call()])
        self.learn(jobs)

    def undone(self) -> None:
        with suppress(ZeroDivisionError), self.app.transaction() as connection:
            self.app.bind(connection).enqueue_many([self.call(), self.call()])
            raise ZeroDivisionError

    def fired(self) -> None:
        self.learn([self.app.schedules.trigger("often")])

    def batch(self) -> None:
        self.batches.append(self.app.batch("some", on_finish=self.called_task.call()).open())

    def by_hand(self) -> None:
        if self.known:
            id = self.chance.choice(self.known)
            verb = self.chance.choice(["cancel", "retry", "delete"])
            self.touched.add(id)
            getattr(self.app.jobs, verb)(id)

    def run(self) -> None:
        self.app.work_once(batch=self.chance.randrange(1, 6))

    def later(self) -> None:
        self.clock.advance("2m")

    def forget(self) -> None:
        """All that has ended is pruned; of what is named later some is there no more."""
        self.clock.advance("40d")
        self.run()

    def play(self) -> None:
        moves = [self.bulk, self.bulk, self.one, self.lent, self.undone, self.fired, self.batch, self.by_hand,
                 self.by_hand, self.run, self.run, self.later, self.forget]  # fmt: skip
        for move in self.chance.choices(moves, k=MOVES):
            with suppress(*REFUSED):
                move()
        for batch in self.batches:
            batch.close()
        for _ in range(3):
            drain(self.app)
            self.clock.advance("10m")
        drain(self.app)


@pytest.mark.parametrize("seed", range(2))
def test_mixed_with_all_else(app: Holdfast, clock: Clock, seed: int) -> None:
    mix = Mix(app, clock, seed)
    mix.play()
    assert mix.early == []
    assert mix.ran
    assert [record.id for record in app.jobs.list(limit=1000) if not record.state.finished] == []
    for batch in mix.batches:
        found = app.batches.get(batch.id)
        assert found is not None
        assert (found.record.finished, found.record.left) == (True, 0)
        assert mix.called[batch.follow[0].id] == 1
    assert len(mix.called) == len(mix.batches)
