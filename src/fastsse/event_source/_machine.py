"""`Machine`: the state and the decisions of an `EventSource`; no I/O and no waiting."""

import time
from typing import Any, NoReturn

from .._arguments import NEVER
from .._errors import StreamTimeout
from .._parser import Parser, ServerSentEvent
from .._reader import StreamReader, StreamStats
from .._response import is_event_stream
from .._stream import EventStream
from ..clients import source_of
from ..deadlines import Deadlines
from ._policy import Reconnection, ReconnectPolicy, wait_of

# No Content and Reset Content: the server has no more events.
END_STATUSES = {204, 205}


class Machine:
    """The connections of one source, one after another.

    Args:
        policy: whether and when to connect again.
        timeouts: first_event and idle, for each connection, and total, in seconds; None for no
            limit.
        max_event_size: in bytes; None for no limit.
        last_event_id: the ID to resume after; "" for none.

    Attributes:
        stream: the stream of the open connection; None without one.
        is_closed: whether the source is closed: it yields no more events.
        received_at_ns: as of `EventStream`, for the event last yielded.
    """

    def __init__(
        self,
        policy: ReconnectPolicy,
        timeouts: tuple[float | None, float | None, float | None],
        max_event_size: int | None,
        last_event_id: str,
    ) -> None:
        self.stream: EventStream | None = None
        self.is_closed = False
        self._policy = policy
        self._timeouts = timeouts
        self._max_event_size = max_event_size
        self._last_event_id = last_event_id
        self._retry: int | None = None
        self._received_at_ns = 0
        self._error: Exception | None = None
        self._started = self._ended = self._next_connect_at = self._opened_at = 0.0
        # The last event ID when the connection was opened.
        self._opened_with_id = last_event_id
        self._past_stats = StreamStats(0, 0, 0, 0, 0, None, 0.0)
        # Created here too, because a wrong argument must be reported at once.
        self._new_stream(())

    @property
    def last_event_id(self) -> str:
        stream = self.stream
        return self._last_event_id if stream is None else stream.last_event_id

    @property
    def retry(self) -> int | None:
        stream = self.stream
        here = None if stream is None else stream.retry
        return self._retry if here is None else here

    @property
    def received_at_ns(self) -> int:
        stream = self.stream
        here = 0 if stream is None else stream.received_at_ns
        return here or self._received_at_ns

    @property
    def is_open(self) -> bool:
        """Whether the response of the connection is an event stream."""
        stream = self.stream
        if stream is None or self.is_closed:
            return False
        source = source_of(stream.response)
        return is_event_stream(source.status, source.headers)

    @property
    def stats(self) -> StreamStats:
        """The totals of all connections; `first_event` and `elapsed` count from the first one."""
        past, stream = self._past_stats, self.stream
        now = self._ended or time.monotonic()
        elapsed = now - self._started if self._started else 0.0
        if stream is None:
            return past._replace(elapsed=elapsed)
        here = stream.stats
        first = past.first_event
        if first is None and here.first_event is not None:
            first = elapsed - here.elapsed + here.first_event
        return StreamStats(
            past.chunks + here.chunks,
            past.bytes + here.bytes,
            past.lines + here.lines,
            past.events + here.events,
            past.chunks_without_event + here.chunks_without_event,
            first,
            elapsed,
        )

    def begin(self) -> None:
        """Start the clock of the total timeout, unless it runs; raises the final error, if any."""
        self._started = self._started or time.monotonic()
        if self._error is not None:
            raise self._error

    def ready(self) -> ServerSentEvent | None:
        """The next event that is received and not yielded; None without one."""
        stream = self.stream
        return None if stream is None or self.is_closed else next(stream.ready, None)

    def wait_left(self) -> float:
        """Seconds until the next connection."""
        return max(0.0, self._next_connect_at - time.monotonic())

    def total_left(self) -> float:
        """Seconds until the total timeout; infinity without one."""
        total = self._timeouts[2]
        return NEVER if total is None else self._started + total - time.monotonic()

    def begin_connecting(self) -> None:
        """Set the next wait first, so that a request that is cancelled is not repeated at once."""
        self._next_connect_at = time.monotonic() + wait_of(self._retry)

    def open_stream(self, response: Any) -> EventStream:
        """Make the stream of a response the current one, and return it."""
        self._opened_with_id = self._last_event_id
        self.stream = stream = self._new_stream(response)
        self._opened_at = time.monotonic() if self.is_open else 0.0
        if response.status_code in END_STATUSES:
            self.close()
        return stream

    def end_connection(self) -> None:
        """Drop the stream, and keep the state from which the next one resumes."""
        events_before = self._past_stats.events
        self._past_stats = self.stats
        self._received_at_ns = self.received_at_ns
        self._last_event_id, self._retry = self.last_event_id, self.retry
        self.stream = None
        self._policy.connection_ended(
            seconds=time.monotonic() - self._opened_at if self._opened_at else 0.0,
            has_new_id=self._past_stats.events > events_before
            and self._last_event_id not in ("", self._opened_with_id),
        )
        # For a task that was cancelled and iterates again; `reconnection` sets all other waits.
        self._next_connect_at = time.monotonic() + wait_of(self._retry)

    def reconnection(self, error: Exception | None) -> Reconnection | None:
        """Plan the reconnection after a connection that ended or could not be opened.

        Returns None if the source is closed. Raises a final error, in later calls too.
        """
        if self._error is not None:
            raise self._error
        if self.is_closed:
            return None
        try:
            attempt, wait = self._policy.next(error, self._retry)
        except Exception as final:
            self._fail(final)
        self._next_connect_at = time.monotonic() + wait
        return Reconnection(attempt, wait, error, self._last_event_id)

    def expire(self) -> NoReturn:
        """Raise the error of the total timeout, which is final."""
        stats = self.stats
        self._fail(
            StreamTimeout(
                "total",
                self._timeouts[2] or 0.0,
                chunks=stats.chunks,
                bytes=stats.bytes,
                lines=stats.lines,
                events=stats.events,
                elapsed=stats.elapsed,
            )
        )

    def close(self) -> None:
        """Close the source: it yields no more events."""
        self._ended = self._ended or time.monotonic()
        self.is_closed = True

    def _fail(self, error: Exception) -> NoReturn:
        self._error = error
        self.close()
        raise error

    def _new_stream(self, response: Any) -> EventStream:
        parser = Parser(last_event_id=self._last_event_id, max_event_size=self._max_event_size)
        deadlines = Deadlines(*self._timeouts)
        deadlines.call_age = time.monotonic() - self._started if self._started else 0.0
        return EventStream(source_of(response), StreamReader(parser), deadlines)
