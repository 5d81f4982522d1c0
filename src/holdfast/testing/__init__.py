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
from holdfast.testing.inline import inline

__all__ = ["Clock", "DrainLimit", "adrain", "assert_enqueued", "drain", "inline"]
