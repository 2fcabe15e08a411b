"""The event of the pure twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

from ._arguments import expect, expect_retry
from ._event import MATCH_ARGS, PIECE, as_json, decode, fields_of, reduce, represent

new: Final = object.__new__


@final
class ServerSentEvent:
    """One event of a stream: immutable, compared and hashed by event, data, id and retry.

    Args:
        event: the event type.
        data: the data lines joined by "\\n".
        id: the last event ID of the stream when the event was dispatched.
        retry: the reconnection time in ms, if the event's own block set one.
        data_bytes: the data as UTF-8, instead of `data`; invalid bytes decode to U+FFFD.

    Raises:
        TypeError: an argument has the wrong type, or both data and data_bytes are given.
        ValueError: retry is negative or above 2**63 - 1, or data has a surrogate, which UTF-8
            cannot encode.

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
        return new_event(
            expect("event", event, str),
            expect("data_bytes", data_bytes, bytes),
            expect("id", id, str),
            expect_retry(retry),
        )

    @property
    def event(self) -> str:
        """The event type; "message" if the block has none."""
        return self._event

    @property
    def data(self) -> str:
        """The data lines joined by "\\n", decoded as UTF-8, with U+FFFD for invalid bytes."""
        if self._data is None:
            raw = self._data_bytes
            self._data = raw.decode("utf-8", "replace") if len(raw) <= PIECE else decode(raw)
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
        """The data lines joined by b"\\n", as received."""
        return self._data_bytes

    def json(self, loads: Callable[[bytes], Any] | None = None) -> Any:
        """Decodes the data as JSON.

        Args:
            loads: decodes `data_bytes`; if None, `json.loads` decodes `data`.

        Raises:
            ValueError: the data is not JSON (`loads` raises its own error).
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


def new_event(event: str, data_bytes: bytes, id: str, retry: int | None) -> ServerSentEvent:
    """An event with these fields, which are not checked."""
    self = new(ServerSentEvent)
    self._event = event
    self._data = None
    self._data_bytes = data_bytes
    self._id = id
    self._retry = retry
    return self
