"""The guard on asyncio: one timer for the whole stream."""

import time
import weakref
from collections.abc import AsyncIterator
from typing import Any

from .._arguments import NEVER
from ._model import AT_ONCE, Deadlines


def on_asyncio(chunks: AsyncIterator[bytes], deadlines: Deadlines) -> AsyncIterator[bytes]:
    """Guard with one timer for the whole stream."""
    return _Alarm(deadlines).guard(chunks)


class _Alarm:
    """One timer, which is set again when it rings, and when the first event lets `idle` count.

    It cancels the task that waits, as asyncio.timeout does, and takes the cancellation back. A
    cancellation by somebody else passes through.
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
        self._rung = ""
        self._cancellations = 0
        deadlines.begin(self._clock)

    def __del__(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def guard(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            self._begin_wait()
            # Below, the end of a wait and the begin of the next are written out: calls for them
            # would double the cost of a chunk.
            loop, clock, current_task = self._loop, self._clock, self._current_task
            deadlines = self._deadlines
            async for chunk in chunks:
                if self._rung:
                    self._end_wait()
                self._task = None
                yield chunk
                self._since = now = clock()
                if now >= deadlines.look_at:
                    self._begin_wait()
                else:
                    # Passing the loop saves looking for it, which costs more than all the rest.
                    self._task = task = current_task(loop)
                    # To tell a cancellation by somebody else, during the wait, from ours.
                    self._cancellations = task.cancelling() if task is not None else 0
            self._end_wait()
        except BaseException as error:
            self._end_wait(error)
            raise

    def _begin_wait(self) -> None:
        self._since = now = self._clock()
        self._deadlines.look(now)
        self._set(self._deadlines.next(now)[0])
        self._task = task = self._current_task(self._loop)
        self._cancellations = task.cancelling() if task is not None else 0

    def _end_wait(self, error: BaseException | None = None) -> None:
        task, self._task = self._task, None
        if self._rung and task is not None:
            timeout, self._rung = self._rung, ""
            if task.uncancel() <= self._cancellations and error is not None:
                raise self._deadlines.expired(timeout) from error

    def _set(self, at: float) -> None:
        """Have the timer ring at this time, or sooner."""
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
            self._timer = None
        if at < NEVER:
            # The loop keeps the timer until it rings. It must not keep a dropped stream.
            self._timer = self._loop.call_at(at, _ring, weakref.ref(self))

    def _ring(self) -> None:
        self._timer = None
        if self._task is None:
            # Nobody waits. The next wait sets the timer again.
            self._deadlines.look_at = AT_ONCE
            return
        at, timeout = self._deadlines.next(self._since)
        if at > self._loop.time():
            self._set(at)
        else:
            self._rung = timeout
            self._task.cancel()


def _ring(alarm: "weakref.ref[_Alarm]") -> None:
    strong = alarm()
    if strong is not None:
        strong._ring()
