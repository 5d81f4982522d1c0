"""How long things took, of very many things in very little room: durations rounded to a twentieth, how many of each.

A key is two digits and the power of ten that they stand for: 1204 is 12 * 10**4 microseconds (0.12 s), and above it up
to the next key. So any number of sketches can be added up, and a quantile is right to a twentieth.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

STEPS = (10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91, 100)
"""First digits that are told apart: each a tenth above the last."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of `count` durations: so many seconds or less took half of them (`p50`), 90, 95 and 99 of a hundred, all (`max`).

    Each is right to a twentieth. None where there was none.
    """

    count: int = 0
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


def rounded(key: int) -> int:
    """The key that one of the statements stands for: these have any two digits."""
    digits, power = divmod(key, 100)
    return key if digits < 10 else STEPS[bisect_right(STEPS, digits) - 1] * 100 + power


def dumps(counts: Counter[int]) -> str:
    return json.dumps({str(key): counts[key] for key in sorted(counts, key=low)}, separators=(",", ":"))


def loads(text: str) -> Counter[int]:
    """What `dumps` wrote; nothing where a stranger wrote what nobody understands."""
    try:
        return Counter({int(key): int(count) for key, count in json.loads(text).items()})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Counter()


def low(key: int) -> int:
    """The shortest duration of a key, in microseconds."""
    digits, power = divmod(key, 100)
    return int(digits * 10**power)


def high(key: int) -> int:
    """The duration at which the next key begins."""
    digits, power = divmod(key, 100)
    if digits < 10:
        return digits + 1
    return int(STEPS[min(bisect_right(STEPS, digits), len(STEPS) - 1)] * 10**power)


def quantiles(sketches: Iterable[Counter[int]]) -> Quantiles:
    """Of all that these have counted.

    >>> quantiles([Counter({1204: 3, 3006: 1})])
    Quantiles(count=4, p50=0.125, p90=31.5, p95=31.5, p99=31.5, max=33.0)
    """
    total: Counter[int] = Counter()
    for each in sketches:
        total.update(each)
    count = sum(total.values())
    if not count:
        return Quantiles()
    keys = sorted(total, key=low)
    p50, p90, p95, p99 = (_quantile(keys, total, share * count) for share in (0.5, 0.9, 0.95, 0.99))
    return Quantiles(count, p50, p90, p95, p99, high(keys[-1]) / 1e6)


def _quantile(keys: list[int], total: Counter[int], rank: float) -> float:
    seen = 0
    for key in keys:
        seen += total[key]
        if seen >= rank:
            return (low(key) + high(key)) / 2e6
    return high(keys[-1]) / 1e6
