"""`iter_events` and `EventStream`: the events of a response, for `for` and `async for`."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ._arguments import DEFAULT_MAX_EVENT_SIZE
from ._errors import ResponseError
from ._iteration import Stream
from ._parser import Parser, ServerSentEvent
from ._reader import StreamReader, StreamStats
from ._response import BODY_SECONDS, astart_of, is_event_stream, response_error, start_of
from .clients import Source, source_of
from .deadlines import Deadlines, on_event_loop, on_socket

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .clients import Response

__all__ = ["EventStream", "StreamStats", "iter_events"]


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

    The timeouts start when iteration starts. The headers have been received before, within the
    client's own timeouts. Received events are delivered before a timeout is checked. A timeout
    given here replaces the client's own read timeout for this response, and always raises
    `StreamTimeout`. Before the first event `first_event_timeout` counts if it is given, and
    `idle_timeout` does not. If `first_event_timeout` is the only one, the client's read timeout
    limits later waits, or `first_event_timeout` itself if that is longer.

    With `async for` the three are exact. With `for` they are exact over HTTP/1.1, where they set
    the client's read timeout or shut its socket down. Over HTTP/2 all three shorten the read
    timeout, which bytes of other streams on the same connection extend. Over pyreqwest with `for`,
    and over iterables, they are checked between chunks. httpx over aiohttp and pyreqwest keep
    their own read timeouts, and aiohttp its total: a shorter one raises the client's own error.

    Args:
        source: a response of httpx, httpx2, requests, niquests, aiohttp, urllib3 or pyreqwest,
            sync or async, streamed or already read; or an iterable or async iterable of bytes,
            which is not checked.
        last_event_id: the last event ID before this stream, such as that of a broken connection.
        max_event_size: the most bytes that an event may have (see `Parser`); None for no limit.
        first_event_timeout: seconds until the first event; None for no limit.
        idle_timeout: seconds that a wait for bytes may take; any byte ends it, a comment's too.
        total_timeout: seconds that the whole stream may take.
        check_response: raise ResponseError unless the status is 2xx, and the type event-stream.
        flush_at_end: at the end of the stream, also deliver an event without its blank line.

    Returns:
        The stream; nothing is read before it is iterated.

    Raises:
        TypeError: the source is of another type, or an argument has the wrong type.
        ValueError: a timeout or a size is 0 or negative.

    While iterating: `ResponseError`, `StreamTimeout` and `EventTooLargeError`, each after the
    events before it, and the client's own errors.
    """
    parser = Parser(last_event_id=last_event_id, max_event_size=max_event_size)
    return EventStream(
        source_of(source),
        StreamReader(parser, flush_at_end=flush_at_end),
        Deadlines(first_event_timeout, idle_timeout, total_timeout),
        check_response=check_response,
    )


class EventStream(Stream[ServerSentEvent]):
    """The events of one response, for `for` or `async for`; made by `iter_events`.

    A second loop continues where the first stopped; after an error it raises the error again.
    `with` and `async with` close the response at their end, as `close` and `aclose` do.

    Attributes:
        response: the response that is read; None for a plain iterable.
    """

    __slots__ = ("_check_response", "_chunks", "_deadlines", "_source", "reader", "response")

    def __init__(
        self,
        source: Source,
        reader: StreamReader,
        deadlines: Deadlines,
        *,
        check_response: bool = True,
    ) -> None:
        self.response = source.response
        self.reader: StreamReader = reader
        self._source = source
        self._deadlines = deadlines
        self._check_response = check_response and source.response is not None
        self._chunks: Any = None
        reader.on_first_event = deadlines.end_first_wait

    def __repr__(self) -> str:
        return f"<EventStream of {self._source.name}, events: {self.stats.events}>"

    @property
    def received_at_ns(self) -> int:
        """When the chunk that completed the event last yielded was received; 0 before the first.

        In nanoseconds of `time.perf_counter_ns()`, taken before the chunk was parsed.
        """
        return self.reader.received_at_ns

    @property
    def last_event_id(self) -> str:
        """The last event ID of the events yielded: resume a broken connection after it.

        While received events are not yielded yet, it is the ID of the event last yielded. Otherwise
        it is the stream's, which a later block without data may have changed.

        Source: WHATWG HTML 9.2.4.
        """
        return self.reader.last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in ms that the stream set last; None before."""
        return self.reader.retry

    @property
    def stats(self) -> StreamStats:
        """How much of the stream has been received, and when."""
        return self.reader.stats

    @property
    def ready(self) -> Iterator[ServerSentEvent]:
        """The events that are received and not yielded; iterating it never waits."""
        return self.reader.pending

    def close(self) -> None:
        """Close the response of a stream read with `for`; closing again does nothing.

        It returns at once, also while another thread waits for an event. Over HTTP/1.1 it ends
        that wait, and the thread's loop raises the client's error. Over HTTP/2 and over pyreqwest
        it does not end the wait.

        Raises:
            TypeError: the response is asynchronous.
        """
        close = self._source.close
        if close is None:
            raise TypeError(f"{self._source.name} is asynchronous: expected aclose(), got close()")
        self._drop_chunks()
        close()

    async def aclose(self) -> None:
        """Close the response of a stream read with `async for`; closing again does nothing.

        Raises:
            TypeError: the response is synchronous.
        """
        aclose = self._source.aclose
        if aclose is None:
            raise TypeError(f"{self._source.name} is synchronous: expected close(), got aclose()")
        self._drop_chunks()
        await aclose()

    def expect_loop(self, *, is_async: bool) -> None:
        self._source.expect_loop(is_async=is_async)

    def chunks(self) -> Iterator[bytes]:
        if self._chunks is None:
            self._chunks = self._open(self._source.iterate())
        chunks: Iterator[bytes] = self._chunks
        return chunks

    async def achunks(self) -> AsyncIterator[bytes]:
        if self._chunks is None:
            self._chunks = await self._aopen(self._source.aiterate())
        chunks: AsyncIterator[bytes] = self._chunks
        return chunks

    def _open(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        source = self._source
        self._start_clocks()
        if self._is_refused():
            guarded = on_socket(chunks, self._body_deadlines(), source)
            raise self._response_error(start_of(source.decode(guarded)))
        if self._deadlines:
            chunks = on_socket(chunks, self._deadlines, source)
        return source.decode(chunks)

    async def _aopen(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        source = self._source
        self._start_clocks()
        if self._is_refused():
            guarded = on_event_loop(chunks, self._body_deadlines(), source)
            raise self._response_error(await astart_of(source.adecode(guarded)))
        if self._deadlines:
            chunks = on_event_loop(chunks, self._deadlines, source)
        return source.adecode(chunks)

    def _start_clocks(self) -> None:
        age = self.reader.begin()
        self._deadlines.request_age += age
        self._deadlines.call_age += age

    def _is_refused(self) -> bool:
        return self._check_response and not is_event_stream(
            self._source.status, self._source.headers
        )

    def _response_error(self, body: bytes) -> ResponseError:
        source = self._source
        return response_error(source.status, source.headers, body, source.response)

    def _body_deadlines(self) -> Deadlines:
        return Deadlines(total=min(BODY_SECONDS, self._deadlines.total))

    def _drop_chunks(self) -> None:
        # Drops their guard too, whose timer would otherwise keep them until it fires.
        self._chunks = None
        self.reader.is_closed = True
