"""The pure twin, and the text of reference: each rule of the standard is a sentence here, once.

The rules are those of the WHATWG HTML standard, 9.2.5 "Parsing an event stream" and 9.2.6
"Interpreting an event stream". A tag such as [cr-lf] marks the place where a rule is kept; the
compiled twin carries the same tags. A chunk goes feed -> _split -> _line -> _dispatch.

A line whose end has not come is taken apart as it comes: its name is collected first, which is
short or unknown; then its value goes where the field wants it, or nowhere if nothing wants it.
So no byte is looked at twice, whatever the chunks, and nothing is kept that cannot matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

from ._errors import EventTooLarge
from ._twins import (
    DEFAULT_MAX_EVENT_SIZE,
    MATCH_ARGS,
    MAX_RETRY,
    as_json,
    expect,
    expect_limit,
    expect_retry,
    fields_of,
    not_bytes,
    not_usable,
    reduce,
    represent,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Parser", "ServerSentEvent"]

BOM: Final = b"\xef\xbb\xbf"
LINE_ENDS: Final = (b"\n", b"\r")
NAMES: Final = frozenset({b"data", b"event", b"id", b"retry"})
LONGEST_NAME: Final = 5
UNKNOWN: Final = b""
RETRY_DIGITS: Final = len(str(MAX_RETRY)) + 1
WINDOW: Final = 64 * 1024


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
        return _new_event(
            expect("event", event, str),
            expect("data_bytes", data_bytes, bytes),
            expect("id", id, str),
            expect_retry(retry),
        )

    @property
    def event(self) -> str:
        """The event type; "message" where the stream named none."""
        return self._event

    @property
    def data(self) -> str:
        """The data lines joined by "\\n", decoded as UTF-8, with U+FFFD for what is not."""
        if self._data is None:
            self._data = _text(self._data_bytes)
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


def _new_event(event: str, data: bytes, id: str, retry: int | None) -> ServerSentEvent:
    self = object.__new__(ServerSentEvent)
    self._event = event
    self._data = None
    self._data_bytes = data
    self._id = id
    self._retry = retry
    return self


def _text(value: bytes) -> str:
    # A value stands between ASCII bytes, so it decodes as it would with the whole stream.
    return value.decode("utf-8", "replace")


def _digits(value: bytes | bytearray) -> bytes | bytearray:
    # Twenty digits are over the highest number already, so that no more need to be kept.
    return value.lstrip(b"0")[:RETRY_DIGITS] or b"0" if value.isdigit() else b"-"


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
        "_field",
        "_head",
        "_id",
        "_last_event_id",
        "_limit",
        "_name",
        "_retry",
        "_size",
        "_too_large",
        "_value",
        "_value_is_new",
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
    # The open line: its name until the colon, then its field and what came of its value.
    _name: bytes
    _field: bytes | None
    _value: bytearray
    _value_is_new: bool
    # The open block. Values stay bytes until it ends: a str can be four times as large.
    _data: bytes | bytearray | None
    _event: bytes
    _id: bytes | None
    _block_retry: int | None
    _size: int

    def __new__(
        cls, *, last_event_id: str = "", max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE
    ) -> Parser:
        self = object.__new__(cls)
        self._last_event_id = expect("last_event_id", last_event_id, str)
        self._limit = expect_limit(max_event_size)
        self._retry = self._block_retry = None
        self._too_large = self._busy = self._after_cr = self._value_is_new = False
        self._head = self._name = self._event = b""
        self._field = self._data = self._id = None
        self._value = bytearray()
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
        name = self._name if self._field is None else self._field
        return self._data is not None or name == b"data"

    def feed(self, chunk: Buffer, /) -> list[ServerSentEvent]:
        """Take the next bytes of the stream.

        Args:
            chunk: any C-contiguous bytes-like object, of any length; nothing of it is kept.

        Returns:
            The events that it completes, in order; often none.

        Raises:
            EventTooLarge: an event grew past max_event_size, in this call or an earlier one;
                its `events` are those that this call completed before.
            TypeError: the chunk is not a C-contiguous bytes-like object.
            RuntimeError: an earlier call was cut short, by a MemoryError say, or still runs.
        """
        data = chunk if type(chunk) is bytes else _bytes_of(chunk)
        self._begin_call()
        events: list[ServerSentEvent] = []
        try:
            for start in range(0, len(data), WINDOW):
                self._split(data[start : start + WINDOW], events)
        except EventTooLarge as error:
            raise EventTooLarge(error.limit, error.size, events) from None
        self._busy = False
        return events

    def flush(self) -> list[ServerSentEvent]:
        """End the open line and the open block, as where a stream was cut off.

        The parser then stands at the start of a block, and keeps last_event_id and retry.

        Returns:
            The event that was pending, if any.

        Raises:
            EventTooLarge, RuntimeError: as for `feed`.
        """
        self._begin_call()
        events: list[ServerSentEvent] = []
        if self._line_is_open():
            self._end_line()
        self._dispatch(events)
        self._head = None
        self._after_cr = False
        self._busy = False
        return events

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("cannot pickle or copy a Parser")

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'fastsse.Parser' is not an acceptable base type")

    def _begin_call(self) -> None:
        if self._too_large:
            raise EventTooLarge(self._limit, self._limit + 1)
        if self._busy:
            raise not_usable()
        self._busy = True

    def _split(self, chunk: bytes, events: list[ServerSentEvent]) -> None:
        if self._head is not None:
            # [bom] One byte order mark at the start of the stream is dropped.
            chunk = self._head + chunk
            if len(chunk) < len(BOM) and BOM.startswith(chunk):
                self._head = chunk
                return
            self._head = None
            chunk = chunk.removeprefix(BOM)
        # [cr-lf] A line ends at LF, CR or CRLF and nowhere else. A CR ends its line at once;
        # an LF right after it, in the next chunk too, belongs to the same line end.
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        lines = chunk.splitlines()
        rest = b"" if chunk.endswith(LINE_ENDS) or not lines else lines.pop()
        if lines and self._line_is_open():
            self._extend_line(lines[0])
            self._end_line()
            del lines[0]
        for line in lines:
            if line:
                self._line(line)
            else:
                self._dispatch(events)
        if rest:
            self._extend_line(rest)

    def _line(self, line: bytes) -> None:
        # [comment] A line that starts with a colon has an empty name, which is unknown.
        name, _, value = line.partition(b":")
        if name in NAMES:
            value = value.removeprefix(b" ")
            self._take(name, value, len(value))

    def _line_is_open(self) -> bool:
        return self._field is not None or self._name != b""

    def _extend_line(self, more: bytes) -> None:
        if self._field is None:
            name, colon, more = (self._name + more).partition(b":")
            if not colon and len(name) <= LONGEST_NAME:
                self._name = name
                return
            self._field = name if name in NAMES else UNKNOWN
            self._name = b""
            self._value_is_new = True
        if self._field == UNKNOWN or not more:
            return
        if self._value_is_new:
            more = more.removeprefix(b" ")
            self._value_is_new = False
        if self._field == b"retry":
            self._value = bytearray(_digits(self._value + more)) if more else self._value
        else:
            self._count(len(more))
            self._value += more

    def _end_line(self) -> None:
        name = self._name if self._field is None else self._field
        value, self._value = self._value, bytearray()
        self._name = b""
        self._field = None
        self._take(name, value, 0)

    def _take(self, name: bytes, value: bytes | bytearray, uncounted: int) -> None:
        if name == b"data":
            # [data] The value and an LF are appended to the data; the last LF falls in the end.
            self._count(uncounted + 1)
            if self._data is None:
                self._data = value
            else:
                if type(self._data) is bytes:
                    self._data = bytearray(self._data)
                self._data += b"\n"
                self._data += value
        elif name == b"event":
            # [event] The value is the event type, the last one where there are several.
            self._count(uncounted)
            self._event = bytes(value)
        elif name == b"id":
            # [id] The value is the last event ID, unless it has a NUL.
            self._count(uncounted)
            if b"\0" not in value:
                self._id = bytes(value)
        elif name == b"retry":
            # [retry] The value is the reconnection time if it is of ASCII digits only.
            digits = _digits(value)
            if digits.isdigit():
                self._retry = self._block_retry = min(int(digits), MAX_RETRY)

    def _count(self, size: int) -> None:
        # [limit] What counts is counted as it comes, so that chunks make no difference.
        self._size += size
        if self._size > self._limit:
            self._too_large = True
            self._value = bytearray()
            self._data = self._field = None
            self._name = b""
            raise EventTooLarge(self._limit, self._limit + 1)

    def _dispatch(self, events: list[ServerSentEvent]) -> None:
        # [dispatch] A blank line sets the last event ID, and dispatches what has data.
        if self._id is not None:
            self._last_event_id = _text(self._id)
            self._id = None
        if self._data is not None:
            data = bytes(self._data)
            self._data = None
            event = _text(self._event) if self._event else "message"
            events.append(_new_event(event, data, self._last_event_id, self._block_retry))
        self._event = b""
        self._block_retry = None
        self._size = 0


def _bytes_of(chunk: Buffer) -> bytes:
    try:
        view = memoryview(chunk)
        if view.c_contiguous:
            return view.tobytes()
    except (TypeError, ValueError, BufferError) as error:
        raise not_bytes(chunk) from error
    raise not_bytes(chunk)
