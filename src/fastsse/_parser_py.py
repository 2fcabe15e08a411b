"""The pure twin and the reference: it states each rule of the standard in one comment.

The rules are those of the WHATWG HTML standard, 9.2.5 "Parsing an event stream" and 9.2.6
"Interpreting an event stream". A tag such as [cr-lf] marks the place of a rule. The compiled twin
has the same tags and the same steps, in the same order. A chunk goes feed -> _split -> _line, and
_dispatch at a blank line.

An incomplete line is buffered until its end arrives. Once its field name is known, only bytes that
can affect an event are stored. No chunk reads that line again, so the work is linear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, final

from ._arguments import DEFAULT_MAX_EVENT_SIZE, MAX_RETRY, expect, expect_limit, not_bytes
from ._errors import EventTooLargeError, not_usable
from ._event_py import ServerSentEvent, new_event

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Parser", "ServerSentEvent"]

IDLE: Final = 0
BUSY: Final = 1
TOO_LARGE: Final = 2
BOM: Final = b"\xef\xbb\xbf"
BOM_SIZE: Final = len(BOM)
LF: Final = 10
CR: Final = 13
COLON: Final = 58
NUL: Final = 0
LONGEST_NAME: Final = 5
RETRY_VALUE: Final = len(b"retry:")
RETRY_DIGITS: Final = len(str(MAX_RETRY)) + 1
# A value is between ASCII bytes, so it decodes alone as it does within the whole stream.
ERRORS: Final = "replace"
# A larger chunk is parsed in parts, because the list of its lines takes more memory than the lines.
WINDOW: Final = 64 * 1024


@final
class Parser:
    """The incremental parser of one stream: bytes in, events out.

    Args:
        last_event_id: the last event ID that an earlier connection received.
        max_event_size: the most bytes that an event may have, None for no limit. The values of
            its `data`, `event` and `id` fields count, and one more byte for each data line.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: max_event_size is below 1.

    Source: WHATWG HTML 9.2.5 and 9.2.6.
    """

    __slots__ = (
        "_after_cr",
        "_block_retry",
        "_data",
        "_event",
        "_events",
        "_head",
        "_id",
        "_last_event_id",
        "_limit",
        "_lines",
        "_open_line",
        "_retry",
        "_size",
        "_state",
    )
    __module__ = "fastsse"

    _last_event_id: str
    _retry: int | None
    _limit: int
    _lines: int
    # BUSY during a call, and for good if an exception interrupts one: part of its chunk is lost.
    _state: int
    # The events that the running call has completed.
    _events: list[ServerSentEvent]
    # How many bytes of a BOM the stream starts with, as far as received; BOM_SIZE once decided.
    _head: int
    # Whether the last chunk ended with a CR.
    _after_cr: bool
    # The line whose end is not received yet, without bytes that cannot affect an event.
    _open_line: bytearray
    # The open block. Values stay bytes until it ends, because a str can be four times as large.
    _data: list[bytes | bytearray]
    _event: bytes
    _id: bytes | None
    _block_retry: int | None
    # How many bytes of the open block count towards the limit.
    _size: int

    def __new__(
        cls, *, last_event_id: str = "", max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE
    ) -> Parser:
        self = super().__new__(cls)
        self._last_event_id = expect("last_event_id", last_event_id, str)
        self._retry = None
        self._limit = expect_limit(max_event_size)
        self._lines = 0
        self._state = IDLE
        self._events = []
        self._head = 0
        self._after_cr = False
        self._open_line = bytearray()
        self._data = []
        self._event = b""
        self._id = None
        self._block_retry = None
        self._size = 0
        return self

    @property
    def last_event_id(self) -> str:
        """The last event ID of the stream, as of its last blank line."""
        return self._last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in ms that the stream set last; None if it set none."""
        return self._retry

    @property
    def lines(self) -> int:
        """How many lines have ended, comments and blank lines included."""
        return self._lines

    @property
    def pending(self) -> bool:
        """Whether `flush` would return an event: the open block has a data line."""
        return bool(self._data) or self._open_field() == b"data"

    @property
    def pending_data(self) -> bytes:
        """The data of the event that `flush` would return, as far as received."""
        lines = self._data.copy()
        if self._open_field() == b"data":
            _, _, value = self._open_line.partition(b":")
            lines.append(value.removeprefix(b" "))
        return b"\n".join(lines)

    def feed(self, chunk: Buffer, /) -> list[ServerSentEvent]:
        """Parses the next bytes of the stream.

        Args:
            chunk: any C-contiguous bytes-like object, of any length; no reference to it is kept.

        Returns:
            The events that the chunk completes, in order; often none.

        Raises:
            EventTooLargeError: an event exceeds max_event_size, in this call or an earlier one;
                its `events` are those that this call completed before.
            TypeError: the chunk is not a C-contiguous bytes-like object.
            RuntimeError: another call is running, or an exception such as MemoryError
                interrupted an earlier one.
        """
        data = chunk if type(chunk) is bytes else _bytes_of(chunk)
        if self._state != IDLE:
            self._refuse()
        self._state = BUSY
        if len(data) <= WINDOW:
            self._split(data)
        else:
            for start in range(0, len(data), WINDOW):
                self._split(data[start : start + WINDOW])
        self._state = IDLE
        events, self._events = self._events, []
        return events

    def flush(self) -> list[ServerSentEvent]:
        """Ends the open line and the open block, as for a stream that was cut off.

        The parser is then at the start of a block, and keeps last_event_id and retry.

        Returns:
            The event that was pending, if any.

        Raises:
            EventTooLargeError, RuntimeError: as for `feed`.
        """
        if self._state != IDLE:
            self._refuse()
        self._state = BUSY
        if self._open_line:
            self._end_line()
        self._dispatch()
        self._head = BOM_SIZE
        self._after_cr = False
        self._state = IDLE
        events, self._events = self._events, []
        return events

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("cannot pickle or copy a Parser")

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'fastsse.Parser' is not an acceptable base type")

    def _refuse(self) -> NoReturn:
        if self._state == TOO_LARGE:
            raise EventTooLargeError(self._limit, self._limit + 1)
        raise not_usable()

    def _skip_bom(self, chunk: bytes) -> bytes:
        # [bom] One byte order mark at the start of the stream is dropped.
        start = BOM[: self._head] + chunk
        if len(start) < BOM_SIZE and BOM.startswith(start):
            self._head = len(start)
            return b""
        self._head = BOM_SIZE
        return start.removeprefix(BOM)

    def _split(self, chunk: bytes) -> None:
        if self._head < BOM_SIZE:
            chunk = self._skip_bom(chunk)
        # [cr-lf] A line ends at LF, CR or CRLF and nowhere else. A CR ends its line at once;
        # an LF right after it, in the next chunk too, belongs to the same line end.
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return
        last = chunk[-1]
        if last != LF and LF not in chunk and CR not in chunk:
            self._extend_line(chunk)
            return
        lines = chunk.splitlines()
        self._after_cr = last == CR
        rest = b"" if last == LF or self._after_cr else lines.pop()
        self._lines += len(lines)
        if self._open_line:
            self._open_line += lines.pop(0)
            self._end_line()
        for line in lines:
            if line:
                self._line(line)
            else:
                self._dispatch()
        if self._data:
            self._own_data()
        if rest:
            self._extend_line(rest)

    def _line(self, line: bytes) -> None:
        # One space after the first colon is not part of the value. Most lines have one.
        name, _, value = line.partition(b": ")
        if COLON in name:
            name, _, value = line.partition(b":")
        # [comment] A line that starts with a colon has an empty name, which is unknown.
        if name == b"data":
            # [data] The values of the data lines are joined by LF.
            self._size += len(value) + 1
            self._data.append(value)
        elif name == b"event":
            # [event] The value is the event type; of several, the last one counts.
            self._size += len(value)
            self._event = value
        elif name == b"id":
            # [id] The value is the last event ID, unless it has a NUL.
            self._size += len(value)
            if NUL not in value:
                self._id = value
        elif name == b"retry" and value.isdigit():
            # [retry] The value is the reconnection time if it consists of ASCII digits only.
            self._retry = self._block_retry = min(int(_digits(value)), MAX_RETRY)
        if self._size > self._limit:
            self._overflow()

    def _dispatch(self) -> None:
        # [dispatch] A blank line sets the last event ID. If the block has data, it is an event.
        if self._id is not None:
            self._last_event_id = self._id.decode("utf-8", ERRORS)
            self._id = None
        if self._data:
            kind = self._event.decode("utf-8", ERRORS) if self._event else "message"
            data = b"\n".join(self._data)
            self._data.clear()
            self._events.append(new_event(kind, data, self._last_event_id, self._block_retry))
        self._event = b""
        self._block_retry = None
        self._size = 0

    def _extend_line(self, more: bytes) -> None:
        line = self._open_line
        line += more
        name, colon, _ = line[: LONGEST_NAME + 1].partition(b":")
        if not colon and len(line) <= LONGEST_NAME:
            return
        if name == b"data" or name == b"event" or name == b"id":
            space = line.startswith(b" ", len(name) + 1)
            if self._size + len(line) - len(name) - 1 - space > self._limit:
                self._overflow()
        elif name == b"retry":
            value = line[RETRY_VALUE:].removeprefix(b" ")
            if value:
                line[RETRY_VALUE:] = _digits(value) if value.isdigit() else b"-"
        else:
            # An unknown field has no effect. An empty comment has none either, and is short.
            self._open_line = bytearray(b":")

    def _end_line(self) -> None:
        line = bytes(self._open_line)
        self._open_line = bytearray()
        self._line(line)

    def _open_field(self) -> bytes:
        # [pending] An open line counts as if it ended here.
        name, _, _ = self._open_line[: LONGEST_NAME + 1].partition(b":")
        return bytes(name)

    def _own_data(self) -> None:
        # Joins the data lines, because a list of many takes more memory than their bytes.
        first, *others = self._data
        if others:
            buffer = first if isinstance(first, bytearray) else bytearray(first)
            buffer += b"\n"
            buffer += b"\n".join(others)
            self._data = [buffer]

    def _overflow(self) -> NoReturn:
        # [limit] Values count as they are received, so that the chunking makes no difference.
        self._state = TOO_LARGE
        self._open_line = bytearray()
        self._data = []
        self._event = b""
        self._id = None
        events, self._events = self._events, []
        raise EventTooLargeError(self._limit, self._limit + 1, events)


def _digits(value: bytes | bytearray) -> bytes | bytearray:
    # Twenty digits without leading zeros exceed MAX_RETRY, so no more are stored.
    return value.lstrip(b"0")[:RETRY_DIGITS] or b"0"


def _bytes_of(chunk: Buffer) -> bytes:
    try:
        view = memoryview(chunk)
        if view.c_contiguous:
            return view.tobytes()
    except (TypeError, ValueError, BufferError) as error:
        raise not_bytes(chunk) from error
    raise not_bytes(chunk)
