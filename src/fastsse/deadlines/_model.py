"""`Deadlines`: when which timeout of a stream expires. No waiting in here."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from .._arguments import NEVER, expect_seconds
from .._errors import Expired

NAMES = ("first_event_timeout", "idle_timeout", "total_timeout")
AT_ONCE = -NEVER


class ReadTimeout(Protocol):
    """A client's read timeout in seconds, None for any: with the names that sockets have."""

    def gettimeout(self) -> float | None: ...
    def settimeout(self, seconds: float | None) -> None: ...


class GuardedSource(Protocol):
    """What a guard uses of the source that it waits for; `fastsse.clients.Source` has it."""

    def read_timeout(self) -> ReadTimeout | None: ...
    def socket(self) -> Any: ...
    def is_read_timeout(self, error: BaseException) -> bool: ...


class Deadlines:
    """The three timeouts of a stream, and the clock that they are judged by.

    Before the first event `first_event` counts if it is given, and `idle` does not. After it, or
    without it, `idle` counts each wait for bytes. `total` always counts.

    Args:
        first_event, idle, total: in seconds; None for no limit.
        names: what the user calls the three, for errors, in this order.

    Attributes:
        request_age: seconds since the request was sent when iteration began: `first_event` counts
            from there.
        call_age: seconds since the call began, with its first attempt, when iteration began:
            `total` counts from there.
        look_at: the time at which a guard must look at the timeouts again, though its timer did
            not ring. A guard compares the clock with it before each wait, and does no more.

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
        self.look_at = AT_ONCE
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

    def first_event_came(self) -> None:
        """The first event was received: `idle` counts from now on, and `first_event` does not."""
        self._waits_for_first_event = False
        self.look_at = AT_ONCE

    def look(self, now: float) -> None:
        """Raise `Expired` if a timeout in wall time has; else set when to look again."""
        at, timeout = self.next(NEVER)
        if at <= now:
            raise self.expired(timeout)
        self.look_at = at

    def next(self, since: float) -> tuple[float, str]:
        """When a wait that began at `since` ends, and which timeout expires then."""
        first_event = self.first_event if self._waits_for_first_event else NEVER
        return min(
            (self._request_at + first_event, "first_event"),
            (since + self.counted_idle, "idle"),
            (self._call_at + self.total, "total"),
        )

    def expired(self, timeout: str) -> Expired:
        """The error for this timeout, raised now."""
        began = self._call_at if timeout == "total" else self._request_at
        elapsed = self._clock() - began
        return Expired(timeout, getattr(self, timeout), elapsed, self._names[timeout])


def inherit_idle_timeout(timeout: ReadTimeout | None, deadlines: Deadlines) -> float | None:
    """Take over the client's read timeout as `idle` if only `first_event` is given.

    A stream that stalls after its first event must not hang. The inherited timeout is never
    shorter than `first_event`. Returns the client's.
    """
    read = None if timeout is None else timeout.gettimeout()
    if deadlines.idle == deadlines.total == NEVER and read is not None:
        deadlines.idle = max(read, deadlines.first_event)
    return read


def set_timeout(timeout: ReadTimeout | None, seconds: float | None) -> bool:
    """Set a client's read timeout, to none for None and infinity; whether that was possible."""
    # A socket that was closed has none any more.
    with suppress(Exception):
        if timeout is not None:
            timeout.settimeout(seconds if seconds is None or seconds < NEVER else None)
            return True
    return False
