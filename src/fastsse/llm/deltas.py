"""`deltas`: the parts of an answer of any provider; and the tokens of a completion."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from .._arguments import DEFAULT_MAX_EVENT_SIZE
from .._parser import ServerSentEvent
from ._events import events_of
from .decode import DONE, Done, decode, is_keep_alive
from .errors import DecodeError, UnknownShapeError
from .shapes import SHAPES, Shape, message_of, recognise, shape_named
from .types import Delta, Message, Token, Usage
from .values import OnError, ValueReader, ValueStream

if TYPE_CHECKING:
    from .values import ValueSource

# The most events, such as pings, before one that shows the shape.
MAX_HELD_EVENTS = 16

# The data of an event is a JSON object in every shape.
_object = msgspec.json.Decoder(dict[str, Any]).decode


class DeltaReader(ValueReader[Delta]):
    """Reads deltas, and keeps the usage and the finish reasons that they carry.

    Args:
        shape: the wire format; None to recognise it from the first events.
        on_error: as of `ValueReader`.
        require_end: as of `ValueReader`.

    Attributes:
        usage: the tokens used, as far as the server reported them.
        finish_reason: why the first choice ended; None before.
    """

    def __init__(
        self, shape: Shape | None, *, on_error: OnError = "raise", require_end: bool = False
    ) -> None:
        super().__init__(on_error=on_error, require_end=require_end)
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._read_event: Callable[[ServerSentEvent], Sequence[Delta | Done]]
        self._read_event = self._recognise if shape is None else shape.reader()
        # Events that any shape may have, held until one shows the shape.
        self._held: list[ServerSentEvent] = []
        self._begun: set[int] = set()
        self._finished: set[int] = set()

    @property
    def is_complete(self) -> bool:
        """Whether each choice that began has its finish reason."""
        return bool(self._finished) and self._begun <= self._finished

    @property
    def is_empty(self) -> bool:
        """Whether no choice has begun or finished."""
        return not self._begun and not self._finished

    def read(self, event: ServerSentEvent) -> Sequence[Delta]:
        if self.is_done:
            return ()
        try:
            deltas = self._read_event(event)
        except DecodeError:
            if is_keep_alive(event):
                return ()
            raise
        for delta in deltas:
            if delta is DONE:
                self.is_done = self.is_over = True
                return [delta for delta in deltas if delta is not DONE]
            if delta.text or delta.token_ids or delta.reasoning or delta.tool_calls:
                self._note(self.events.received_at_ns)
                self._begun.add(delta.index)
            if delta.usage is not None or delta.finish_reason is not None:
                self._keep(delta)
        return deltas  # type: ignore[return-value]  # DONE is not among them

    def whole(self, body: bytes) -> Message:
        """The message of an answer that did not stream."""
        message = message_of(body)
        self.usage, self.finish_reason = message.usage, message.finish_reason
        return message

    def finish(self) -> None:
        if self.error is None and not self.is_done:
            self._expect_shape()
        super().finish()

    def _keep(self, delta: Delta) -> None:
        if delta.usage is not None:
            self.usage = delta.usage if self.usage is None else self.usage.updated(delta.usage)
        if delta.finish_reason is not None:
            self._finished.add(delta.index)
            if delta.index == 0:
                self.finish_reason = delta.finish_reason

    def _recognise(self, event: ServerSentEvent) -> Sequence[Delta | Done]:
        if decode(event, _object) is DONE:
            self._expect_shape()
            return (DONE,)
        shape = recognise(event)
        if shape is not None:
            self._read_event = shape.reader()
            held, self._held = self._held, []
            return [*self._deltas_of(held), *self._read_event(event)]
        self._held.append(event)
        if len(self._held) > MAX_HELD_EVENTS:
            self._expect_shape()
        return ()

    def _deltas_of(self, held: list[ServerSentEvent]) -> Iterator[Delta | Done]:
        for event in held:
            # An error in a held event must not drop the event that shows the shape.
            with suppress(DecodeError):
                yield from self._read_event(event)

    def _expect_shape(self) -> None:
        if self._held:
            raise UnknownShapeError(SHAPES, self._held[0])


class TokenReader(ValueReader[Token]):
    """Reads the tokens of the one choice of a completion, through a reader of its deltas."""

    def __init__(
        self, shape: Shape | None, *, on_error: OnError = "raise", require_end: bool = False
    ) -> None:
        super().__init__(on_error=on_error, require_end=require_end)
        self._deltas = DeltaReader(shape)

    @property
    def usage(self) -> Usage | None:
        return self._deltas.usage

    @property
    def finish_reason(self) -> str | None:
        return self._deltas.finish_reason

    @property
    def is_complete(self) -> bool:
        return self._deltas.is_complete

    @property
    def is_empty(self) -> bool:
        return self._deltas.is_empty

    def read(self, event: ServerSentEvent) -> Sequence[Token]:
        if self.is_done:
            return ()
        self._deltas.events = self.events
        tokens = [token for delta in self._deltas.read(event) for token in tokens_of(delta)]
        for _ in tokens:
            self._note(self.events.received_at_ns)
        if self._deltas.is_done:
            self.is_done = self.is_over = True
        return tokens

    def whole(self, body: bytes) -> Message:
        """The message of a completion that did not stream."""
        return self._deltas.whole(body)


def tokens_of(delta: Delta) -> Iterator[Token]:
    """One token for each id of a chunk; without ids, one token for its text, if it has any.

    The text is split into the tokens of the log probabilities, if these have the same text.
    Otherwise the first token has all of the text, and the others have none.
    """
    ids = delta.token_ids
    if len(ids) < 2:
        if ids or delta.text:
            yield Token(delta.text, ids[0] if ids else None)
        return
    texts = _texts_of(delta.logprobs)
    if len(texts) != len(ids) or "".join(texts) != delta.text:
        texts = [delta.text] + [""] * (len(ids) - 1)
    yield from map(Token, texts, ids)


def _texts_of(logprobs: Any) -> list[str]:
    tokens = logprobs.get("tokens") if isinstance(logprobs, dict) else None
    return tokens if isinstance(tokens, list) and all(isinstance(t, str) for t in tokens) else []


class DeltaStream(ValueStream[Delta]):
    """The deltas of an answer, for `for` or `async for`."""

    reader: DeltaReader

    @property
    def usage(self) -> Usage | None:
        """The tokens that the answer used, as far as the server reported them; None before."""
        return self.reader.usage

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended; None before."""
        return self.reader.finish_reason


def deltas(
    source: "ValueSource",
    *,
    shape: str | None = None,
    max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE,
    on_error: OnError = "raise",
    require_end: bool = False,
) -> DeltaStream:
    """Read the deltas of an answer of any provider.

    Args:
        source: as for `iter_json`.
        shape: the name of the wire format; None to recognise it from the first events.
        max_event_size: as for `iter_json`.
        on_error: "raise" a DecodeError at the first event that is not a chunk of an answer, or
            "skip" such events.
        require_end: raise IncompleteStreamError if the stream ends without `[DONE]`, a stop event,
            or the finish reason of each choice that began.

    Returns:
        The stream; nothing is read before it is iterated.

    Raises:
        TypeError: the source is of another type.
        ValueError: no shape has that name.

    While iterating: as for `iter_json`, and `UnknownShapeError`.
    """
    reader = DeltaReader(
        None if shape is None else shape_named(shape), on_error=on_error, require_end=require_end
    )
    return DeltaStream(events_of(source, max_event_size=max_event_size), reader)
