"""A clock that jumps to the next timer as soon as nothing else is to do: no test waits."""

import asyncio
import selectors
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

BUILTIN = type(time.monotonic)


class Clock:
    """Seconds since it was made; `sleep` of the event loop moves it, and nothing else."""

    def __init__(self) -> None:
        # Not 0, which some code may take for "not yet".
        self.now = 1000.0


class JumpingSelector(selectors.DefaultSelector):
    """Select without waiting, and move the clock by what it would have waited."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("the test waits for something that never happens")
            self._clock.now += max(timeout, 0)
        return ready


def run_on(clock: Clock, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine function on asyncio, where the event loop and fastsse read this clock."""

    def make_loop() -> asyncio.AbstractEventLoop:
        loop = asyncio.SelectorEventLoop(JumpingSelector(clock))
        loop.time = lambda: clock.now  # type: ignore[method-assign]
        return loop

    with fastsse_reads(clock), asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(main())


def seconds_of(thread: int, clock: Clock, real: Callable[[], float]) -> float:
    return clock.now if threading.get_ident() == thread else real()


def nanoseconds_of(thread: int, clock: Clock, real: Callable[[], int]) -> int:
    return round(clock.now * 1e9) if threading.get_ident() == thread else real()


@contextmanager
def fastsse_reads(clock: Clock) -> Iterator[None]:
    """Have `time` and each module of fastsse read this clock, in this thread alone.

    Servers in other threads go on by their own.
    """
    thread = threading.get_ident()
    ours: dict[Any, Callable[[], float]] = {
        real: partial(read, thread, clock, real)
        for real, read in (
            (time.monotonic, seconds_of),
            (time.perf_counter, seconds_of),
            (time.perf_counter_ns, nanoseconds_of),
        )
    }
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "fastsse"]
    with ExitStack() as patches:
        for module in [time, *modules]:
            for name, value in list(vars(module).items()):
                if callable(value) and type(value) is BUILTIN and value in ours:
                    patches.enter_context(patch.object(module, name, ours[value]))
        yield
