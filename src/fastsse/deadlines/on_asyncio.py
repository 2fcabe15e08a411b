"""The guard on asyncio: one timer for the whole stream."""

import time
import weakref
from collections.abc import AsyncIterator
from typing import Any

from .._arguments import NEVER
from ._model import AT_ONCE, Deadlines


def on_asyncio(chunks: AsyncIterator[bytes], deadlines: Deadlines) -> AsyncIterator[bytes]:
    """Guard with one timer for the whole stream."""
    return _Timer(deadlines).guard(chunks)


class _Timer:
    """One timer, which is set again when it fires, and when `idle` begins to count.

    It cancels the waiting task, as asyncio.timeout does, and then uncancels it. Any other
    cancellation passes through.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        import asyncio

        self._current_task = asyncio.current_task
        self._loop = loop = asyncio.get_running_loop()
        # The `time` of asyncio's own loops only calls time.monotonic.
        is_own = type(loop).time is asyncio.BaseEventLoop.time
        self._clock = time.monotonic if is_own else loop.time
        self._deadlines = deadlines
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._since = 0.0
        self._fired = ""
        self._cancellations = 0
        deadlines.begin(self._clock)

    def __del__(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def guard(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            self._begin_wait()
            # Below, `_end_wait` and `_begin_wait` are inlined: calls would double the cost of a
            # chunk.
            loop, clock, current_task = self._loop, self._clock, self._current_task
            deadlines = self._deadlines
            async for chunk in chunks:
                if self._fired:
                    self._end_wait()
                self._task = None
                yield chunk
                self._since = now = clock()
                if now >= deadlines.check_at:
                    self._begin_wait()
                else:
                    # Passing the loop saves its lookup, which costs more than all the rest.
                    self._task = task = current_task(loop)
                    # Distinguishes any other cancellation during the wait from the timer's.
                    self._cancellations = task.cancelling() if task is not None else 0
            self._end_wait()
        except BaseException as error:
            self._end_wait(error)
            raise

    def _begin_wait(self) -> None:
        self._since = now = self._clock()
        self._deadlines.check(now)
        self._set(self._deadlines.next(now)[0])
        self._task = task = self._current_task(self._loop)
        self._cancellations = task.cancelling() if task is not None else 0

    def _end_wait(self, error: BaseException | None = None) -> None:
        task, self._task = self._task, None
        if self._fired and task is not None:
            timeout, self._fired = self._fired, ""
            if task.uncancel() <= self._cancellations and error is not None:
                raise self._deadlines.expired(timeout) from error

    def _set(self, at: float) -> None:
        """Make the timer fire at this time, or sooner."""
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
            self._timer = None
        if at < NEVER:
            # The loop keeps the timer until it fires. The timer must not keep a dropped stream.
            self._timer = self._loop.call_at(at, _fire, weakref.ref(self))

    def _fire(self) -> None:
        self._timer = None
        if self._task is None:
            # No task waits. The next wait sets the timer again.
            self._deadlines.check_at = AT_ONCE
            return
        at, timeout = self._deadlines.next(self._since)
        if at > self._loop.time():
            self._set(at)
        else:
            self._fired = timeout
            self._task.cancel()


def _fire(reference: "weakref.ref[_Timer]") -> None:
    timer = reference()
    if timer is not None:
        timer._fire()
