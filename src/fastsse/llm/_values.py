"""`iter_json`: the values of a stream of events, and what all streams of values have in common."""

import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from itertools import chain
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar, overload

import msgspec

from .._both_ways import BothWays
from .._errors import SSEError, preview
from .._parser import ServerSentEvent
from .._stream import StreamStats
from .decode import DONE, Done, decode
from .errors import DecodeError, IncompleteStreamError
from ._events import Events, events_of

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

OnError = Literal["raise", "skip"]

logger = logging.getLogger(__name__)


class Reader(Protocol[T_co]):
    """What makes values of events, one after another."""

    @property
    def is_complete(self) -> bool:
        """Whether what was read has its end, though the stream may go on."""

    @property
    def tokens(self) -> int:
        """How many values added something to what is read."""

    def read(self, event: ServerSentEvent) -> Sequence[T_co | Done]:
        """The values of an event, and DONE after them where it ends the stream.

        Raises:
            SSEError: it has none; a DecodeError is what may be skipped.
        """


class ValueStream(BothWays[T]):
    """The values of a stream of events, for `for` or `async for`.

    It ends with the end that the stream says itself. Iterating again goes on where it stopped;
    after an error it raises the error again. `with` and `async with` close the source at their
    end, as `close` and `aclose` do.

    Attributes:
        parse_failures: how many events were skipped, with `on_error="skip"`.
    """

    def __init__(
        self, events: Events, reader: Reader[T], *, on_error: OnError, require_end: bool
    ) -> None:
        if on_error not in ("raise", "skip"):
            raise ValueError(f'on_error: expected "raise" or "skip", got {on_error!r}')
        self._events = events
        self._reader = reader
        self._skips = on_error == "skip"
        self._require_end = require_end
        self._ready: Iterator[T | Done] = iter(())
        self._is_over = False
        self._error: BaseException | None = None
        self.parse_failures = 0

    @property
    def received_at_ns(self) -> int:
        """When the bytes of the value last yielded came: see `EventStream.received_at_ns`."""
        return self._events.received_at_ns

    @property
    def stats(self) -> StreamStats:
        """How far the stream of events has come."""
        return self._events.stats

    def __iter__(self) -> Iterator[T]:
        self._expect_no_error()
        try:
            for value in self._ready:
                if value is DONE:
                    self._is_over = True
                    return
                yield value
            if self._is_over:
                return
            for first in self._events:
                # Those that came with it are here, and need no wait.
                for event in chain((first,), self._events._ready):
                    for value in self._take(event):
                        if value is DONE:
                            self._is_over = True
                            return
                        yield value
            self._end()
        except GeneratorExit:
            raise
        except BaseException as error:
            self._error = error
            if isinstance(error, SSEError):
                with suppress(Exception):
                    self.close()
            raise

    async def __aiter__(self) -> AsyncGenerator[T]:
        self._expect_no_error()
        try:
            for value in self._ready:
                if value is DONE:
                    self._is_over = True
                    return
                yield value
            if self._is_over:
                return
            # Closed here, since what is left to be collected is a task more, and trio's to tell.
            async with aclosing(aiter(self._events)) as events:
                async for first in events:
                    for event in chain((first,), self._events._ready):
                        for value in self._take(event):
                            if value is DONE:
                                self._is_over = True
                                return
                            yield value
            self._end()
        except GeneratorExit:
            raise
        except BaseException as error:
            self._error = error
            if isinstance(error, SSEError):
                with suppress(Exception):
                    await self.aclose()
            raise

    def close(self) -> None:
        """Close the source of a stream read with `for`; closing again does nothing."""
        self._events.close()

    async def aclose(self) -> None:
        """Close the source of a stream read with `async for`; closing again does nothing."""
        await self._events.aclose()

    def _take(self, event: ServerSentEvent) -> Iterator[T | Done]:
        try:
            self._ready = iter(self._reader.read(event))
        except DecodeError as error:
            if not self._skips:
                raise
            self._skip(error)
        return self._ready

    def _skip(self, error: DecodeError) -> None:
        self.parse_failures += 1
        # Aloud once a stream: what is wrong with one event is so with many.
        level = logging.WARNING if self.parse_failures == 1 else logging.DEBUG
        logger.log(
            level,
            "skipped an event, which is no such value: %s: %s",
            error.reason,
            preview(error.event.data_bytes),
            extra=self._about(),
        )

    def _about(self) -> dict[str, Any]:
        """What logs carry beside their message."""
        return {"parse_failures": self.parse_failures}

    def _end(self) -> None:
        self._is_over = True
        if self._require_end and not self._reader.is_complete:
            raise IncompleteStreamError(self.stats.events)

    def _expect_no_error(self) -> None:
        if isinstance(self._error, Exception):
            raise self._error
        if self._error is not None:
            name = type(self._error).__name__
            raise RuntimeError(f"{name} interrupted the stream; its rest is lost")


