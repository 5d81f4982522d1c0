"""A script with tasks of its own, run by test_processes as `python script.py URL` and as `python -m`."""

import os
import sys

from holdfast import Holdfast

app = Holdfast(sys.argv[1], log_level="error")
COUNT = [0]


@app.task(cpu=True)
def where() -> list[str]:
    COUNT[0] += 1
    return [__name__, __package__ or "", str(COUNT[0]), str(os.getpid())]


if __name__ == "__main__":
    with app.worker(concurrency=2, cpu_slots=1):
        print(*where.enqueue().result(20))
        print(*where.enqueue().result(20))
    app.close()
