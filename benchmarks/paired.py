"""CPU time of callables that take turns: what a shared machine does to one, it does to all.

Only the standard library is needed, so the file can be copied into another project.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from time import process_time_ns

TURN_NS = 2_000_000


def turns(calls: Sequence[Callable[[], object]], turn_ns: int = TURN_NS) -> Iterator[list[float]]:
    """Measure without end: each round gives the CPU nanoseconds of one call of each callable.

    A callable is called as often as fills its turn, `turn_ns`, so that the clock's own cost does
    not show. Every second round goes backwards, so that none is always the one after another.
    """
    repeats = [max(1, round(turn_ns / max(1.0, _cost(call, 1)))) for call in calls]
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


def _cost(call: Callable[[], object], repeats: int) -> float:
    began = process_time_ns()
    for _ in range(repeats):
        call()
    return (process_time_ns() - began) / repeats
