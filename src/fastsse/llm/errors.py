"""What can go wrong beyond the core. Each is an `SSEError`, which is the base of the core's too:

SSEError
├── ProtocolError          of the core: the content type, an event too large
│   └── IncompleteStreamError   the stream ended without its end
├── DecodeError            the data of an event is not JSON, not UTF-8, or no such value
├── StreamError            the stream carried an error object
├── TransportError         the connection was refused, timed out, or broke
└── UnknownShapeError           nothing that `deltas` knows
"""

from collections.abc import Iterable
from typing import Any, Literal

from .._errors import ProtocolError, SSEError, preview
from .._parser import ServerSentEvent


class DecodeError(SSEError):
    """The data of an event is not JSON, not UTF-8, or not of the type that was asked for.

    Attributes:
        event: the event; its `data_bytes` are the data as they came.
        reason: what the decoder says.
    """

    def __init__(self, event: ServerSentEvent, reason: str) -> None:
        super().__init__(event, reason)
        self.event = event
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}, in event {self.event.event!r}: {preview(self.event.data_bytes)}"


class IncompleteStreamError(ProtocolError):
    """The stream ended without `[DONE]`, and without a finish reason where one is known.

    What it had until then was delivered, and is not the whole.

    Attributes:
        events: how many events it had.
    """

    def __init__(self, events: int) -> None:
        super().__init__(events)
        self.events = events

    def __str__(self) -> str:
        return f"the stream ended after {self.events} events without its end ([DONE])"


class StreamError(SSEError):
    """The stream carried an error object.

    Attributes:
        message: what it says.
        error: the object as decoded, or the text in its place.
        type, code: of the object, None where it has none.
        event: the event that carried it.
    """

    def __init__(self, message: str, error: Any, event: ServerSentEvent) -> None:
        super().__init__(message, error, event)
        self.message = message
        self.error = error
        self.event = event

    @property
    def type(self) -> Any:
        return self.error.get("type") if isinstance(self.error, dict) else None

    @property
    def code(self) -> Any:
        return self.error.get("code") if isinstance(self.error, dict) else None

    def __str__(self) -> str:
        about = ", ".join(str(what) for what in (self.type, self.code) if what is not None)
        return f"the server reports an error in the stream: {self.message}" + (
            f" ({about})" if about else ""
        )


class TransportError(SSEError):
    """The connection was refused, timed out, or broke; its cause is the client's own error.

    Attributes:
        kind: "refused" if there was none to be had, "timeout" if the client's own timeout passed,
            "broken" if it was lost.
        url: where to.
    """

    def __init__(self, kind: Literal["refused", "timeout", "broken"], url: str, reason: str):
        super().__init__(kind, url, reason)
        self.kind = kind
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        what = {"refused": "was refused", "timeout": "timed out", "broken": "broke"}[self.kind]
        return f"the connection to {self.url} {what}: {self.reason}"


class UnknownShapeError(SSEError):
    """The stream is of no shape that `deltas` knows.

    Attributes:
        known: the names of those that it does.
        event: the first event that is of none.
    """

    def __init__(self, known: Iterable[str], event: ServerSentEvent) -> None:
        super().__init__(tuple(known), event)
        self.known = tuple(known)
        self.event = event

    def __str__(self) -> str:
        return f"expected a stream of {', '.join(self.known)}, got {preview(self.event.data_bytes)}"
