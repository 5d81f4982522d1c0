"""`Holdfast`: one database, its tasks, and everything that is done with them."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from typing_extensions import Unpack

from holdfast.bound import Surface
from holdfast.client import Client
from holdfast.clock import Clock, DatabaseClock, instant
from holdfast.config import DEFAULT_GRACE, DEFAULT_URL, SettingArguments, Settings
from holdfast.consumer import Consumer
from holdfast.delivery import Delivers
from holdfast.errors import MisuseError
from holdfast.executor import OwnTransactions
from holdfast.hooks import Hooks
from holdfast.ids import new_id
from holdfast.model.duration import Duration, seconds
from holdfast.model.options import NO_OPTIONS, JobOptions, OptionArguments
from holdfast.model.url import scrub
from holdfast.schedules import DeclaresSchedules
from holdfast.sharded import Spreads
from holdfast.storage.base import Store
from holdfast.storage.borrow import atransaction, transaction
from holdfast.storage.open import open_store
from holdfast.storage.ops.workers import unblock
from holdfast.task import Task
from holdfast.taskset import TaskMaker, TaskSet

# What works is imported when it begins to: a program that only enqueues starts in half the time without it.
if TYPE_CHECKING:
    from holdfast.leader.caretaker import Caretaker
    from holdfast.leader.duties.every import Round
    from holdfast.worker.plan import Plan
    from holdfast.worker.tally import Report
    from holdfast.worker.worker import Worker


class Holdfast(Surface, DeclaresSchedules, Delivers, Hooks, TaskMaker, Spreads):
    """Background jobs in one database.

    url: `sqlite:///app.db`, `sqlite:///:memory:` or `postgresql://…`, or a function that answers it; else
        $HOLDFAST_URL, else pyproject.toml's `[tool.holdfast] url`, else `sqlite:///holdfast.db`.
    pool, engine, connect: instead of a URL, a psycopg pool, a SQLAlchemy engine (psycopg) or a function that
        opens a psycopg connection; never closed by us, but for what `connect` opened.
    clock: a test's clock instead of the database's.
    deps: a function, coroutine function or context manager that makes `ctx.deps`, once per worker process, or once per
        job with `deps_per_job=True`.
    resolver: a function of a type that makes what consumers' constructors ask for, where `provide` was not told of it.
    defaults: options of all its jobs, below those of their tasks: `retry`, `timeout`, `keep_succeeded` …
    settings: schema, listen_url, migrate, log_level and the workers' queues, concurrency, poll_interval, lease and
        name, each also by environment (`HOLDFAST_LEASE`) and pyproject.toml.

    Nothing is opened before the first use. Raises ConfigError for settings that cannot work.

    >>> app = Holdfast("sqlite:///app.db")
    """

    def __init__(
        self,
        url: str | Callable[[], str] | None = None,
        *,
        pool: Any = None,
        engine: Any = None,
        connect: Callable[[], Any] | None = None,
        clock: Clock | None = None,
        defaults: OptionArguments | None = None,
        deps: Callable[[], Any] | None = None,
        deps_per_job: bool = False,
        resolver: Callable[[Any], Any] | None = None,
        **settings: Unpack[SettingArguments],
    ) -> None:
        super().__init__(deps, deps_per_job, resolver)
        self._given: dict[str, Any] = {**settings, "url": url}
        self._sources: dict[str, Any] = {"pool": pool, "engine": engine, "connect": connect}
        self._clock = clock or DatabaseClock()
        self._defaults = JobOptions.of_app(defaults) if defaults else NO_OPTIONS
        self._settings = _before_use(self._given)
        self._bus.now = partial(instant, self._clock)
        self._client = Client(self._make_store, self._bus)
        self._client.pipes = self._tasks.pipes
        self._executor = OwnTransactions(self._client)
        self._workers: WeakSet[Worker] = WeakSet()
        self._set_log_level()

    def __repr__(self) -> str:
        return f"<Holdfast on {self.store.where if self._client.in_use else self._place()}>"

    def _place(self) -> str:
        """The database, as far as it is known before anything is opened."""
        given = next((name for name, source in self._sources.items() if source is not None), None)
        if given is None and callable(self._given.get("url")):
            given = "url"
        return scrub(self._settings.url) if given is None else f"the database of the given {given}"

    def configure(
        self,
        url: str | Callable[[], str] | None = None,
        *,
        pool: Any = None,
        engine: Any = None,
        connect: Callable[[], Any] | None = None,
        **settings: Unpack[SettingArguments],
    ) -> None:
        """Give settings later than the constructor, before the first use. Raises MisuseError after it."""
        if self._client.in_use:
            raise MisuseError("configure comes before the first use of the app; close() it, or make another")
        given = {"url": url, **settings}
        self._given.update({name: value for name, value in given.items() if value is not None})
        sources = {"pool": pool, "engine": engine, "connect": connect}
        if url is not None or any(value is not None for value in sources.values()):
            self._sources = sources  # the newest place takes the older one's place
        self._settings = _before_use(self._given)
        self._set_log_level()

    def settings(self, **asked: Unpack[SettingArguments]) -> Settings:
        """The settings of this app, but for those given here. Raises ConfigError."""
        return _before_use({**self._given, **{name: value for name, value in asked.items() if value is not None}})

    # Tasks

    def add(self, task: Task[Any, Any, Any]) -> None:
        self._tasks.add(task)
        task.bind(self)

    def take_consumer(self, consumer: Consumer) -> None:
        self._tasks.take_consumer(consumer)
        for task in consumer.handlers:
            task.bind(self)

    def kept(self) -> TaskSet:
        return self._tasks

    def include(self, tasks: TaskSet) -> None:
        """Take in the tasks of a set. Raises DuplicateTask, and takes in none, where a name is taken."""
        self._tasks.include(tasks)
        for task in tasks:
            task.bind(self)
        for pipe in tasks.pipes.values():
            pipe.bind(self)

    @property
    def tasks(self) -> Iterator[Task[Any, Any, Any]]:
        """All tasks of this app."""
        return iter(tuple(self._tasks))

    # Transactions of our own

    def transaction(self) -> AbstractContextManager[Any]:
        """A transaction on a connection of our own (psycopg's or sqlite3's), for SQL of yours and jobs beside it:
        committed at the end of the block, rolled back when it raises.

        On SQLite it holds the one writer's place: keep it short, and enqueue with `using(connection=…)` inside.

        >>> with app.transaction() as connection:
        ...     connection.execute("insert into orders (id) values (1)")
        ...     send_mail.using(connection=connection).enqueue("a@b.c", subject="thanks")
        """
        return transaction(self.store.desk)

    def atransaction(self) -> AbstractAsyncContextManager[Any]:
        """`transaction` for event loops: an asynchronous psycopg connection, or on SQLite the same one as there."""
        return atransaction(self.store.desk)

    # Working

    def worker(
        self,
        queues: Iterable[str] | Mapping[str, int | None] | None = None,
        *,
        tasks: Iterable[Task[Any, Any, Any] | str] | None = None,
        concurrency: int | None = None,
        poll_interval: Duration | None = None,
        batch: int | None = None,
        lease: Duration | None = None,
        name: str | None = None,
        cpu_slots: int | None = None,
        leader: bool = True,
    ) -> "Worker":
        """A worker, to be entered with `with` or `async with`: it claims by then, and stops gracefully at the end.

        queues: names, or a mapping of names to slots; None: all queues, and none where it is empty.
        tasks: only jobs of these; None: all tasks of the app.
        concurrency: jobs at once, 10.
        poll_interval: the longest time between two looks, 1 s; wake-ups come sooner.
        batch: the most jobs in one claim; it adapts by itself.
        lease: how long a claim lasts when its worker is not heard of, 30 s, 1 s at least.
        name: shown to people; it identifies nothing.
        cpu_slots: `cpu=True` bodies at once, the number of processors.
        leader: whether it stands for election as leader.

        Raises ConfigError.
        """
        from holdfast.durable.run import Run
        from holdfast.worker.plan import Plan, Tasks
        from holdfast.worker.worker import Worker

        given: dict[str, Any] = dict(self._given)
        asked = {
            "queues": queues,
            "concurrency": concurrency,
            "poll_interval": poll_interval,
            "lease": lease,
            "name": name,
            "cpu_slots": cpu_slots,
        }
        given.update({key: value for key, value in asked.items() if value is not None})
        settings = _before_use(given)
        plan = Plan.of(
            settings,
            tasks=None if tasks is None else frozenset(self._tasks.name_of(task) for task in tasks),
            batch=batch,
            retry=self._defaults.retry,
            deps=self._deps,
            wraps=self._wraps,
            providers=self._providers,
            durable=Run,
            deliver=self._delivery,
        )
        known = Tasks(self._tasks, plan)
        duties = self._caretaker_for if leader else None
        made = Worker(self._open, self._bus, known, plan, duties, self.adeclare_schedules)
        self._workers.add(made)
        return made

    def run_worker(
        self,
        *,
        grace: Duration = DEFAULT_GRACE,
        processes: int | None = None,
        max_jobs: int | None = None,
        max_memory: int | str | None = None,
        **options: Any,
    ) -> None:
        """Work until SIGTERM or SIGINT (Ctrl-C), then stop gracefully; a second signal stops at once.

        It stops by itself, with exit status 1 for its supervisor, where timed-out threads that do not end take a
        quarter of its slots.

        grace: how long running bodies get to end, 30 s.
        processes: so many processes that work, each as this program started once more up to this call, and this one
            to look after them: it replaces those that end, and on SIGHUP all, one after another. None: work here.
        max_jobs, max_memory: replace a process after so many attempts, or when it has so much memory ("2GB").
        The other options are those of `worker`, for each process.

        Raises ConfigError, and SystemExit where the status is not 0.

        >>> app.run_worker(concurrency=20, processes=4)
        """
        from holdfast.worker.run import run_worker

        worker = self.worker(**options)
        worker.check()
        length = seconds(grace, "grace")
        settings = self.settings(processes=processes, max_jobs=max_jobs, max_memory=max_memory)
        status = run_worker(worker, settings, length, self._bus, self.bury)
        if status:
            raise SystemExit(status)

    def work_once(
        self,
        batch: int = 10,
        concurrency: int = 3,
        deadline: Duration | None = None,
        *,
        queues: Iterable[str] | Mapping[str, int | None] | None = None,
        tasks: Iterable[Task[Any, Any, Any] | str] | None = None,
    ) -> "Report":
        """Do the leader's due duties, run up to `batch` ready jobs, and answer what came of them.

        For cron routes and serverless functions: a system only ever called this way loses and delays nothing.

        deadline: when to give back what is not done yet, uncounted; None: no such limit.

        Raises MisuseError on an event loop: `await app.awork_once(…)` there.
        """
        from holdfast.worker.until_told import on_loop

        if on_loop():
            raise MisuseError("work_once blocks, and this is an event loop: await app.awork_once(…)")
        return asyncio.run(self.awork_once(batch, concurrency, deadline, queues=queues, tasks=tasks))

    async def awork_once(
        self,
        batch: int = 10,
        concurrency: int = 3,
        deadline: Duration | None = None,
        *,
        queues: Iterable[str] | Mapping[str, int | None] | None = None,
        tasks: Iterable[Task[Any, Any, Any] | str] | None = None,
    ) -> "Report":
        """`work_once` for event loops."""
        from holdfast.worker.plan import check_batch

        check_batch(batch)
        limit = None if deadline is None else seconds(deadline, "deadline")
        await self.adeclare_schedules()
        await asyncio.to_thread(self.do_duties)
        freed = await self.store.arun(unblock(self._tasks.names(), rest=self._tasks.rest_marks()))
        if freed:
            self.store.ring()
        worker = self.worker(queues, tasks=tasks, concurrency=concurrency, leader=False)
        return await worker.once(batch, limit)

    def do_duties(self) -> "Round":
        """All of the leader's duties once: deliver, promote, end what is overdue, fire schedules, rescue, prune …"""
        from holdfast.leader.duties import every

        self.deliver()
        return every.run_once(self.store, self._bus, self._settings.lease, self._tasks.get)

    def promote(self) -> None:
        """Of the duties, only those about time: make ready what is due, end what is over its time, fire schedules."""
        from holdfast.leader.duties import every

        self.deliver()
        every.keep_time(self.store, self._bus, self._tasks.get)

    def caretaker(self, lease: Duration | None = None) -> "Caretaker":
        """The leader's duties without a worker: stands for election from its `start()` to its `stop()`.

        lease: how long workers' claims last, 30 s: an outage is waited out for as long.
        """
        from holdfast.leader.caretaker import Caretaker

        length = self._settings.lease if lease is None else Settings.load(lease=lease).lease
        return Caretaker(self.store, self._bus, new_id(), length, self._settings.poll_interval, self._tasks.get)

    def bury(self, boot: str, counted: bool = True, why: str = "its process ended") -> None:
        """For supervisors: release all that worker `boot` held, whose process has ended for sure.

        counted: whether that is a crash of the jobs it ran.
        """
        from holdfast.leader.duties import bury

        bury.run_once(self.store, self._bus, boot, counted, why)

    # The database

    @property
    def store(self) -> Store:
        """The store behind the app."""
        return self._open().store

    def migrate(self) -> list[str]:
        """Make or update the tables; answers the names of the steps run. SQLite does so by itself when opened."""
        return self.store.migrate()

    async def amigrate(self) -> list[str]:
        """`migrate` for event loops."""
        return await asyncio.to_thread(self.migrate)

    def check(self) -> None:
        """Raise what is wrong with the database: unreachable, not ours, too old or too new, and what to do."""
        self.store.check()

    def close(self) -> None:
        """Finish pending writes and close all connections; the next use opens them anew.

        Raises MisuseError, and changes nothing, while a worker of this app runs: stop it first.
        """
        if any(worker.at_work for worker in tuple(self._workers)):
            raise MisuseError(
                "a worker of this app runs, and needs its connections: stop the worker before app.close()"
            )
        self._client.close()

    async def aclose(self) -> None:
        """`close` for event loops."""
        await asyncio.to_thread(self.close)

    def _make_store(self) -> Store:
        settings = self._settings
        if callable(self._given.get("url")):  # asked at every opening: the password may be another one by now
            settings = Settings.load(**self._given)
        return open_store(settings, self._clock, **self._sources)

    def _open(self) -> Client:
        return self._client

    def _caretaker_for(self, plan: "Plan") -> "Caretaker":
        from holdfast.leader.caretaker import Caretaker

        return Caretaker(self.store, self._bus, plan.boot, plan.lease, plan.poll_interval, self._tasks.get)

    def _set_log_level(self) -> None:
        if self._settings.log_level is not None:
            logging.getLogger("holdfast").setLevel(self._settings.log_level.upper())


def _before_use(given: Mapping[str, Any]) -> Settings:
    """Settings as far as they matter before the database does: a function that answers its URL is not asked yet."""
    early: dict[str, Any] = {**given, "url": DEFAULT_URL} if callable(given.get("url")) else dict(given)
    return Settings.load(**early)
