"""Errors of `fastsse.llm`. Each is an `SSEError`, the base of the core's errors too:

SSEError
├── ProtocolError               of the core: the server sent data that cannot be read
│   ├── DecodeError             the data of an event is not JSON, not UTF-8, or of another type
│   ├── IncompleteStreamError   the stream ended before [DONE] or a finish reason
│   └── UnknownShapeError       the stream is in no wire format that `deltas` reads
├── StreamError                 the server reported an error in the stream
└── TransportError              the connection was refused, timed out, or broke
"""

from collections.abc import Iterable
from typing import Literal

from .._errors import ProtocolError, SSEError, preview
from .._parser import ServerSentEvent

TransportErrorKind = Literal["dns", "refused", "tls", "timeout", "broken"]


class DecodeError(ProtocolError):
    """The data of an event is not JSON, not UTF-8, or not of the expected type.

    Attributes:
        event: the event; its `data_bytes` are the data as received.
        reason: what the decoder reports.
    """

    def __init__(self, event: ServerSentEvent, reason: str) -> None:
        super().__init__(event, reason)
        self.event = event
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}, in event {self.event.event!r}: {preview(self.event.data_bytes)}"


class IncompleteStreamError(ProtocolError):
    """The stream ended before `[DONE]`, and before a finish reason in formats that have one.

    The events received were delivered before; the answer is incomplete.

    Attributes:
        events: how many events were received.
        is_empty: whether the stream ended with `[DONE]`, but no choice began or finished.
    """

    def __init__(self, events: int, is_empty: bool = False) -> None:
        super().__init__(events, is_empty)
        self.events = events
        self.is_empty = is_empty

    def __str__(self) -> str:
        events = "1 event" if self.events == 1 else f"{self.events} events"
        missing = "without an answer" if self.is_empty else "before [DONE] or a finish reason"
        return f"the stream ended after {events}, {missing}"


class StreamError(SSEError):
    """The server reported an error in the stream.

    Attributes:
        message: the server's message.
        error: the error object as decoded, or the text that was sent instead.
        type, code: of the error object; None if it has none.
        event: the event that reported it.
    """

    def __init__(self, message: str, error: object, event: ServerSentEvent) -> None:
        super().__init__(message, error, event)
        self.message = message
        self.error = error
        self.event = event

    @property
    def type(self) -> object:
        return self.error.get("type") if isinstance(self.error, dict) else None

    @property
    def code(self) -> object:
        return self.error.get("code") if isinstance(self.error, dict) else None

    def __str__(self) -> str:
        about = ", ".join(str(value) for value in (self.type, self.code) if value is not None)
        return f"the server reports an error in the stream: {self.message}" + (
            f" ({about})" if about else ""
        )


class TransportError(SSEError):
    """The connection was refused, timed out, or broke; its cause is the client's own error.

    Attributes:
        kind: "dns" if the host name has no address, "refused" if no connection could be opened,
            "tls" if TLS failed or the certificate is not trusted, "timeout" if the client's
            own timeout for sending or for its pool expired, "broken" if an open connection failed.
        url: the URL of the request, without user, password and query.
        reason: the message of the client's error.
    """

    def __init__(self, kind: TransportErrorKind, url: str, reason: str) -> None:
        super().__init__(kind, url, reason)
        self.kind = kind
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        problem = {
            "dns": "failed, because its host name cannot be resolved",
            "refused": "was refused",
            "tls": "failed in TLS",
            "timeout": "timed out",
            "broken": "broke",
        }[self.kind]
        return f"the connection to {self.url} {problem}: {self.reason}"


class UnknownShapeError(ProtocolError):
    """The stream is in no shape (wire format) that `deltas` reads.

    Attributes:
        known: the names of the shapes that `deltas` reads.
        event: the first event of the stream.
    """

    def __init__(self, known: Iterable[str], event: ServerSentEvent) -> None:
        super().__init__(tuple(known), event)
        self.known = tuple(known)
        self.event = event

    def __str__(self) -> str:
        return f"expected a stream of {', '.join(self.known)}, got {preview(self.event.data_bytes)}"
