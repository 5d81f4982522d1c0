"""litequeue 0.9: a queue on SQLite without a worker; a loop pops, runs, says done."""

import json
import time
from typing import Any

from kit import Counted, main, rate_of
from litequeue import LiteQueue


def _queue(url: str) -> Any:
    queue = LiteQueue(url.removeprefix("sqlite:///") + ".lite")
    queue.conn.execute("pragma synchronous = full")
    return queue


def fill(url: str, jobs: int) -> dict[str, Any]:
    queue = _queue(url)
    began = time.perf_counter()
    for number in range(jobs):
        queue.put(json.dumps({"a": number, "b": "x"}))
    return rate_of(jobs, time.perf_counter() - began)


def drain(url: str, jobs: int, concurrency: int) -> dict[str, Any]:
    queue, counted = _queue(url), Counted(jobs)
    while counted.left:
        message = queue.pop()
        counted(json.loads(message.data)["a"])
        queue.done(message.message_id)
    return counted.found()


if __name__ == "__main__":
    main({"fill": fill, "drain": drain, "one_by_one": fill})
