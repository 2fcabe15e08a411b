"""`iter_events`: a response's bytes in, events out.

`EventStream` holds all state and takes every decision in plain methods; its two iterations only
wait for chunks, in their own ways, and hand them on.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import suppress
from operator import length_hint
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from ._arguments import DEFAULT_MAX_EVENT_SIZE
from ._both_ways import BothWays
from ._errors import EventTooLargeError, SSEError, StreamTimeout
from ._parser import Parser, ServerSentEvent
from ._response import BODY_SECONDS, astart_of, is_event_stream, response_error, start_of
from .clients import Response, Source, source_of
from .deadlines import Deadlines, Expired, on_event_loop, on_socket

if TYPE_CHECKING:
    from typing_extensions import Buffer

# How much a timeout tells of the event that was under way.
BUFFERED_SIZE = 4 * 1024

__all__ = ["EventStream", "StreamStats", "iter_events"]


class StreamStats(NamedTuple):
    """How far a stream has come.

    Attributes:
        chunks: chunks received.
        bytes: bytes in them, after content decoding.
        events: events that they completed.
        chunks_without_event: chunks that completed none.
        first_event_ns: nanoseconds from the start of iteration to the chunk that completed the
            first event; None before.
        elapsed_ns: nanoseconds from the start of iteration to now, or to the end.
    """

    chunks: int
    bytes: int
    events: int
    chunks_without_event: int
    first_event_ns: int | None
    elapsed_ns: int


def iter_events(
    source: "Response | Iterable[Buffer] | AsyncIterable[Buffer]",
    *,
    last_event_id: str = "",
    max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE,
    first_event_timeout: float | None = None,
    idle_timeout: float | None = None,
    total_timeout: float | None = None,
    check_response: bool = True,
    flush_at_end: bool = False,
) -> "EventStream":
    """Read the events of a response, with `for` or `async for`.

    The deadlines' clocks start with the first event that is asked for: waiting for the answer's
    headers is the client's, and has the client's timeout. Events that are already here are
    delivered before a deadline is judged. A deadline that is given takes the place of the
    client's own read timeout for this response, and what passes is always a `StreamTimeout`.
    Where `first_event_timeout` is the only one, waits after it are limited too: by the client's
    read timeout, or by the deadline itself if that is longer.

    With `async for` the three are exact. With `for` they are over HTTP/1.1, where they are the
    read timeout of the client or shut its socket down. Over HTTP/2 all three shorten the read
    timeout, which the bytes of other streams on the same connection hold up. Over pyreqwest with
    `for`, and over iterables, they are judged between chunks. httpx over aiohttp and pyreqwest
    keep their own read timeouts, and aiohttp its total: what is shorter raises their own errors.

    Args:
        source: a response of httpx, httpx2, requests, niquests, aiohttp, urllib3 or pyreqwest,
            sync or async, streamed or read already; or an iterable or async iterable of bytes,
            which is not checked.
        last_event_id: the last event ID before this stream, as of a connection that broke.
        max_event_size: how many bytes an event may have (see `Parser`), None for any.
        first_event_timeout: seconds until the first event; None for no limit of ours, as above.
        idle_timeout: seconds that a wait for bytes may take; any byte ends it, a comment's too.
            Before the first event it counts only without a `first_event_timeout`.
        total_timeout: seconds that the whole stream may take.
        check_response: raise ResponseError, before the first event, unless the status is 2xx
            and the content type is text/event-stream.
        flush_at_end: deliver an event that the end of the stream left without its blank line.

    Returns:
        The stream; nothing is read before it is iterated.

    Raises:
        TypeError: the source is none of these, or an argument has the wrong type.
        ValueError: a timeout or a size is 0 or less.

    While iterating: `ResponseError`, `StreamTimeout` and `EventTooLargeError`, each after the
    events before it, and what the client itself raises.
    """
    return EventStream(
        source_of(source),
        Parser(last_event_id=last_event_id, max_event_size=max_event_size),
        Deadlines(first_event_timeout, idle_timeout, total_timeout),
        check_response=check_response,
        flush_at_end=flush_at_end,
    )


class EventStream(BothWays[ServerSentEvent]):
    """The events of one response, for `for` or `async for`; made by `iter_events`.

    Iterating again goes on where it stopped; after an error it raises the error again. `with`
    and `async with` close the response at their end, as `close` and `aclose` do.

    Attributes:
        response: the response that is read; None for a plain iterable.
        received_at_ns: `time.perf_counter_ns()` of when the client handed over the chunk that
            completed the event last yielded, taken before it was parsed; 0 before the first.
    """

    __slots__ = (
        "_check_response",
        "_chunk_count",
        "_chunks",
        "_closed",
        "_deadlines",
        "_empty_count",
        "_error",
        "_event_count",
        "_events",
        "_finished_ns",
        "_first_event_ns",
        "_flush_at_end",
        "_parser",
        "_ready",
        "_size",
        "_source",
        "_started_ns",
        "received_at_ns",
        "response",
    )

    def __init__(
        self,
        source: Source,
        parser: Parser,
        deadlines: Deadlines,
        *,
        check_response: bool,
        flush_at_end: bool,
        started_ns: int = 0,
    ) -> None:
        self.response = source.response
        self.received_at_ns = 0
        self._source = source
        self._parser = parser
        self._deadlines = deadlines
        self._check_response = check_response and source.response is not None
        self._flush_at_end = flush_at_end
        self._chunks: Any = None
        # The events of the last chunk, and those of them that are not yielded yet.
        self._events: Sequence[ServerSentEvent] = ()
        self._ready: Iterator[ServerSentEvent] = iter(())
        self._error: BaseException | None = None
        self._closed = False
        self._chunk_count = 0
        self._empty_count = 0
        self._event_count = 0
        self._size = 0
        # When the clocks start: with the iteration, unless it is told.
        self._started_ns = started_ns
        self._first_event_ns: int | None = None
        self._finished_ns = 0

    @property
    def last_event_id(self) -> str:
        """The last event ID of what was yielded: where to resume a broken connection.

        While events of a chunk wait, that of the event last yielded; when none waits, that of
        the stream, which a later block without data may have moved on.

        Source: WHATWG HTML 9.2.4.
        """
        waiting = length_hint(self._ready)
        return self._events[-waiting - 1].id if waiting else self._parser.last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in ms that the stream set last, None before."""
        return self._parser.retry

    @property
    def stats(self) -> StreamStats:
        """How far the stream has come."""
        end = self._finished_ns or perf_counter_ns()
        return StreamStats(
            self._chunk_count,
            self._size,
            self._event_count,
            self._empty_count,
            self._first_event_ns,
            end - self._started_ns if self._started_ns else 0,
        )

    def __iter__(self) -> Iterator[ServerSentEvent]:
        self._expect_open()
        for event in self._ready:
            yield event
        if self._is_over():
            return
        chunks = self._source.iterate() if self._chunks is None else self._chunks
        try:
            if self._chunks is None:
                self._chunks = chunks = self._begin(chunks)
            for chunk in chunks:
                for event in self._land(chunk):
                    yield event
                if self._error is not None:
                    raise self._error
            for event in self._end():
                yield event
        except GeneratorExit:
            raise
        except BaseException as error:
            fault = self._fault(error)
            if isinstance(fault, SSEError):
                with suppress(Exception):
                    self.close()
            if fault is not error:
                raise fault from fault.__cause__
            raise

    async def __aiter__(self) -> AsyncGenerator[ServerSentEvent]:
        self._expect_open()
        for event in self._ready:
            yield event
        if self._is_over():
            return
        chunks = self._source.aiterate() if self._chunks is None else self._chunks
        try:
            if self._chunks is None:
                self._chunks = chunks = await self._abegin(chunks)
            async for chunk in chunks:
                for event in self._land(chunk):
                    yield event
                if self._error is not None:
                    raise self._error
            for event in self._end():
                yield event
        except GeneratorExit:
            raise
        except BaseException as error:
            fault = self._fault(error)
            if isinstance(fault, SSEError):
                with suppress(Exception):
                    await self.aclose()
            if fault is not error:
                raise fault from fault.__cause__
            raise

    def close(self) -> None:
        """Close the response of a stream read with `for`; closing again does nothing.

        It returns at once, also while another thread waits for an event: over HTTP/1.1 that
        thread goes on at once too, and its loop raises the client's error. Over HTTP/2 and over
        pyreqwest that thread goes on when its wait ends.

        Raises:
            TypeError: the response is asynchronous.
        """
        close = self._source.close
        if close is None:
            raise TypeError(f"{self._source.name} is asynchronous: expected aclose(), got close()")
        self._closed = True
        # Dropped with its guard, whose timer would wait for its time.
        self._chunks = None
        close()

    async def aclose(self) -> None:
        """Close the response of a stream read with `async for`; closing again does nothing.

        Raises:
            TypeError: the response is synchronous.
        """
        aclose = self._source.aclose
        if aclose is None:
            raise TypeError(f"{self._source.name} is synchronous: expected close(), got aclose()")
        self._closed = True
        self._chunks = None
        await aclose()

    def _begin(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        self._start()
        source = self._source
        if self._check_response and not is_event_stream(source.status, source.headers):
            guarded = on_socket(chunks, self._body_deadlines(), source)
            body = start_of(source.decode(guarded))
            raise response_error(source.status, source.headers, body, source.response)
        if self._deadlines:
            chunks = on_socket(chunks, self._deadlines, self._source)
        return self._source.decode(chunks)

    async def _abegin(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        self._start()
        source = self._source
        if self._check_response and not is_event_stream(source.status, source.headers):
            guarded = on_event_loop(chunks, self._body_deadlines(), source)
            body = await astart_of(source.adecode(guarded))
            raise response_error(source.status, source.headers, body, source.response)
        if self._deadlines:
            chunks = on_event_loop(chunks, self._deadlines, self._source)
        return self._source.adecode(chunks)

    def _start(self) -> None:
        now = perf_counter_ns()
        self._started_ns = self._started_ns or now
        age = (now - self._started_ns) / 1e9
        self._deadlines.request_age = self._deadlines.call_age = age

    def _body_deadlines(self) -> Deadlines:
        return Deadlines(None, None, min(BODY_SECONDS, self._deadlines.total))

    def _land(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        # Stamped before it is parsed: a token's time must not have our own time in it.
        now = perf_counter_ns()
        # Let go before the new ones are made, which then have memory that the cache still holds.
        self._events = ()
        try:
            events = self._parser.feed(chunk)
        except EventTooLargeError as error:
            self._error = error
            events = error.events
        self._chunk_count += 1
        self._size += len(chunk)
        if not events:
            self._empty_count += 1
        return self._deliver(events, now)

    def _end(self) -> Iterator[ServerSentEvent]:
        self._finished_ns = perf_counter_ns()
        events = self._parser.flush() if self._flush_at_end else []
        return self._deliver(events, self._finished_ns)

    def _deliver(self, events: list[ServerSentEvent], now: int) -> Iterator[ServerSentEvent]:
        if events:
            if self._first_event_ns is None:
                self._first_event_ns = now - self._started_ns
                self._deadlines.first_event_came()
            self._event_count += len(events)
            self._events = events
            self.received_at_ns = now
        self._ready = iter(events)
        return self._ready

    def _expect_open(self) -> None:
        if self._closed and not self._finished_ns:
            raise RuntimeError("the EventStream was closed before its end")

    def _is_over(self) -> bool:
        if isinstance(self._error, Exception):
            raise self._error
        if self._error is not None:
            name = type(self._error).__name__
            raise RuntimeError(f"{name} interrupted the EventStream; its rest is lost")
        return self._finished_ns != 0

    def _fault(self, error: BaseException) -> BaseException:
        """What to raise for an error, and from now on; its cause is told in it."""
        self._finished_ns = perf_counter_ns()
        self._error = error
        if isinstance(error, Expired):
            self._error = self._timeout(error.timeout, error.seconds)
            self._error.__cause__ = error.__cause__
        return self._error

    def _timeout(self, deadline: str, seconds: float) -> StreamTimeout:
        stats = self.stats
        return StreamTimeout(
            deadline,
            seconds,
            stats.chunks,
            stats.bytes,
            stats.events,
            stats.elapsed_ns / 1e9,
            buffered=self._parser.pending_data[:BUFFERED_SIZE],
        )
