"""`iter_json`: the JSON values of a stream; and the base classes of all streams of values."""

import logging
from array import array
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar, overload

import msgspec

from .._arguments import DEFAULT_MAX_EVENT_SIZE
from .._errors import preview
from .._iteration import Stream
from .._parser import ServerSentEvent
from .._reader import StreamReader, StreamStats
from .._stream import EventStream
from ._events import events_of
from .decode import DONE, Done, decode, is_keep_alive
from .errors import DecodeError, IncompleteStreamError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..clients import Response

    Bytes = Iterable[Buffer] | AsyncIterable[Buffer]
    Events = Iterable[ServerSentEvent] | AsyncIterable[ServerSentEvent]
    ValueSource = EventStream | Response | Bytes | Events

T = TypeVar("T")

OnError = Literal["raise", "skip"]

logger = logging.getLogger(__name__)


class ValueReader(Generic[T]):
    """Turns the events of a `StreamReader` into values; subclasses implement `read`.

    Events are read one by one as their values are taken, so that a loop that ends early leaves
    the rest to the stream of events.

    Args:
        on_error: "raise" or "skip" a DecodeError.
        require_end: raise IncompleteStreamError if the stream stops before it is complete.

    Attributes:
        events: the reader of the events.
        pending: the values that are received and not yielded.
        is_done: whether the stream reported its end, for example with `[DONE]`.
        is_over: whether the reader needs no more chunks.
        parse_failures: events skipped.
        log_context: gives the `extra` of log records.
    """

    def __init__(self, *, on_error: OnError = "raise", require_end: bool = False) -> None:
        if on_error not in ("raise", "skip"):
            raise ValueError(f'on_error: expected "raise" or "skip", got {on_error!r}')
        self.parse_failures = 0
        self.is_done = self.is_over = False
        self.error: Exception | None = None
        self.log_context: Callable[[], dict[str, Any]] = dict
        # Called with `received_at_ns` for each token. This deque drops it, without a Python call.
        self._note: Callable[[int], None] = deque[int](maxlen=0).append
        self._require_end = require_end
        self._read = self.read if on_error == "raise" else self._read_or_skip

    def read_from(self, events: StreamReader) -> None:
        """Take the events of this reader, the pending ones first."""
        self.events = events
        self.pending: Iterator[T] = self._values(events.pending)

    def record(self) -> "array[int]":
        """An array that receives, for each token, `received_at_ns` of its chunk."""
        times = array("q")
        self._note = times.append
        return times

    def read(self, event: ServerSentEvent) -> Sequence[T]:
        """The values of an event; sets `is_done` at the end, and gives none after it.

        Raises:
            SSEError: the event has no value; `on_error` may skip a DecodeError.
        """
        raise NotImplementedError

    @property
    def is_complete(self) -> bool:
        """Whether all values have been read, though the stream may go on."""
        return self.is_done

    @property
    def is_empty(self) -> bool:
        """Whether the stream has no answer so far."""
        return False

    def read_first(self) -> None:
        """Read the first pending event now, so that its error is raised now."""
        for event in self.events.pending:
            self.pending = chain(self._read(event), self._values(self.events.pending))
            return

    def receive(self, chunk: Any) -> Iterator[T]:
        events = self.events
        self.pending = pending = chain.from_iterable(map(self._read, events.receive(chunk)))
        if events.is_over:
            self.is_over = True
        return pending

    def end(self) -> Iterator[T]:
        self.is_over = True
        self.pending = pending = self._values(self.events.end())
        return pending

    def fail(self, error: BaseException) -> BaseException:
        if error is self.error:
            return error
        fault = self.events.fail(error)
        self.is_over = True
        self.error = self.events.error
        return fault

    def finish(self) -> None:
        if self.error is not None:
            raise self.error
        self.is_over = True
        if self.is_done:
            if self._require_end and self.is_empty:
                raise IncompleteStreamError(self.events.stats.events, is_empty=True)
            return
        self.events.finish()
        if self._require_end and not self.is_complete:
            raise IncompleteStreamError(self.events.stats.events)

    def expect_open(self) -> None:
        if not self.is_over:
            self.events.expect_open()

    def _values(self, events: Iterator[ServerSentEvent]) -> Iterator[T]:
        return chain.from_iterable(map(self._read, events))

    def _read_or_skip(self, event: ServerSentEvent) -> Sequence[T]:
        try:
            return self.read(event)
        except DecodeError as error:
            self._skip(error)
            return ()

    def _skip(self, error: DecodeError) -> None:
        self.parse_failures += 1
        # One warning per stream: if one event cannot be decoded, often many cannot.
        level = logging.WARNING if self.parse_failures == 1 else logging.DEBUG
        logger.log(
            level,
            "skipped an event that could not be decoded: %s: %s",
            error.reason,
            preview(error.event.data_bytes),
            extra={"parse_failures": self.parse_failures, **self.log_context()},
        )


