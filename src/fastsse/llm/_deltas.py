"""`deltas`: what an answer is made of, whoever answers."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from .._parser import ServerSentEvent
from .decode import DONE, Done, decode
from .types import Delta, Usage
from .errors import DecodeError, UnknownShapeError
from ._events import events_of
from .message import Message, message_of
from .shapes import SHAPES, Shape, recognise
from ._values import OnError, ValueStream

# How many events may come before one that tells the shape, such as pings.
NEUTRAL_EVENTS = 16

# What the data of an event is in every shape.
_object = msgspec.json.Decoder(dict[str, Any]).decode


class DeltaReader:
    """Reads deltas, and keeps what they say of the whole answer.

    Attributes:
        usage: the tokens that it took, as far as the server said.
        finish_reason: why the first choice ended, None before.
        tokens: how many deltas added something.
    """

    def __init__(self, shape: Shape | None) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self.tokens = 0
        self._read = self._find_out if shape is None else shape.reader()
        self._neutral: list[ServerSentEvent] = []
        self._begun: set[int] = set()
        self._finished: set[int] = set()

    @property
    def is_complete(self) -> bool:
        """Whether each choice that began has its finish reason."""
        return bool(self._finished) and self._begun <= self._finished

    def read(self, event: ServerSentEvent) -> Sequence[Delta | Done]:
        """The deltas of an event, and DONE after them where it ends the stream."""
        deltas = self._read(event)
        begun = self._begun.add
        for delta in deltas:
            if delta is DONE:
                break
            if delta.text or delta.token_ids or delta.reasoning or delta.tool_calls:
                self.tokens += 1
                begun(delta.index)
            if delta.usage is not None or delta.finish_reason is not None:
                self._note(delta)
        return deltas

    def whole(self, body: bytes) -> Message:
        """The whole answer, where it came at once."""
        message = message_of(body)
        self.usage, self.finish_reason = message.usage, message.finish_reason
        return message

    def _note(self, delta: Delta) -> None:
        if delta.usage is not None:
            self.usage = delta.usage if self.usage is None else self.usage.updated(delta.usage)
        if delta.finish_reason is not None:
            self._finished.add(delta.index)
            if delta.index == 0:
                self.finish_reason = delta.finish_reason

    def _find_out(self, event: ServerSentEvent) -> Sequence[Delta | Done]:
        if decode(event, _object) is DONE:
            self.expect_known()
            return (DONE,)
        shape = recognise(event)
        if shape is not None:
            self._read = shape.reader()
            return [*self._held(), *self._read(event)]
        self._neutral.append(event)
        if len(self._neutral) > NEUTRAL_EVENTS:
            raise UnknownShapeError(SHAPES, self._neutral[0])
        return ()

    def _held(self) -> Iterator[Delta | Done]:
        for event in self._neutral:
            # What the shape cannot read of them must not take along the event that told it.
            with suppress(DecodeError):
                yield from self._read(event)

    def expect_known(self) -> None:
        """Raise UnknownShapeError if events came, and none told the shape."""
        if self._read == self._find_out and self._neutral:
            raise UnknownShapeError(SHAPES, self._neutral[0])


class DeltaStream(ValueStream[Delta]):
    """The deltas of an answer, for `for` or `async for`."""

    _reader: DeltaReader

    @property
    def usage(self) -> Usage | None:
        """The tokens that the answer took, as far as the server said; None before it did."""
        return self._reader.usage

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended; None before."""
        return self._reader.finish_reason

    def _end(self) -> None:
        self._reader.expect_known()
        super()._end()


def deltas(
    source: Any,
    *,
    shape: str | None = None,
    on_error: OnError = "raise",
    require_end: bool = False,
) -> DeltaStream:
    """Read the deltas of an answer, whoever answers.

    Args:
        source: as for `iter_json`.
        shape: the name of the wire format; None to recognise it from the first events.
        on_error: "raise" for a DecodeError at the first event that is no chunk of an answer,
            "skip" to pass over it.
        require_end: raise IncompleteStreamError if the stream ends without `[DONE]`, a stop event,
            or the finish reason of each choice that began.

    Returns:
        The stream; nothing is read before it is iterated.

    Raises:
        TypeError: the source is none of these.
        ValueError: there is no such shape.

    While iterating: as for `iter_json`, and `UnknownShapeError`.
    """
    reader = DeltaReader(None if shape is None else shape_named(shape))
    return DeltaStream(events_of(source), reader, on_error=on_error, require_end=require_end)


def shape_named(name: str) -> Shape:
    """The shape of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in SHAPES:
        raise ValueError(f"shape: expected one of {', '.join(SHAPES)}, got {name!r}")
    return SHAPES[name]
