"""The deadlines of a stream, and how each way of waiting keeps them.

A guard is an iterator of chunks over an iterator of chunks that raises `Expired` where a
deadline passes. There is one for each way of waiting: `on_asyncio`, `on_trio`, `on_socket`.
A stream without deadlines has no guard and pays nothing.
"""

import sys
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, Protocol

NEVER = float("inf")


class Timeout(Protocol):
    """Seconds that a client waits for bytes, None for any: under the names that sockets have."""

    def gettimeout(self) -> float | None: ...
    def settimeout(self, seconds: float | None) -> None: ...


class Wire(Protocol):
    """What a wait for bytes stands on, as far as deadlines can get at it."""

    def read_timeout(self) -> Timeout | None: ...
    def socket(self) -> Any: ...


class Expired(Exception):
    """A deadline passed; `_stream` makes a StreamTimeout of it, which tells how far it had come."""

    def __init__(self, deadline: str, seconds: float) -> None:
        super().__init__(deadline, seconds)
        self.deadline = deadline
        self.seconds = seconds


class Deadlines:
    """Three deadlines in seconds, infinite where they are off, and the clocks that they need.

    Attributes:
        spent: seconds that had passed for those in wall time when iteration began.
    """

    def __init__(self, first_event: float | None, idle: float | None, total: float | None) -> None:
        self.first_event = _seconds("first_event_timeout", first_event)
        self.idle = _seconds("idle_timeout", idle)
        self.total = _seconds("total_timeout", total)
        self.began = self.ends = self.spent = 0.0

    def __bool__(self) -> bool:
        return min(self.first_event, self.idle, self.total) < NEVER

    def begin(self, now: float) -> None:
        self.began = now - self.spent
        # When the sooner of the two in wall time passes; each wait asks, and so it is kept.
        self.ends = self.began + min(self.first_event, self.total)

    def first_event_came(self) -> None:
        self.first_event = NEVER
        self.ends = self.began + self.total

    def passed(self, now: float) -> Expired:
        """The error of the deadline in wall time that passed, where `ends` is not after now."""
        return self.expired(self.next(now)[1])

    def next(self, since: float) -> tuple[float, str]:
        """When the next deadline passes, in a wait that began at `since`, and which it is."""
        return min(
            (self.began + self.first_event, "first_event"),
            (since + self.idle, "idle"),
            (self.began + self.total, "total"),
        )

    def expired(self, deadline: str) -> Expired:
        return Expired(deadline, getattr(self, deadline))


def _seconds(name: str, value: float | None) -> float:
    if value is None or value == 0:
        return NEVER
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected seconds or None, got {type(value).__qualname__}")
    if not value > 0:
        raise ValueError(f"{name}: expected 0 or more seconds, or None, got {value}")
    return float(value)


def on_event_loop(
    chunks: AsyncIterator[bytes], deadlines: Deadlines, wire: Wire
) -> AsyncIterator[bytes]:
    """The guard for the event loop that runs: trio's, or else asyncio's."""
    timeout = wire.read_timeout()
    keep_idle(timeout, deadlines)
    _set(timeout, None)
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return on_trio(chunks, deadlines, trio)
    return on_asyncio(chunks, deadlines)


async def on_trio(
    chunks: AsyncIterator[bytes], deadlines: Deadlines, trio: Any
) -> AsyncIterator[bytes]:
    """Guard with a cancel scope around each wait."""
    deadlines.begin(trio.current_time())
    while True:
        now = trio.current_time()
        if now >= deadlines.ends:
            raise deadlines.passed(now)
        at, deadline = deadlines.next(now)
        with trio.CancelScope(deadline=at) as scope:
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
        if scope.cancelled_caught:
            raise deadlines.expired(deadline)
        yield chunk


def on_asyncio(chunks: AsyncIterator[bytes], deadlines: Deadlines) -> AsyncIterator[bytes]:
    """Guard with one timer for the whole stream."""
    return _Alarm(deadlines).guard(chunks)