class JsonReader(Generic[T]):
    """Reads one JSON value of each event; only `[DONE]` ends them."""

    is_complete = False

    def __init__(self, loads: Callable[[bytes], T]) -> None:
        self._loads = loads
        self.tokens = 0

    def read(self, event: ServerSentEvent) -> tuple[T | Done]:
        value = decode(event, self._loads)
        self.tokens += value is not DONE
        return (value,)


class JsonEvent(NamedTuple, Generic[T]):
    """An event with a JSON value.

    Attributes:
        event: its type; "message" where the stream named none.
        value: of its data.
    """

    event: str
    value: T


class EventReader(JsonReader[T]):
    """Reads the same, with the name of each event."""

    def read(self, event: ServerSentEvent) -> tuple[JsonEvent[T] | Done]:  # type: ignore[override]
        (value,) = super().read(event)
        return (value,) if value is DONE else (JsonEvent(event.event, value),)


@overload
def iter_json(
    source: Any, *, type: None = None, on_error: OnError = "raise", require_end: bool = False
) -> ValueStream[Any]: ...
@overload
def iter_json(
    source: Any, *, type: type[T], on_error: OnError = "raise", require_end: bool = False
) -> ValueStream[T]: ...
def iter_json(
    source: Any,
    *,
    type: type[T] | None = None,
    on_error: OnError = "raise",
    require_end: bool = False,
) -> ValueStream[Any]:
    """Read the JSON values of a stream, one of each event, until `[DONE]`.

    Args:
        source: what `iter_events` takes, what it gives, or any iterable or async iterable of
            events. For deadlines: `iter_json(iter_events(response, idle_timeout=60))`. A last
            event without its blank line counts, unless it is `iter_events` that is given.
        type: what each value has to be, such as a `msgspec.Struct`; None for any JSON.
        on_error: "raise" for a DecodeError at the first event that is no such value, "skip" to
            pass over it: the first is logged as a warning, each later one for debugging.
        require_end: raise IncompleteStreamError if the stream ends without `[DONE]`.

    Returns:
        The stream; nothing is read before it is iterated.

    Raises:
        TypeError: the source is none of these.
        ValueError: `on_error` is neither.

    While iterating: `StreamError` for an error in the stream (an event of type `error`, or a
    value whose `error` is not null), `DecodeError`, `IncompleteStreamError`, each after the values
    before it, and what the source raises.
    """
    reader = JsonReader(json_decoder(type))
    return ValueStream(events_of(source), reader, on_error=on_error, require_end=require_end)


def json_decoder(type: type[T] | None) -> Callable[[bytes], Any]:
    """What decodes a value of the type, any JSON for None."""
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any if type is None else type)
    return decoder.decode


def json_value(body: bytes, loads: Callable[[bytes], T]) -> T | None:
    """The value of a whole body, None if it says only that it is done.

    Raises:
        StreamError, DecodeError: as for an event.
    """
    value = decode(ServerSentEvent(data_bytes=body), loads)
    return None if value is DONE else value
