"""The pure twin, and the text of reference: each rule of the standard is a sentence here, once.

The rules are those of the WHATWG HTML standard, 9.2.5 "Parsing an event stream" and 9.2.6
"Interpreting an event stream". A tag such as [cr-lf] marks the place where a rule is kept; the
compiled twin carries the same tags. A chunk goes feed -> _split, which reads its whole lines.

A line whose end has not come is kept as it came, once its name is known only as far as it can
matter, and read with its end like any other. What counts of it follows from its length, so that
no byte is looked at again for each chunk, whatever the chunks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

from ._arguments import (
    DEFAULT_MAX_EVENT_SIZE,
    MAX_RETRY,
    expect,
    expect_limit,
    expect_retry,
    not_bytes,
)
from ._errors import EventTooLargeError, not_usable
from ._event import MATCH_ARGS, PIECE, as_json, decode, fields_of, reduce, represent

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Parser", "ServerSentEvent"]

BOM: Final = b"\xef\xbb\xbf"
LF: Final = 10
CR: Final = 13
COLON: Final = 58
NUL: Final = 0
LONGEST_NAME: Final = 5
RETRY_VALUE: Final = len(b"retry:")
RETRY_DIGITS: Final = len(str(MAX_RETRY)) + 1
# A value stands between ASCII bytes, so it decodes as it would with the whole stream.
ERRORS: Final = "replace"
WINDOW: Final = 64 * 1024
new: Final = object.__new__


@final
class ServerSentEvent:
    """One event of a stream: immutable, compared and hashed by event, data, id and retry.

    Args:
        event: the event type.
        data: the data, its lines joined by "\\n".
        id: the last event ID of the stream when the event was dispatched.
        retry: the reconnection time in ms, if the event's own block set one.
        data_bytes: in place of data, the bytes that it is decoded from.

    Raises:
        TypeError: an argument is of the wrong type, or both data and data_bytes are given.
        ValueError: retry is negative or over 2**63 - 1, or data has a surrogate, which UTF-8
            cannot say.

    Source: WHATWG HTML 9.2.6, "dispatch the event".
    """

    __slots__ = ("_data", "_data_bytes", "_event", "_id", "_retry")
    __module__ = "fastsse"
    __match_args__ = MATCH_ARGS

    _event: str
    _data: str | None
    _data_bytes: bytes
    _id: str
    _retry: int | None

    def __new__(
        cls,
        *,
        event: str = "message",
        data: str | None = None,
        id: str = "",
        retry: int | None = None,
        data_bytes: bytes | None = None,
    ) -> ServerSentEvent:
        if data_bytes is None:
            data_bytes = b"" if data is None else expect("data", data, str).encode()
        elif data is not None:
            raise TypeError("expected data or data_bytes, got both")
        self = new(cls)
        self._event = expect("event", event, str)
        self._data = None
        self._data_bytes = expect("data_bytes", data_bytes, bytes)
        self._id = expect("id", id, str)
        self._retry = expect_retry(retry)
        return self

    @property
    def event(self) -> str:
        """The event type; "message" where the stream named none."""
        return self._event

    @property
    def data(self) -> str:
        """The data lines joined by "\\n", decoded as UTF-8, with U+FFFD for what is not."""
        if self._data is None:
            raw = self._data_bytes
            self._data = raw.decode("utf-8", ERRORS) if len(raw) <= PIECE else decode(raw)
        return self._data

    @property
    def id(self) -> str:
        """The last event ID of the stream when the event was dispatched."""
        return self._id

    @property
    def retry(self) -> int | None:
        """The reconnection time in ms, if the event's own block set one."""
        return self._retry

    @property
    def data_bytes(self) -> bytes:
        """The data lines joined by b"\\n", as they came."""
        return self._data_bytes

    def json(self, loads: Callable[[bytes], Any] | None = None) -> Any:
        """The data as JSON.

        Args:
            loads: a decoder for `data_bytes`; without one, `json.loads` decodes `data`.

        Raises:
            ValueError: the data is not JSON (a decoder that is given raises its own error).
        """
        return as_json(self, loads)

    def __eq__(self, other: object) -> bool:
        fields = fields_of(other)
        return NotImplemented if fields is None else fields == fields_of(self)

    def __hash__(self) -> int:
        return hash(fields_of(self))

    def __repr__(self) -> str:
        return represent(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce(self)

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'fastsse.ServerSentEvent' is not an acceptable base type")


def _digits(value: bytes | bytearray) -> bytes | bytearray:
    # Twenty digits are over the highest number already, so that no more need to be kept.
    return value.lstrip(b"0")[:RETRY_DIGITS] or b"0"


@final
class Parser:
    """The incremental parser of one stream: bytes in, events out.

    Args:
        last_event_id: the last event ID before this stream, as of a connection that broke.
        max_event_size: how many bytes an event may have, None for any. The values of its
            `data`, `event` and `id` fields count as they come, and one more per data line.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: max_event_size is negative.

    Source: WHATWG HTML 9.2.5 and 9.2.6.
    """

    __slots__ = (
        "_after_cr",
        "_block_retry",
        "_busy",
        "_data",
        "_event",
        "_head",
        "_id",
        "_last_event_id",
        "_limit",
        "_open_line",
        "_retry",
        "_size",
        "_too_large",
    )
    __module__ = "fastsse"

    _last_event_id: str
    _retry: int | None
    _limit: int
    _too_large: bool
    # In a call, or left so by one that an exception cut short: what follows would be wrong.
    _busy: bool
    # The start of the stream while it may be a part of a BOM, None from then on.
    _head: bytes | None
    _after_cr: bool
    # The line whose end has not come, as far as it can matter.
    _open_line: bytearray
    # The open block. Values stay bytes until it ends: a str can be four times as large. Those of
    # data lines are joined then, or where a call ends: a list outweighs what is in it.
    _data: list[bytes | bytearray]
    _event: bytes
    _id: bytes | None
    _block_retry: int | None
    _size: int

    def __new__(
        cls, *, last_event_id: str = "", max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE
    ) -> Parser:
        self = new(cls)
        self._last_event_id = expect("last_event_id", last_event_id, str)
        self._limit = expect_limit(max_event_size)
        self._retry = self._block_retry = self._id = None
        self._too_large = self._busy = self._after_cr = False
        self._head = self._event = b""
        self._open_line = bytearray()
        self._data = []
        self._size = 0
        return self

    @property
    def last_event_id(self) -> str:
        """The last event ID of the stream, as of its last blank line."""
        return self._last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in ms that the stream set last, None before."""
        return self._retry

    @property
    def pending(self) -> bool:
        """Whether `flush` would give an event: the open block has a data line."""
        # [pending] An open line counts as if it ended here.
        name, _, _ = self._open_line[: LONGEST_NAME + 1].partition(b":")
        return bool(self._data) or name == b"data"

    @property
    def pending_data(self) -> bytes:
        """The data of the event that `flush` would give: as far as it has come."""
        lines = self._data.copy()
        name, _, value = self._open_line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
        return b"\n".join(lines)

    def feed(self, chunk: Buffer, /) -> list[ServerSentEvent]:
        """Take the next bytes of the stream.

        Args:
            chunk: any C-contiguous bytes-like object, of any length; nothing of it is kept.

        Returns:
            The events that it completes, in order; often none.

        Raises:
            EventTooLargeError: an event grew past max_event_size, in this call or an earlier one;
                its `events` are those that this call completed before.
            TypeError: the chunk is not a C-contiguous bytes-like object.
            RuntimeError: an earlier call was cut short, by a MemoryError say, or still runs.
        """
        data = chunk if type(chunk) is bytes else _bytes_of(chunk)
        if self._busy:
            raise self._refusal()
        self._busy = True
        events: list[ServerSentEvent] = []
        if len(data) <= WINDOW:
            self._split(data, events)
        else:
            for start in range(0, len(data), WINDOW):
                self._split(data[start : start + WINDOW], events)
        self._busy = False
        return events

    def flush(self) -> list[ServerSentEvent]:
        """End the open line and the open block, as where a stream was cut off.

        The parser then stands at the start of a block, and keeps last_event_id and retry.

        Returns:
            The event that was pending, if any.

        Raises:
            EventTooLargeError, RuntimeError: as for `feed`.
        """
        if self._busy:
            raise self._refusal()
        self._busy = True
        events: list[ServerSentEvent] = []
        self._head = None
        self._after_cr = False
        self._split(b"\n\n", events)
        self._busy = False
        return events

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("cannot pickle or copy a Parser")

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'fastsse.Parser' is not an acceptable base type")

    def _refusal(self) -> Exception:
        return EventTooLargeError(self._limit, self._limit + 1) if self._too_large else not_usable()

    def _split(self, chunk: bytes, events: list[ServerSentEvent]) -> None:
        # All in one, since a call for each line and each event would cost a tenth and more.
        if self._head is not None:
            chunk = self._without_bom(self._head + chunk)
        # [cr-lf] A line ends at LF, CR or CRLF and nowhere else. A CR ends its line at once;
        # an LF right after it, in the next chunk too, belongs to the same line end.
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return
        last = chunk[-1]
        if last != LF and LF not in chunk and CR not in chunk:
            self._extend_line(chunk, events)
            return
        lines = chunk.splitlines()
        self._after_cr = last == CR
        rest = b"" if last == LF or self._after_cr else lines.pop()
        if self._open_line:
            lines[0] = self._end_line(lines[0])
        data = self._data
        size = self._size
        limit = self._limit
        for line in lines:
            if not line:
                # [dispatch] A blank line sets the last event ID, and dispatches what has data.
                if self._id is not None:
                    self._last_event_id = self._id.decode("utf-8", ERRORS)
                    self._id = None
                if data:
                    event = new(ServerSentEvent)
                    event._event = self._event.decode("utf-8", ERRORS) if self._event else "message"
                    event._data = None
                    event._data_bytes = b"\n".join(data)
                    event._id = self._last_event_id
                    event._retry = self._block_retry
                    events.append(event)
                    data.clear()
                self._event = b""
                self._block_retry = None
                size = 0
                continue
            # One space after the first colon is no part of the value. Most lines have it.
            name, _, value = line.partition(b": ")
            if COLON in name:
                name, _, value = line.partition(b":")
            # [comment] A line that starts with a colon has an empty name, which is unknown.
            if name == b"data":
                # [data] The values of the data lines are joined by LF.
                size += len(value) + 1
                data.append(value)
            elif name == b"event":
                # [event] The value is the event type, the last one where there are several.
                size += len(value)
                self._event = value
            elif name == b"id":
                # [id] The value is the last event ID, unless it has a NUL.
                size += len(value)
                if NUL not in value:
                    self._id = value
            elif name == b"retry" and value.isdigit():
                # [retry] The value is the reconnection time if it is of ASCII digits only.
                self._retry = self._block_retry = min(int(_digits(value)), MAX_RETRY)
            if size > limit:
                raise self._overflow(events)
        self._size = size
        if data:
            # A long line is as large as its value, and no more use.
            del lines, line
            self._keep_data()
        if rest:
            self._extend_line(rest, events)

    def _without_bom(self, head: bytes) -> bytes:
        # [bom] One byte order mark at the start of the stream is dropped.
        if len(head) < len(BOM) and BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(BOM)

    def _keep_data(self) -> None:
        first, *others = self._data
        if others:
            buffer = first if isinstance(first, bytearray) else bytearray(first)
            buffer += b"\n"
            buffer += b"\n".join(others)
            self._data = [buffer]

    def _end_line(self, end: bytes) -> bytes:
        self._open_line += end
        line = bytes(self._open_line)
        self._open_line = bytearray()
        return line

    def _extend_line(self, more: bytes, events: list[ServerSentEvent]) -> None:
        line = self._open_line
        line += more
        name, colon, _ = line[: LONGEST_NAME + 1].partition(b":")
        if not colon and len(line) <= LONGEST_NAME:
            return
        if name == b"data" or name == b"event" or name == b"id":
            space = line.startswith(b" ", len(name) + 1)
            if self._size + len(line) - len(name) - 1 - space > self._limit:
                raise self._overflow(events)
        elif name == b"retry":
            value = line[RETRY_VALUE:].removeprefix(b" ")
            if value:
                line[RETRY_VALUE:] = _digits(value) if value.isdigit() else b"-"
        else:
            # Nothing of it can matter: a comment is as good, of any length.
            self._open_line = bytearray(b":")

    def _overflow(self, events: list[ServerSentEvent]) -> EventTooLargeError:
        # [limit] What counts is counted as it comes, so that chunks make no difference.
        self._too_large = True
        self._open_line = bytearray()
        self._data = []
        self._event = b""
        self._id = None
        return EventTooLargeError(self._limit, self._limit + 1, events)


def _bytes_of(chunk: Buffer) -> bytes:
    try:
        view = memoryview(chunk)
        if view.c_contiguous:
            return view.tobytes()
    except (TypeError, ValueError, BufferError) as error:
        raise not_bytes(chunk) from error
    raise not_bytes(chunk)
