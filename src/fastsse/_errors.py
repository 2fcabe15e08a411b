"""What can go wrong. Everything fastsse raises on its own account is an `SSEError`:

    SSEError
    ├── ProtocolError          what came is no event stream that can be read
    │   ├── ContentTypeError   its content type is another; also a ResponseError
    │   └── EventTooLargeError      an event grew past max_event_size
    ├── ReconnectError         an EventSource gives up, and no other error says why
    ├── ResponseError          the answer is not an event stream
    └── StreamTimeout          a deadline passed; also a TimeoutError

A client's own transport errors (a refused or broken connection) pass through as they are.
Arguments of the wrong type are a TypeError, wrong values a ValueError, as everywhere in Python.
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
    """The base of all errors of fastsse."""


class ProtocolError(SSEError):
    """What came is no event stream, or not one that can be read: the base of what tells how."""


class EventTooLargeError(ProtocolError):
    """An event grew past `max_event_size`; the parser takes no more.

    Attributes:
        limit: the `max_event_size` in force, in bytes.
        size: the bytes that had come when it was refused: the first number over `limit`, since
            bytes count one by one, whatever the chunks.
        events: the events that the same call had completed before, in order.
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
    """An EventSource gives up: the server asks for too long a wait, or only ever ends the stream.

    Its cause is the answer that asked for the wait, if one did.
    """


class ResponseError(SSEError):
    """The response is not an event stream: its status is not 2xx, or its content type is another.

    Attributes:
        status_code: the status of the response.
        headers: its headers, as the client gave them.
        content_type: its `Content-Type` as sent, or None if it has none.
        body: the start of its body, at most 4 KiB; what came in 5 seconds if it stalls.
        response: the response itself, closed; None after unpickling.
    """

    def __init__(
        self,
        status_code: int,
        headers: Mapping[str, str],
        content_type: str | None,
        body: bytes = b"",
        response: Any = None,
    ) -> None:
        super().__init__(status_code, headers, content_type, body)
        self.status_code = status_code
        self.headers = headers
        self.content_type = content_type
        self.body = body
        self.response = response

    def __reduce__(self) -> tuple[Any, ...]:
        # A response holds a connection, which no other process can have.
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
    """A deadline of the stream passed.

    Attributes:
        deadline: which one: "first_event", "idle" or "total"; of a client, "headers" too.
        seconds: how long it was.
        chunks, bytes, events: how far the stream had come.
        elapsed: seconds since iteration began; of a client, since the request was sent,
            and for "total" since it was sent first.
        lines: line feeds that had come, where they are counted, which a client does.
        buffered: the start of the data of the event that was under way, at most 4 KiB.
    """

    def __init__(
        self,
        deadline: str,
        seconds: float,
        chunks: int = 0,
        bytes: int = 0,
        events: int = 0,
        elapsed: float = 0.0,
        lines: int | None = None,
        buffered: bytes = b"",
    ) -> None:
        super().__init__(deadline, seconds, chunks, bytes, events, elapsed, lines, buffered)
        self.deadline = deadline
        self.seconds = seconds
        self.chunks = chunks
        self.bytes = bytes
        self.events = events
        self.elapsed = elapsed
        self.lines = lines
        self.buffered = buffered

    def with_lines(self, lines: int) -> "StreamTimeout":
        """The same error, which tells how many line feeds had come."""
        done = self.chunks, self.bytes, self.events, self.elapsed
        return StreamTimeout(self.deadline, self.seconds, *done, lines, self.buffered)

    def __str__(self) -> str:
        what = {
            "headers": "no answer came",
            "first_event": "no event came",
            "idle": "no bytes came",
            "total": "the stream did not end",
        }[self.deadline]
        lines = "" if self.lines is None else f"lines: {self.lines}, "
        told = (
            f"{what} within {self.deadline}_timeout={self.seconds:g} s (events: {self.events}, "
            f"{lines}chunks: {self.chunks}, bytes: {self.bytes}, after {self.elapsed:.3f} s)"
        )
        return (
            f"{told}; the next event began with: {preview(self.buffered)}"
            if self.buffered
            else told
        )


def not_usable() -> RuntimeError:
    """The error of a parser that another call is using, or that a failed call left half way."""
    return RuntimeError("the parser is in use by another call, or an exception cut one short")


def preview(body: bytes) -> str:
    """The start of a body, on one line."""
    text = " ".join(body.decode("utf-8", "replace").split())
    return text if len(text) <= PREVIEW_LENGTH else text[: PREVIEW_LENGTH - 1] + "…"
