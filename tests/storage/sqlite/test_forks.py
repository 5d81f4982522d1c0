"""A fork waits until no thread is in the hands of SQLite, whose locks in memory the child would keep for ever."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from holdfast.storage.sqlite.forks import afoot

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_waits_for_reads_under_way_and_the_child_may_read() -> None:
    begun = threading.Event()
    ended: list[bool] = []

    def read() -> None:
        with afoot:
            begun.set()
            time.sleep(0.1)
            ended.append(True)

    reader = threading.Thread(target=read)
    reader.start()
    assert begun.wait(10)
    child = os.fork()
    if child == 0:
        with afoot:
            os._exit(len(ended))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    reader.join()
    with afoot:
        pass


def test_none_begins_while_a_thread_forks() -> None:
    afoot.hold()
    begun = threading.Event()

    def read() -> None:
        with afoot:
            begun.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert not begun.wait(0.05)
    afoot.let_go()
    assert begun.wait(10)
    reader.join()
