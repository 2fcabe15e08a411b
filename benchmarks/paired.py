"""CPU time of callables that take turns: what a shared machine does to one, it does to all.

    >>> print(compare(lambda: sum(range(1000)), lambda: sum(range(2000))).verdict)
    slower

Only the standard library is needed, so the file can be copied into another project.
"""

import gc
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, islice
from math import comb, inf
from statistics import median
from time import perf_counter_ns, process_time_ns

TURN_NS = 2_000_000
# Windows counts CPU time in ticks of 16 ms, longer than a turn: its wall time is the finer clock.
clock_ns = perf_counter_ns if sys.platform == "win32" else process_time_ns


class Verdict(StrEnum):
    """What a comparison came to."""

    FINE = "fine"
    SLOWER = "slower"
    IN_DOUBT = "in doubt"


@dataclass(frozen=True)
class Comparison:
    """What a change costs: `ratio` is its time over the time before, 1.1 is 10 % slower.

    The ratio is the median of all that were measured, `rounds` of them; `low` and `high` are the
    ends of its confidence interval. What is slower by up to `tolerance` is fine, 0.05 is 5 %.
    """

    ratio: float
    low: float
    high: float
    rounds: int
    tolerance: float

    @classmethod
    def of(cls, ratios: Sequence[float], tolerance: float, error: float) -> "Comparison":
        """Judge ratios that are independent; the interval is wrong with a chance of `error`."""
        return cls(median(ratios), *_interval(ratios, error), len(ratios), tolerance)

    @property
    def verdict(self) -> Verdict:
        """`SLOWER` and `FINE` are beyond doubt: the whole interval is on one side."""
        limit = 1 + self.tolerance
        if self.low > limit:
            return Verdict.SLOWER
        return Verdict.FINE if self.high < limit else Verdict.IN_DOUBT


def compare(
    base: Callable[[], object],
    change: Callable[[], object],
    *,
    tolerance: float = 0.05,
    confidence: float = 0.99,
    rounds: tuple[int, ...] = (25, 50, 100, 200, 400, 800),
    turn_ns: int = TURN_NS,
) -> Comparison:
    """Measure two callables in turns until it is beyond doubt which side of a limit they are on.

    Args:
        base: what was; called without arguments, many times.
        change: what should not be slower, doing the same work.
        tolerance: by how much it may be slower, 0.05 is 5 %.
        confidence: the chance that the interval holds the true median, all looks together.
        rounds: after how many rounds to look; more are measured only while in doubt.
        turn_ns: CPU nanoseconds of one callable in one round, about.

    Returns:
        The comparison as of the last look: in doubt if that was not enough.
    """
    ratios: list[float] = []
    with closing(turns([base, change], turn_ns)) as costs:
        next(costs)  # In the first round caches are cold.
        for looked in rounds:
            more = islice(costs, looked - len(ratios))
            ratios += [changed / before for before, changed in more]
            found = Comparison.of(ratios, tolerance, error_of_a_look(confidence, rounds))
            if found.verdict is not Verdict.IN_DOUBT:
                break
    return found


def error_of_a_look(confidence: float, looks: Sequence[int]) -> float:
    """The chance of error that one look may have.

    To look again while in doubt is to ask until the answer comes: each look is a chance of a
    false alarm. They share the chance evenly, so that all together have no more than was said.
    """
    return (1 - confidence) / len(looks)


def turns(
    calls: Sequence[Callable[[], object]], turn_ns: int = TURN_NS
) -> Generator[list[float], None, None]:
    """Measure without end: each round gives the CPU nanoseconds of one call of each callable.

    A callable is called as often as fills its turn, `turn_ns`, so that the clock's own cost does
    not show. Every second round goes backwards, so that none is always the one after another.
    """
    repeats = [_repeats(call, turn_ns) for call in calls]
    # What is here already is nobody's garbage: collections cost what the callables cause.
    gc.collect()
    gc.freeze()
    try:
        for number in count():
            costs = [0.0] * len(calls)
            order = range(len(calls))
            for at in order if number % 2 == 0 else reversed(order):
                costs[at] = _cost(calls[at], repeats[at])
            yield costs
    finally:
        gc.unfreeze()


def _repeats(call: Callable[[], object], turn_ns: int) -> int:
    call()  # The first call may import, compile or fill a cache.
    repeats = 1
    while (cost := _cost(call, repeats)) * repeats < turn_ns / 4:
        repeats *= 2
    return max(1, round(turn_ns / cost))


def _cost(call: Callable[[], object], repeats: int) -> float:
    began = clock_ns()
    for _ in range(repeats):
        call()
    return (clock_ns() - began) / repeats


def _interval(values: Sequence[float], error: float) -> tuple[float, float]:
    """Where the true median is: between two of the sorted values, whatever their distribution.

    A value is below the median or above it as a coin falls. So the chance that the median is
    outside of all but the `cut` values at either end is that of `cut` heads at most, twice.
    """
    ordered, low, high, chance = sorted(values), -inf, inf, 0.0
    for cut in range(len(ordered) // 2):
        chance += 2 * comb(len(ordered), cut) / 2 ** len(ordered)
        if chance > error:
            break
        low, high = ordered[cut], ordered[-1 - cut]
    return low, high
