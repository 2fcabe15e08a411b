"""`StreamReader`: turns chunks into events, with times, counts and errors; no I/O, no waiting."""

from collections.abc import Callable, Iterator, Sequence
from operator import length_hint
from time import perf_counter_ns
from typing import Any, NamedTuple

from ._errors import EventTooLargeError, Expired, StreamTimeout
from ._parser import Parser, ServerSentEvent

# The most bytes of the incomplete event that a StreamTimeout has.
BUFFERED_SIZE = 4 * 1024


class StreamStats(NamedTuple):
    """How much of a stream has been received, and when.

    Attributes:
        chunks: chunks received.
        bytes: bytes in them, after content decoding.
        lines: lines in them that have ended.
        events: events that they completed.
        chunks_without_event: chunks that completed no event.
        first_event: seconds from the start of iteration to the chunk that completed the first
            event; None before. In a call of `Client` it counts from the request.
        elapsed: seconds from the same start to now, or to the end of the stream.
    """

    chunks: int
    bytes: int
    lines: int
    events: int
    chunks_without_event: int
    first_event: float | None
    elapsed: float


class StreamReader:
    """Parses the chunks of one stream, and remembers how it ended.

    A batch is the events that one chunk completed. Events that are not yielded yet stay in
    `pending`, so that any later iteration, of this layer or of one above, continues with them.

    Args:
        parser: parses the chunks.
        flush_at_end: also deliver an event that the end of the stream cut off before its blank
            line; by the standard it is dropped.
        started_ns: `perf_counter_ns()` of the start of all clocks; 0 to start at `begin`.
        explain: gives the error of fastsse for an exception of the source; gives None to keep it.

    Attributes:
        pending: the events that are received and not yielded.
        received_at_ns: when the last chunk that completed an event was received; 0 before.
        started_ns: when the clocks started; 0 before.
        is_over: whether no more chunks can be received.
        error: the error that `finish` raises; None without one.
        is_interrupted: whether it failed by an exception such as CancelledError.
        is_closed: whether the stream was closed.
        on_first_event: called once, when the first event is complete.
    """

    __slots__ = (
        "_batch",
        "_bytes",
        "_chunks",
        "_chunks_without_event",
        "_ended_ns",
        "_events",
        "_explain",
        "_first_event_ns",
        "_flush_at_end",
        "_parser",
        "error",
        "is_closed",
        "is_interrupted",
        "is_over",
        "on_first_event",
        "pending",
        "received_at_ns",
        "started_ns",
    )

    def __init__(
        self,
        parser: Parser,
        *,
        flush_at_end: bool = False,
        started_ns: int = 0,
        explain: Callable[[Exception], Exception | None] | None = None,
    ) -> None:
        self.pending: Iterator[ServerSentEvent] = iter(())
        self.received_at_ns = 0
        self.started_ns = started_ns
        self.is_over = self.is_closed = self.is_interrupted = False
        self.error: Exception | None = None
        self.on_first_event: Callable[[], None] = _do_nothing
        self._parser = parser
        self._flush_at_end = flush_at_end
        self._explain = explain
        self._batch: Sequence[ServerSentEvent] = ()
        self._chunks = self._bytes = 0
        self._events = self._chunks_without_event = 0
        self._first_event_ns: int | None = None
        self._ended_ns = 0

    @property
    def last_event_id(self) -> str:
        """The ID of the event last yielded; once all are yielded, the parser's."""
        unyielded = length_hint(self.pending)
        if not unyielded:
            return self._parser.last_event_id
        return self._batch[-unyielded - 1].id if unyielded < len(self._batch) else ""

    @property
    def retry(self) -> int | None:
        """The reconnection time in ms that the stream set last; None before."""
        return self._parser.retry

    @property
    def stats(self) -> StreamStats:
        """How much has been received."""
        first = self._first_event_ns
        end = self._ended_ns or perf_counter_ns()
        return StreamStats(
            self._chunks,
            self._bytes,
            self._parser.lines,
            self._events,
            self._chunks_without_event,
            None if first is None else (first - self.started_ns) / 1e9,
            (end - self.started_ns) / 1e9 if self.started_ns else 0.0,
        )

    def begin(self) -> float:
        """Start the clocks, unless they run; returns the seconds since they started."""
        now = perf_counter_ns()
        self.started_ns = self.started_ns or now
        return (now - self.started_ns) / 1e9

    def receive(self, chunk: Any) -> Iterator[ServerSentEvent]:
        """The batch of a chunk. After an event that is too large, the stream is over."""
        # Taken before parsing: the time of a token must not include it.
        now = perf_counter_ns()
        # Drop the old events first, so that new ones reuse memory that is still in the cache.
        self._batch = ()
        try:
            batch = self._parser.feed(chunk)
        except EventTooLargeError as error:
            self.error = error
            self.is_over = True
            batch = error.events
        self._chunks += 1
        self._bytes += len(chunk)
        if not batch:
            self._chunks_without_event += 1
            # It is exhausted: a chunk is received only when no event is pending.
            return self.pending
        # The same as `deliver`, without the cost of a call for each chunk.
        if self._first_event_ns is None:
            return self.deliver(batch, now)
        self._events += len(batch)
        self._batch = batch
        self.received_at_ns = now
        self.pending = pending = iter(batch)
        return pending

    def end(self) -> Iterator[ServerSentEvent]:
        """The event that was cut off by the end of the stream, if `flush_at_end`; else nothing."""
        self._ended_ns = now = perf_counter_ns()
        self.is_over = True
        batch = self._parser.flush() if self._flush_at_end else []
        return self.deliver(batch, now) if batch else self.pending

    def deliver(
        self, batch: Sequence[ServerSentEvent], received_at_ns: int
    ) -> Iterator[ServerSentEvent]:
        """Make a batch of at least one event pending."""
        if self._first_event_ns is None:
            self._first_event_ns = received_at_ns
            self.on_first_event()
        self._events += len(batch)
        self._batch = batch
        self.received_at_ns = received_at_ns
        self.pending = pending = iter(batch)
        return pending

    def rewind(self) -> None:
        """Make the whole last batch pending again."""
        self.pending = iter(self._batch)

    def fail(self, error: BaseException) -> BaseException:
        """Record that the stream failed; returns the error to raise.

        If an exception such as CancelledError interrupts a wait, bytes may be lost: later
        iterations raise a RuntimeError.
        """
        if error is self.error:
            return error
        self._ended_ns = self._ended_ns or perf_counter_ns()
        self.is_over = True
        if not isinstance(error, Exception):
            self.is_interrupted = True
            name = type(error).__name__
            self.error = RuntimeError(f"{name} interrupted the stream; the rest of it is lost")
            return error
        if isinstance(error, Expired):
            self.error = self._timeout(error)
        else:
            self.error = (self._explain and self._explain(error)) or error
        return self.error

    @property
    def can_receive(self) -> bool:
        """Whether chunks may still be received."""
        return not self.is_over and not self.is_closed

    def finish(self) -> None:
        """Raise the error that ended the stream, if one did; called once no event is pending."""
        if self.error is not None:
            raise self.error

    def expect_open(self) -> None:
        """Raise RuntimeError if the stream was closed before its end."""
        if self.is_closed and not self.is_over:
            raise RuntimeError("the stream was closed before its end")

    def _timeout(self, expired: Expired) -> StreamTimeout:
        error = StreamTimeout(
            expired.timeout,
            expired.seconds,
            name=expired.name,
            chunks=self._chunks,
            bytes=self._bytes,
            lines=self._parser.lines,
            events=self._events,
            elapsed=expired.elapsed,
            buffered=self._parser.pending_data[:BUFFERED_SIZE],
        )
        error.__cause__ = expired.__cause__
        return error


def _do_nothing() -> None:
    pass
