"""The exceptions that fastsse raises for streams and responses. Each is an `SSEError`:

    SSEError
    ├── ProtocolError             the bytes are not an event stream, or cannot be read as one
    │   ├── ContentTypeError      the content type is not text/event-stream; also a ResponseError
    │   └── EventTooLargeError    an event is larger than max_event_size
    ├── ReconnectError            an EventSource stops reconnecting, without another error
    ├── ResponseError             the response is not an event stream
    └── StreamTimeout             a timeout expired; also a TimeoutError

`iter_events` lets a client's own transport errors (a refused or broken connection) pass.
Arguments of the wrong type raise a TypeError, wrong values a ValueError.
"""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "ContentTypeError",
    "EventTooLargeError",
    "ProtocolError",
    "ReconnectError",
    "ResponseError",
    "SSEError",
    "StreamTimeout",
]

PREVIEW_LENGTH = 500


class SSEError(Exception):
    """The base class of the errors of fastsse."""


class ProtocolError(SSEError):
    """The bytes are not an event stream, or cannot be read as one; subclasses say why."""


class EventTooLargeError(ProtocolError):
    """An event is larger than `max_event_size`; the parser accepts no more bytes.

    Attributes:
        limit: the `max_event_size` in force, in bytes.
        size: always `limit + 1`, for every chunking.
        events: the events that the same call completed before, in order.
    """

    def __init__(self, limit: int, size: int, events: Sequence[Any] = ()) -> None:
        super().__init__(limit, size, events)
        self.limit = limit
        self.size = size
        self.events = list(events)

    def __str__(self) -> str:
        return (
            f"an event of {self.size} bytes or more is larger than max_event_size={self.limit} "
            "(pass a larger one, or None for no limit)"
        )


class ReconnectError(SSEError):
    """An EventSource stops reconnecting: the server sets too long a wait, or ends streams early.

    Its cause is the ResponseError that set the wait, if one did.
    """


class ResponseError(SSEError):
    """The response is not an event stream: its status is not 2xx, or its content type differs.

    Attributes:
        status_code: the status of the response.
        headers: its headers, as the client gave them.
        content_type: its `Content-Type` as sent, or None if it has none.
        body: the start of its body, at most 4 KiB, received within 5 seconds.
        response: the response itself, closed; None after unpickling.
    """

    def __init__(
        self,
        status_code: int,
        headers: Mapping[str, str],
        content_type: str | None,
        body: bytes = b"",
        response: object = None,
    ) -> None:
        super().__init__(status_code, headers, content_type, body)
        self.status_code = status_code
        self.headers = headers
        self.content_type = content_type
        self.body = body
        self.response = response

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the response: its connection cannot be pickled.
        return type(self), self.args

    def __str__(self) -> str:
        if 200 <= self.status_code < 300:
            found = self.content_type or "no content type"
            reason = f"expected text/event-stream, got {found} (status {self.status_code})"
        else:
            reason = f"expected a status of 2xx, got {self.status_code}"
            if "location" in self.headers:
                reason += f" (a redirect to {self.headers['location']}, not followed)"
        start = preview(self.body)
        return f"{reason}: {start}" if start else reason


class ContentTypeError(ResponseError, ProtocolError):
    """The status is 2xx, but the content type is not text/event-stream."""


class StreamTimeout(SSEError, TimeoutError):
    """A timeout expired.

    Attributes:
        timeout: which one: "first_event", "idle" or "total"; in a call of `Client` also "connect"
            or "headers".
        seconds: its length.
        name: its name in the call, such as "idle_timeout".
        chunks, bytes, lines, events: how much of the stream had been received.
        elapsed: seconds since iteration began; in a call of `Client` since the request was sent,
            and for "total" since the first attempt began.
        buffered: the start of the data of the incomplete event, at most 4 KiB.
    """

    def __init__(
        self,
        timeout: str,
        seconds: float,
        *,
        name: str = "",
        chunks: int = 0,
        bytes: int = 0,
        lines: int = 0,
        events: int = 0,
        elapsed: float = 0.0,
        buffered: bytes = b"",
    ) -> None:
        super().__init__(timeout, seconds)
        self.timeout = timeout
        self.seconds = seconds
        self.name = name or f"{timeout}_timeout"
        self.chunks = chunks
        self.bytes = bytes
        self.lines = lines
        self.events = events
        self.elapsed = elapsed
        self.buffered = buffered

    def __str__(self) -> str:
        missing = {
            "connect": "no connection",
            "headers": "no response",
            "first_event": "no event",
            "idle": "no bytes",
            "total": "the stream did not end",
        }[self.timeout]
        message = (
            f"{missing} within {self.name}={self.seconds:g} s (events: {self.events}, "
            f"lines: {self.lines}, chunks: {self.chunks}, bytes: {self.bytes}, "
            f"after {self.elapsed:.3f} s)"
        )
        start = preview(self.buffered)
        return f"{message}; the next event began with: {start}" if start else message


class Expired(Exception):
    """A timeout expired during a wait for a chunk; `StreamReader` raises it as a StreamTimeout."""

    def __init__(self, timeout: str, seconds: float, elapsed: float, name: str = "") -> None:
        super().__init__(timeout, seconds)
        self.timeout = timeout
        self.seconds = seconds
        self.elapsed = elapsed
        self.name = name


def not_usable() -> RuntimeError:
    """The error of a parser that another call is using, or whose last call was interrupted."""
    return RuntimeError(
        "the parser is in use by another call, or an exception interrupted an earlier one"
    )


def preview(body: bytes) -> str:
    """The start of a body, on one line."""
    text = " ".join(body.decode("utf-8", "replace").split())
    return text if len(text) <= PREVIEW_LENGTH else text[: PREVIEW_LENGTH - 1] + "…"
