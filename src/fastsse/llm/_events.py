"""What values are read from: the events of anything that has some."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import chain
from time import perf_counter_ns
from typing import Any, Protocol

from .._clients import source_of
from .._parser import ServerSentEvent
from .._stream import EventStream, StreamStats, iter_events


class Events(Protocol):
    """A stream of events, for one way to wait or both; those in `_ready` need no wait."""

    _ready: Iterator[ServerSentEvent]

    @property
    def received_at(self) -> int: ...
    @property
    def stats(self) -> StreamStats: ...
    def __iter__(self) -> Iterator[ServerSentEvent]: ...
    def __aiter__(self) -> AsyncIterator[ServerSentEvent]: ...
    def close(self) -> None: ...
    async def aclose(self) -> None: ...


def events_of(source: Any) -> Events:
    """The events of a stream, of a response, of bytes, or of an iterable of events.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(source, EventStream):
        return source
    if _has_own_response(source):
        return iter_events(source)
    return EventIterable(source)


def _has_own_response(source: Any) -> bool:
    # A source of events may have what a response has; only what gives plain items is looked into.
    if hasattr(source, "last_event_id"):
        return False
    return source_of(source).response is not None


class EventIterable:
    """The events of an iterable: those that it gives, or those in the bytes that it gives.

    Iterating again goes on where it stopped.
    """

    def __init__(self, source: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._source = source
        self._stream: EventStream | None = None
        self._items: Any = None
        self._ready: Iterator[ServerSentEvent] = iter(())
        self._events = self._came_at = self._started_ns = 0
        self._first_event_ns: int | None = None

    @property
    def received_at(self) -> int:
        return self._came_at if self._stream is None else self._stream.received_at

    @property
    def stats(self) -> StreamStats:
        if self._stream is not None:
            return self._stream.stats
        elapsed = perf_counter_ns() - self._started_ns if self._started_ns else 0
        return StreamStats(0, 0, self._events, 0, self._first_event_ns, elapsed)

    def __iter__(self) -> Iterator[ServerSentEvent]:
        if self._items is None:
            if not isinstance(self._source, Iterable):
                raise TypeError(f"{_name(self._source)} is asynchronous: expected `async for`")
            self._started_ns = perf_counter_ns()
            self._items = iter(self._source)
            first = next(self._items, None)
            if first is not None:
                self._items = chain([first], self._items)
            if first is not None and not _is_event(first):
                self._stream = iter_events(self._items)
        if self._stream is not None:
            yield from self._stream
            return
        for event in self._items:
            self._came(event)
            yield event

    async def __aiter__(self) -> AsyncIterator[ServerSentEvent]:
        if self._items is None:
            if not isinstance(self._source, AsyncIterable):
                raise TypeError(f"{_name(self._source)} is synchronous: expected `for`")
            self._started_ns = perf_counter_ns()
            self._items = aiter(self._source)
            first = await anext(self._items, None)
            if first is not None:
                self._items = _achain(first, self._items)
            if first is not None and not _is_event(first):
                self._stream = iter_events(self._items)
        async for event in self._items if self._stream is None else self._stream:
            if self._stream is None:
                self._came(event)
            yield event

    def close(self) -> None:
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    async def aclose(self) -> None:
        aclose = getattr(self._source, "aclose", None)
        if aclose is not None:
            await aclose()

    def _came(self, event: Any) -> None:
        if not _is_event(event):
            raise TypeError(f"expected only events after the first, got {_name(event)}")
        # A source of events that knows when their bytes came says so.
        self._came_at = getattr(self._source, "received_at", 0) or perf_counter_ns()
        self._events += 1
        if self._first_event_ns is None:
            self._first_event_ns = self._came_at - self._started_ns


async def _achain(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    yield first
    async for item in rest:
        yield item


def _is_event(item: Any) -> bool:
    # Either twin's, since a pickle may bring one of the other.
    return hasattr(item, "data_bytes") and hasattr(item, "event")


def _name(item: Any) -> str:
    return type(item).__qualname__
