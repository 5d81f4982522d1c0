"""Several databases behind one app, tenants spread over them by a function: what `Holdfast.sharded` answers.

Nothing is shared between the databases and nothing is moved from one to another behind anybody's back: each is an app
of its own, with the same tasks, and this finds the right one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from holdfast.bound import Tenant
from holdfast.errors import ConfigError
from holdfast.model.text import check_name, shown
from holdfast.taskset import TaskSet

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator


class Shard(Protocol):
    """What is needed of an app."""

    def tenant(self, name: str) -> Tenant: ...
    def include(self, tasks: TaskSet) -> None: ...
    def migrate(self) -> list[str]: ...
    def worker(self, *args: Any, **kwargs: Any) -> Any: ...
    def work_once(self, *args: Any, **kwargs: Any) -> Any: ...
    def close(self) -> None: ...


A = TypeVar("A", bound=Shard)


class Sharded(Generic[A]):
    """Apps by the URL of their database, each made when it is first needed. Made by `Holdfast.sharded`."""

    def __init__(
        self,
        make: Callable[[str], A],
        place: Callable[[str], str],
        urls: Iterable[str] | Callable[[], Iterable[str]],
        tasks: Iterable[TaskSet],
    ) -> None:
        self._make = make
        self._place = place
        self._urls: Callable[[], Iterable[str]] = _answering(urls)
        self._tasks = tuple(tasks)
        self._apps: dict[str, A] = {}
        self._lock = threading.Lock()

    # Whose

    def app(self, url: str) -> A:
        """The app of a database."""
        with self._lock:
            if url not in self._apps:
                made = self._make(url)
                for tasks in self._tasks:
                    made.include(tasks)
                self._apps[url] = made
            return self._apps[url]

    def app_of(self, tenant: str) -> A:
        """The app in whose database this tenant is. Raises ConfigError where the function answers no URL."""
        url: Any = self._place(check_name(tenant, "a tenant's name"))
        if not isinstance(url, str) or "://" not in url:
            raise ConfigError(
                f"place must answer the URL of a database, and of tenant {shown(tenant)} it is {shown(url)}"
            )
        return self.app(url)

    def tenant(self, name: str) -> Tenant:
        """`app.tenant(name)` of the app in whose database it is.

        >>> shards.tenant("acme").enqueue_many([send_mail.call("a@b.c", subject="hi")])
        """
        return self.app_of(name).tenant(name)

    def __iter__(self) -> Iterator[A]:
        """The apps of all databases that there are now."""
        return iter([self.app(url) for url in dict.fromkeys(self._urls())])

    def elsewhere(self, tenant: str) -> Mapping[str, Mapping[str, int]]:
        """By URL, how many live jobs of a tenant are still in databases that are not its own any more: by state.

        A tenant has moved once this is empty.

        >>> shards.elsewhere("acme")
        {}
        """
        here = self.app_of(tenant)
        found: dict[str, Mapping[str, int]] = {}
        for url in dict.fromkeys(self._urls()):
            app = self.app(url)
            if app is here:
                continue
            counts = {
                str(state): int(count)
                for state, count in app.tenant(tenant).jobs.count().items()
                if str(state) not in ("succeeded", "failed", "cancelled", "stalled")
            }
            if counts:
                found[url] = counts
        return found

    # All of them

    def migrate(self) -> dict[str, list[str]]:
        """`app.migrate` of each database: the steps run, by URL."""
        return {url: self.app(url).migrate() for url in dict.fromkeys(self._urls())}

    @contextmanager
    def worker(self, **options: Any) -> Generator[list[Any]]:
        """A worker for each database that there is by then, with the same options: `concurrency` is that of each.

        >>> with shards.worker(concurrency=5):
        ...     serve()
        """
        with ExitStack() as stack:
            yield [stack.enter_context(app.worker(**options)) for app in self]

    @asynccontextmanager
    async def aworker(self, **options: Any) -> AsyncGenerator[list[Any]]:
        """`worker` for event loops."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(app.worker(**options)) for app in self]

    def work_once(self, **options: Any) -> list[Any]:
        """`app.work_once` of each database, one after the other: their reports."""
        return [app.work_once(**options) for app in self]

    def close(self) -> None:
        """Close all that were opened; the next use opens them anew."""
        with self._lock:
            for app in self._apps.values():
                app.close()


class Spreads:
    """What makes an app of several databases."""

    @classmethod
    def sharded(
        cls: type[A],
        place: Callable[[str], str],
        urls: Iterable[str] | Callable[[], Iterable[str]],
        *tasks: TaskSet,
        **settings: Any,
    ) -> Sharded[A]:
        """Several databases, tenants spread over them: an app for each, made when it is first needed.

        place: answers the URL of the database in which a tenant is, and must answer so in every process.
        urls: those of all databases, or a function that answers them: what workers serve.
        tasks: their tasks, in sets. settings: what the constructor takes, for each app.

        >>> shards = Holdfast.sharded(lambda tenant: places[tenant], set(places.values()), tasks)
        >>> shards.tenant("acme").jobs.list()
        """
        make: Any = cls
        return Sharded(lambda url: make(url, **settings), place, urls, tasks)


def _answering(urls: Any) -> Callable[[], Iterable[str]]:
    if callable(urls):
        return cast("Callable[[], Iterable[str]]", urls)
    always = tuple(urls)
    return lambda: always
