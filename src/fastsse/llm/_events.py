"""What values are read from: the events of anything that has some."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from itertools import chain
from time import perf_counter_ns
from typing import Any, Protocol, Self

from .._parser import ServerSentEvent
from .._stream import EventStream, StreamStats, iter_events
from ..clients import source_of


class Events(Protocol):
    """A stream of events, for one way to wait or both; those in `_ready` need no wait."""

    @property
    def _ready(self) -> Iterator[ServerSentEvent]: ...
    @property
    def received_at_ns(self) -> int: ...
    @property
    def stats(self) -> StreamStats: ...
    def __iter__(self) -> Iterator[ServerSentEvent]: ...
    def __aiter__(self) -> AsyncGenerator[ServerSentEvent]: ...
    def close(self) -> None: ...
    async def aclose(self) -> None: ...


def events_of(source: Any) -> Events:
    """The events of a stream, of a response, of bytes, or of an iterable of events.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(source, EventStream):
        return source
    is_plain = source_of(source).response is None
    return EventIterable(source) if is_plain else _read(source)


def _read(source: Any) -> EventStream:
    # What a stream that was cut off left must show: as a value, or as none that can be decoded.
    return iter_events(source, flush_at_end=True)


class EventIterable:
    """The events of an iterable: those that it gives, or those in the bytes that it gives.

    Iterating again goes on where it stopped.
    """

    def __init__(self, source: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._source = source
        self._stream: EventStream | None = None
        self._items: Any = None
        self._events = self._came_at = self._started_ns = self._finished_ns = 0
        self._first_event_ns: int | None = None
        self._closed = False

    @property
    def _ready(self) -> Iterator[ServerSentEvent]:
        return iter(()) if self._stream is None else self._stream._ready

    @property
    def received_at_ns(self) -> int:
        return self._came_at if self._stream is None else self._stream.received_at_ns

    @property
    def stats(self) -> StreamStats:
        if self._stream is not None:
            return self._stream.stats
        end = self._finished_ns or perf_counter_ns()
        elapsed = end - self._started_ns if self._started_ns else 0
        return StreamStats(0, 0, self._events, 0, self._first_event_ns, elapsed)

    def __iter__(self) -> Iterator[ServerSentEvent]:
        self._expect_open()
        if self._items is None:
            if not isinstance(self._source, Iterable):
                raise TypeError(f"{_name(self._source)} is asynchronous: expected `async for`")
            self._started_ns = perf_counter_ns()
            self._items = iter(self._source)
            for first in self._items:
                self._begin(first, chain([first], self._items))
                break
        if self._stream is not None:
            yield from self._stream
        else:
            for event in self._items:
                self._came(event)
                yield event
        self._end()

    async def __aiter__(self) -> AsyncGenerator[ServerSentEvent]:
        self._expect_open()
        if self._items is None:
            if not isinstance(self._source, AsyncIterable):
                raise TypeError(f"{_name(self._source)} is synchronous: expected `for`")
            self._started_ns = perf_counter_ns()
            self._items = aiter(self._source)
            async for first in self._items:
                self._begin(first, _Chain(first, self._items))
                break
        if self._stream is not None:
            async with aclosing(aiter(self._stream)) as events:
                async for event in events:
                    yield event
        else:
            async for event in self._items:
                self._came(event)
                yield event
        self._end()

    def close(self) -> None:
        self._closed = True
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    async def aclose(self) -> None:
        self._closed = True
        aclose = getattr(self._source, "aclose", None)
        if aclose is not None:
            await aclose()

    def _begin(self, first: Any, items: Any) -> None:
        self._items = items
        if not _is_event(first):
            self._stream = _read(items)

    def _came(self, event: Any) -> None:
        if not _is_event(event):
            raise TypeError(f"expected only events after the first, got {_name(event)}")
        # A source of events that knows when their bytes came says so.
        self._came_at = getattr(self._source, "received_at_ns", 0) or perf_counter_ns()
        self._events += 1
        if self._first_event_ns is None:
            self._first_event_ns = self._came_at - self._started_ns

    def _end(self) -> None:
        self._finished_ns = self._finished_ns or perf_counter_ns()

    def _expect_open(self) -> None:
        if self._closed and not self._finished_ns:
            raise RuntimeError("the events were closed before their end")


class _Chain:
    """One item, and the rest; no generator, whose end would have to be seen to."""

    def __init__(self, first: Any, rest: AsyncIterator[Any]) -> None:
        self._first = [first]
        self._rest = rest

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._first.pop() if self._first else await anext(self._rest)


def _is_event(item: Any) -> bool:
    # Either twin's, since a pickle may bring one of the other.
    return hasattr(item, "data_bytes") and hasattr(item, "event")


def _name(item: Any) -> str:
    return type(item).__qualname__
