"""The guard on sockets: the client's read timeout, and a thread that shuts its socket down."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from .._arguments import NEVER
from .._errors import Expired
from ._model import Deadlines, GuardedSource, inherit_idle_timeout, set_timeout


def on_socket(
    chunks: Iterator[bytes], deadlines: Deadlines, source: GuardedSource
) -> Iterator[bytes]:
    """Guard by the client's read timeout, and by shutting its socket down.

    If neither can be reached, timeouts are checked between chunks.
    """
    deadlines.begin(time.monotonic)
    timeout = source.read_timeout()
    clients_own = inherit_idle_timeout(timeout, deadlines)
    sock = source.socket()
    # Set once, because httpx looks it up once for a body over HTTP/1.1. If `idle` does not count
    # yet, the watchdog keeps it later.
    has_timeout = set_timeout(timeout, min(deadlines.counted_idle, deadlines.total))
    guards_idle = not has_timeout or deadlines.counted_idle != deadlines.idle
    watchdog = _Watchdog(deadlines, sock, guards_idle=guards_idle)
    try:
        while True:
            # The watchdog acts from here on. The clock is read again, because the watchdog's timer
            # may have fired before, during no wait.
            watchdog.since = since = time.monotonic()
            now = time.monotonic()
            if now >= deadlines.check_at:
                deadlines.check(now)
                watchdog.set()
            if sock is None:
                # Without a watchdog, the read timeout keeps all three timeouts, if the client
                # looks it up for each wait.
                set_timeout(timeout, deadlines.next(since)[0] - since)
            try:
                chunk = next(chunks, None)
            except Exception as error:
                if watchdog.expired is not None:
                    raise watchdog.expired from error
                at, name = deadlines.next(since)
                if source.is_read_timeout(error) and (has_timeout or time.monotonic() >= at):
                    raise deadlines.expired(name) from error
                raise
            watchdog.since = None
            if chunk is None:
                at, name = deadlines.next(since)
                if time.monotonic() >= at:
                    # A body that ends with its connection seems complete after the shutdown.
                    raise deadlines.expired(name)
                return
            is_overdue = not has_timeout and time.monotonic() - since > deadlines.counted_idle
            yield chunk
            if is_overdue:
                # No timer could end the wait before this chunk.
                raise deadlines.expired("idle")
    finally:
        watchdog.stop()
        if sock is None:
            # Other streams may share the connection and its timeout.
            set_timeout(timeout, clients_own)


class _Watchdog:
    """A thread that shuts the socket down if the reader still waits when a timeout expires.

    Attributes:
        since: when the wait began; None if the reader does not wait.
        expired: the error of the timeout for which the socket was shut down.
    """

    def __init__(self, deadlines: Deadlines, sock: Any, *, guards_idle: bool) -> None:
        import threading

        self.since: float | None = None
        self.expired: Expired | None = None
        self._deadlines = deadlines
        self._socket = sock
        self._guards_idle = guards_idle
        self._new_timer = threading.Timer
        self._timer: threading.Timer | None = None
        self._timer_at = NEVER
        # Garbage collection may stop this watchdog from within its own thread.
        self._lock = threading.RLock()

    def set(self) -> None:
        """Make the timer fire when the next timeout expires, if that is sooner than before."""
        with self._lock:
            at, _ = self._next(time.monotonic())
            if at < self._timer_at:
                self._cancel_timer()
                self._arm(at)

    def stop(self) -> None:
        with self._lock:
            self._cancel_timer()
            if self._socket is not None:
                self._socket.close()
            self._socket = None

    def _next(self, since: float) -> tuple[float, str]:
        return self._deadlines.next(since if self._guards_idle else NEVER)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, at: float) -> None:
        self._timer_at = at
        if at < NEVER and self._socket is not None:
            self._timer = self._new_timer(at - time.monotonic(), self._fire)
            self._timer.daemon = True
            self._timer.start()

    def _fire(self) -> None:
        import threading

        with self._lock:
            if threading.current_thread() is not self._timer:
                # This timer was replaced while it waited for the lock.
                return
            now, since = time.monotonic(), self.since
            at, timeout = self._next(now if since is None else since)
            if at > now:
                self._arm(at)
            elif since is not None and self._socket is not None:
                import socket

                self.expired = self._deadlines.expired(timeout)
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