class _Alarm:
    """One timer, armed again only when it rings: deadlines of a stream only ever move away.

    It rings by cancelling the task that waits, as asyncio.timeout does, and takes the
    cancellation back; a cancellation by somebody else is let through.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        import asyncio

        self._current_task = asyncio.current_task
        self._loop = loop = asyncio.get_running_loop()
        # That of asyncio's own loops only calls this.
        own = type(loop).time is asyncio.BaseEventLoop.time
        self._clock = time.monotonic if own else loop.time
        self._deadlines = deadlines
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._since = 0.0
        self._rung = ""
        self._cancellations = 0
        deadlines.begin(self._loop.time())

    def __del__(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def guard(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            self._wait_begins()
            # What follows a chunk is what comes before a wait, in this very loop: calls for that,
            # and for the next chunk, would double its cost.
            loop, clock, current_task = self._loop, self._clock, self._current_task
            deadlines = self._deadlines
            async for chunk in chunks:
                if self._rung:
                    self._wait_ended()
                self._task = None
                yield chunk
                self._since = now = clock()
                if now >= deadlines.ends or self._timer is None:
                    self._wait_begins()
                else:
                    # Without the loop it is looked for first, which costs more than all the rest.
                    self._task = task = current_task(loop)
                    # So that a cancellation by somebody else in the wait is told apart.
                    self._cancellations = task.cancelling() if task is not None else 0
            self._wait_ended()
        except BaseException as error:
            self._wait_ended(error)
            raise

    def _wait_begins(self) -> None:
        self._since = now = self._clock()
        if now >= self._deadlines.ends:
            raise self._deadlines.passed(now)
        self._task = task = self._current_task(self._loop)
        self._cancellations = task.cancelling() if task is not None else 0
        if self._timer is None:
            self._arm(self._deadlines.next(now)[0])

    def _wait_ended(self, error: BaseException | None = None) -> None:
        task, self._task = self._task, None
        if self._rung and task is not None:
            deadline, self._rung = self._rung, ""
            if task.uncancel() <= self._cancellations and error is not None:
                raise self._deadlines.expired(deadline) from error

    def _arm(self, at: float) -> None:
        if at < NEVER:
            # A stream that is dropped takes its timer along, whenever it would have rung.
            self._timer = self._loop.call_at(at, _ring, weakref.ref(self))

    def _ring(self) -> None:
        self._timer = None
        if self._task is None:
            return
        at, deadline = self._deadlines.next(self._since)
        if at > self._loop.time():
            self._arm(at)
        else:
            self._rung = deadline
            self._task.cancel()


def _ring(alarm: "weakref.ref[_Alarm]") -> None:
    strong = alarm()
    if strong is not None:
        strong._ring()


def on_socket(chunks: Iterator[bytes], deadlines: Deadlines, wire: Wire) -> Iterator[bytes]:
    """Guard a blocking wait: by the client's read timeout, and by shutting its socket down."""
    deadlines.begin(time.monotonic())
    timeout = wire.read_timeout()
    theirs = keep_idle(timeout, deadlines)
    sock = wire.socket()
    has_timeout = _set(timeout, min(deadlines.idle, deadlines.total))
    watchdog = _Watchdog(deadlines, sock, bites_idle=not has_timeout)
    try:
        while True:
            # From here on the watchdog bites: it must not miss a wait that is judged just before.
            watchdog.since = since = time.monotonic()
            if time.monotonic() >= deadlines.ends:
                raise deadlines.passed(since)
            if sock is None:
                # Where the client reads it anew for each wait, so that any deadline can be it.
                _set(timeout, deadlines.next(since)[0] - since)
            try:
                chunk = next(chunks, None)
            except Exception as error:
                if watchdog.bitten is not None:
                    raise watchdog.bitten from error
                at, deadline = deadlines.next(since)
                if _is_read_timeout(error) and (has_timeout or time.monotonic() >= at):
                    raise deadlines.expired(deadline) from error
                raise
            watchdog.since = None
            if chunk is None:
                at, deadline = deadlines.next(since)
                if time.monotonic() >= at:
                    # A body that ends with its connection seems complete once the socket is shut.
                    raise deadlines.expired(deadline)
                return
            overdue = not has_timeout and time.monotonic() - since > deadlines.idle
            yield chunk
            if overdue:
                # Nothing but this could end the wait.
                raise deadlines.expired("idle")
    finally:
        watchdog.stop()
        if sock is None:
            # It may be that of a connection which carries others too.
            _set(timeout, theirs)


class _Watchdog:
    """A thread that shuts the socket down under a reader that still waits at a deadline.

    Attributes:
        since: when the wait began; None while there is none.
        bitten: the deadline that it shut the socket down for.
    """

    def __init__(self, deadlines: Deadlines, sock: Any, *, bites_idle: bool) -> None:
        import threading

        self.since: float | None = None
        self.bitten: Expired | None = None
        self._deadlines = deadlines
        self._socket = sock
        self._bites_idle = bites_idle
        self._new_timer = threading.Timer
        self._timer: threading.Timer | None = None
        # A collection of garbage may stop this watchdog from within its own thread.
        self._lock = threading.RLock()
        self._arm(self._next(time.monotonic())[0])

    def stop(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if self._socket is not None:
                self._socket.close()
            self._socket = None

    def _next(self, since: float) -> tuple[float, str]:
        return self._deadlines.next(since if self._bites_idle else NEVER)

    def _arm(self, at: float) -> None:
        if at < NEVER and self._socket is not None:
            self._timer = self._new_timer(at - time.monotonic(), self._ring)
            self._timer.daemon = True
            self._timer.start()

    def _ring(self) -> None:
        with self._lock:
            now, since = time.monotonic(), self.since
            at, deadline = self._next(now if since is None else since)
            if at > now:
                self._arm(at)
            elif since is not None and self._socket is not None:
                import socket

                self.bitten = self._deadlines.expired(deadline)
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


def keep_idle(timeout: Timeout | None, deadlines: Deadlines) -> float | None:
    """Let the client's read timeout, which ours take the place of, go on as the idle deadline.

    Where only the first event has a deadline, a stream that stalls after it must not hang; but
    what goes on never beats the first event's. Gives the client's.
    """
    read = None if timeout is None else timeout.gettimeout()
    if deadlines.idle == deadlines.total == NEVER and read is not None:
        deadlines.idle = max(read, deadlines.first_event)
    return read


def _set(timeout: Timeout | None, seconds: float | None) -> bool:
    # A socket that was closed has none any more.
    with suppress(Exception):
        if timeout is not None:
            timeout.settimeout(seconds if seconds is None or seconds < NEVER else None)
            return True
    return False


def _is_read_timeout(error: BaseException | None) -> bool:
    # Some clients raise it as what it is, some as one of their own that it led to.
    while error is not None:
        if any(kind.__name__.startswith("ReadTimeout") for kind in type(error).__mro__):
            return True
        error = error.__cause__ or error.__context__
    return False
