"""The events that streams of values read: of a stream, a response, bytes, or other events."""

from collections.abc import Iterator
from time import perf_counter_ns
from typing import Any

from .._arguments import DEFAULT_MAX_EVENT_SIZE
from .._parser import Parser, ServerSentEvent
from .._reader import StreamReader
from .._stream import EventStream
from ..clients import source_of
from ..deadlines import Deadlines


class ItemReader(StreamReader):
    """Reads an iterable of chunks of bytes, or of events."""

    __slots__ = ("_source", "_takes_events")

    def __init__(self, source: Any, max_event_size: int | None) -> None:
        super().__init__(Parser(max_event_size=max_event_size), flush_at_end=True)
        self._source = source
        self._takes_events: bool | None = None

    def receive(self, chunk: Any) -> Iterator[ServerSentEvent]:
        if self._takes_events is None:
            self._takes_events = _is_event(chunk)
        if self._takes_events:
            return self._receive_event(chunk)
        return super().receive(chunk)

    def _receive_event(self, event: Any) -> Iterator[ServerSentEvent]:
        if not _is_event(event):
            name = type(event).__qualname__
            raise TypeError(f"expected an event, like the first item, got {name}")
        # A source of events may know when their bytes were received.
        received = getattr(self._source, "received_at_ns", 0) or perf_counter_ns()
        return self.deliver((event,), received)


def _is_event(item: Any) -> bool:
    # Either twin's event, because a pickle may contain the other's.
    return hasattr(item, "data_bytes") and hasattr(item, "event")


def events_of(source: Any, *, max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE) -> EventStream:
    """The events of a stream, a response, bytes, or an iterable of events.

    Unless the source is a stream, a last event without its blank line is delivered too: the rest of
    a stream that was cut off must be reported, as a value or as a DecodeError.

    Raises:
        TypeError: the source is of another type.
    """
    if isinstance(source, EventStream):
        return source
    found = source_of(source)
    reader = (
        ItemReader(source, max_event_size)
        if found.response is None
        else StreamReader(Parser(max_event_size=max_event_size), flush_at_end=True)
    )
    return EventStream(found, reader, Deadlines())