class ValueStream(Stream[T]):
    """The values of a stream of events, for `for` or `async for`.

    It ends when the stream reports its end. A second loop continues where the first stopped; after
    an error it raises the error again. `with` and `async with` close the source at their end, as
    `close` and `aclose` do.
    """

    def __init__(self, events: EventStream, reader: ValueReader[T]) -> None:
        reader.read_from(events.reader)
        self.reader: ValueReader[T] = reader
        self._events = events

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._events!r}>"

    @property
    def parse_failures(self) -> int:
        """How many events were skipped, with `on_error="skip"`."""
        return self.reader.parse_failures

    @property
    def received_at_ns(self) -> int:
        """When the bytes of the value last yielded were received: see `EventStream`."""
        return self.reader.events.received_at_ns

    @property
    def stats(self) -> StreamStats:
        """How much of the stream of events has been received, and when."""
        return self.reader.events.stats

    def close(self) -> None:
        """Close the source of a stream read with `for`; closing again does nothing."""
        self._events.close()

    async def aclose(self) -> None:
        """Close the source of a stream read with `async for`; closing again does nothing."""
        await self._events.aclose()

    def expect_loop(self, *, is_async: bool) -> None:
        self._events.expect_loop(is_async=is_async)

    def chunks(self) -> Iterator[Any]:
        return self._events.chunks()

    async def achunks(self) -> AsyncIterator[Any]:
        return await self._events.achunks()


class JsonReader(ValueReader[T]):
    """Reads one JSON value from each event, until `[DONE]`."""

    def __init__(self, loads: Callable[[bytes], T], **options: Any) -> None:
        super().__init__(**options)
        self._loads = loads

    def read(self, event: ServerSentEvent) -> Sequence[T]:
        if self.is_done:
            return ()
        try:
            value = decode(event, self._loads)
        except DecodeError:
            if is_keep_alive(event):
                return ()
            raise
        if value is DONE:
            self.is_done = self.is_over = True
            return ()
        self._note(self.events.received_at_ns)
        return (value,)


class JsonEvent(NamedTuple, Generic[T]):
    """An event with a JSON value.

    Attributes:
        event: the event type; "message" if the stream set none.
        value: the decoded data.
    """

    event: str
    value: T


class EventReader(JsonReader[T]):
    """Reads one JSON value from each event, with the event's type."""

    def read(self, event: ServerSentEvent) -> Sequence[JsonEvent[T]]:  # type: ignore[override]
        return [JsonEvent(event.event, value) for value in super().read(event)]


@overload
def iter_json(
    source: "ValueSource",
    *,
    type: None = None,
    max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE,
    on_error: OnError = "raise",
    require_end: bool = False,
) -> ValueStream[Any]: ...
@overload
def iter_json(
    source: "ValueSource",
    *,
    type: type[T],
    max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE,
    on_error: OnError = "raise",
    require_end: bool = False,
) -> ValueStream[T]: ...
def iter_json(
    source: "ValueSource",
    *,
    type: type[T] | None = None,
    max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE,
    on_error: OnError = "raise",
    require_end: bool = False,
) -> ValueStream[Any]:
    """Read the JSON values of a stream, one from each event, until `[DONE]`.

    Args:
        source: a source of `iter_events`, the stream that it returns, or an iterable or async
            iterable of events. For timeouts: `iter_json(iter_events(response, idle_timeout=60))`.
            A last event without its blank line counts, unless the source is an `EventStream`.
        type: the type of each value, such as a `msgspec.Struct`; None for any JSON.
        max_event_size: the most bytes that an event may have; None for no limit. An `EventStream`
            has its own limit.
        on_error: "raise" a DecodeError at the first event that cannot be decoded, or "skip" such
            events: the first is logged as a warning, later ones at debug level.
        require_end: raise IncompleteStreamError if the stream ends without `[DONE]`.

    Returns:
        The stream; nothing is read before it is iterated.

    Raises:
        TypeError: the source is of another type.
        ValueError: `on_error` is neither "raise" nor "skip".

    While iterating: `StreamError` for an error in the stream (an event of type `error`, or a
    value whose `error` is not null), `DecodeError`, `IncompleteStreamError`, each after the values
    before it, and the errors of the source.
    """
    reader = JsonReader(json_decoder(type), on_error=on_error, require_end=require_end)
    return ValueStream(events_of(source, max_event_size=max_event_size), reader)


def json_decoder(type: type[T] | None) -> Callable[[bytes], Any]:
    """A decoder of values of that type; of any JSON for None."""
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any if type is None else type)
    return decoder.decode


def json_value(body: bytes, loads: Callable[[bytes], T]) -> T | None:
    """The value of a whole body; None if the body is `[DONE]`.

    Raises:
        StreamError, DecodeError: as for an event.
    """
    value: T | Literal[Done.DONE] = decode(ServerSentEvent(data_bytes=body), loads)
    return None if value is DONE else value
