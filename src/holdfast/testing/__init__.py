"""For tests of programs that use Holdfast: a clock to move, and jobs that run at once.

>>> app = Holdfast("sqlite:///:memory:", clock=Clock())
>>> job = greet.using(delay="1h").enqueue("Ada")
>>> clock.advance("1h")
>>> drain(app).succeeded
1
"""

from holdfast.testing.asserts import assert_enqueued
from holdfast.testing.clock import Clock
from holdfast.testing.drain import DrainLimit, adrain, drain
from holdfast.testing.history import History, histories
from holdfast.testing.inline import inline
from holdfast.testing.replay import Replay, assert_replays, replay

__all__ = [
    "Clock",
    "DrainLimit",
    "History",
    "Replay",
    "adrain",
    "assert_enqueued",
    "assert_replays",
    "drain",
    "histories",
    "inline",
    "replay",
]
