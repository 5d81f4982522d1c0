"""Where sync bodies run: threads of our own.

Not a `ThreadPoolExecutor`: its threads are waited for at exit, and a body that hangs would keep the process alive
for ever; and each of its jobs costs two trips through the event loop. Here finished attempts gather, and one
wake-up of the loop takes them all.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context as ContextVars
from queue import SimpleQueue
from typing import Any, TypeAlias

from holdfast.context import Context
from holdfast.model.outcome import Outcome, Raised
from holdfast.worker.attempt import AnyTask, error_text, run_sync
from holdfast.worker.holding import Holding

Work: TypeAlias = tuple[Holding, AnyTask, Context[Any]]


class Threads:
    """Runs sync bodies; `ended` is called on the loop with each attempt's outcome."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ended: Callable[[Holding, Outcome | None], None]) -> None:
        self._loop = loop
        self._ended = ended
        self._waiting: SimpleQueue[Work | None] = SimpleQueue()
        self._done: deque[tuple[Holding, Outcome | None]] = deque()
        self._told = False
        self._mutex = threading.Lock()
        self._threads = 0
        self._working = 0

    def start(self, held: Holding, task: AnyTask, context: Context[Any]) -> None:
        self._working += 1
        if self._working > self._threads:
            self._threads += 1
            threading.Thread(target=self._work, name=f"holdfast-body-{self._threads}", daemon=True).start()
        self._waiting.put((held, task, context))

    def close(self) -> None:
        """Idle threads end; one whose body goes on ends with it."""
        for _ in range(self._threads):
            self._waiting.put(None)

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                # A fresh set of context variables, as an async body has: nothing leaks into the next job.
                outcome = ContextVars().run(run_sync, *work)
            except BaseException as error:  # a fault of ours must not cost the thread and leave the job hanging
                outcome = Raised(error_text(work[0], error), None)
            with self._mutex:
                self._done.append((work[0], outcome))
                told, self._told = self._told, True
            if not told:
                try:
                    self._loop.call_soon_threadsafe(self._collect)
                except RuntimeError:  # the loop has closed: the worker gave this body up
                    return

    def _collect(self) -> None:
        with self._mutex:
            self._told = False
            done, self._done = self._done, deque()
        self._working -= len(done)
        for held, outcome in done:
            self._ended(held, outcome)
