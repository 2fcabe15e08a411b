"""`Deadlines`: computes when a stream's timeouts expire, and does not wait itself."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from .._arguments import NEVER, expect_seconds
from .._errors import Expired

NAMES = ("first_event_timeout", "idle_timeout", "total_timeout")
AT_ONCE = -NEVER


class ReadTimeout(Protocol):
    """A client's read timeout in seconds, None for no limit; the methods are those of sockets."""

    def gettimeout(self) -> float | None: ...
    def settimeout(self, seconds: float | None) -> None: ...


class GuardedSource(Protocol):
    """The methods of a source that a guard calls; `fastsse.clients.Source` has them."""

    def read_timeout(self) -> ReadTimeout | None: ...
    def socket(self) -> Any: ...
    def is_read_timeout(self, error: BaseException) -> bool: ...


class Deadlines:
    """The three timeouts of a stream, and the clock that measures them.

    Before the first event `first_event` counts if it is given, and `idle` does not. After it, or
    without it, `idle` counts each wait for bytes. `total` always counts.

    Args:
        first_event, idle, total: in seconds; None for no limit.
        names: the user's names of the three, for errors, in this order.

    Attributes:
        request_age: seconds from the request to the start of iteration; `first_event` counts from
            the request.
        call_age: seconds from the first attempt of the call to the start of iteration; `total`
            counts from the first attempt.
        check_at: the time of the next `check`, even if the guard's timer has not fired. Before
            each wait, a guard only compares the clock with it.

    Raises:
        TypeError: a timeout is not a number.
        ValueError: a timeout is 0 or less.
    """

    def __init__(
        self,
        first_event: float | None = None,
        idle: float | None = None,
        total: float | None = None,
        *,
        names: tuple[str, str, str] = NAMES,
    ) -> None:
        self.first_event, self.idle, self.total = map(
            expect_seconds, names, (first_event, idle, total)
        )
        self._names = dict(zip(("first_event", "idle", "total"), names, strict=True))
        self.request_age = self.call_age = 0.0
        self.check_at = AT_ONCE
        self._waits_for_first_event = self.first_event < NEVER
        self._clock: Callable[[], float] = time.monotonic
        self._request_at = self._call_at = 0.0

    def __bool__(self) -> bool:
        return min(self.first_event, self.idle, self.total) < NEVER

    @property
    def counted_idle(self) -> float:
        """How long a wait for bytes may take now: infinity while `first_event` counts."""
        return NEVER if self._waits_for_first_event else self.idle

    def begin(self, clock: Callable[[], float]) -> None:
        """Start counting, by this clock."""
        self._clock = clock
        now = clock()
        self._request_at = now - self.request_age
        self._call_at = now - self.call_age

    def end_first_wait(self) -> None:
        """Note the first event: `idle` counts from now on, and `first_event` does not."""
        self._waits_for_first_event = False
        self.check_at = AT_ONCE

    def check(self, now: float) -> None:
        """Raise `Expired` if `first_event` or `total` has expired; else set `check_at`."""
        at, timeout = self.next(NEVER)
        if at <= now:
            raise self.expired(timeout)
        self.check_at = at

    def next(self, since: float) -> tuple[float, str]:
        """When a wait that began at `since` ends, and which timeout expires then."""
        first_event = self.first_event if self._waits_for_first_event else NEVER
        return min(
            (self._request_at + first_event, "first_event"),
            (since + self.counted_idle, "idle"),
            (self._call_at + self.total, "total"),
        )

    def expired(self, timeout: str) -> Expired:
        """The error of a timeout that expires now."""
        began = self._call_at if timeout == "total" else self._request_at
        elapsed = self._clock() - began
        return Expired(timeout, getattr(self, timeout), elapsed, self._names[timeout])


def inherit_idle_timeout(timeout: ReadTimeout | None, deadlines: Deadlines) -> float | None:
    """Use the client's read timeout as `idle` if only `first_event` is given.

    A stream that stalls after its first event must not hang. The inherited timeout is never
    shorter than `first_event`. Returns the client's read timeout.
    """
    read = None if timeout is None else timeout.gettimeout()
    if deadlines.idle == deadlines.total == NEVER and read is not None:
        deadlines.idle = max(read, deadlines.first_event)
    return read


def set_timeout(timeout: ReadTimeout | None, seconds: float | None) -> bool:
    """Set a client's read timeout; None and infinity mean no limit. Returns whether it was set."""
    # A closed socket has no timeout.
    with suppress(Exception):
        if timeout is not None:
            timeout.settimeout(seconds if seconds is None or seconds < NEVER else None)
            return True
    return False
