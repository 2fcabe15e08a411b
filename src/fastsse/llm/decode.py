"""Decodes one event: to a value, the end of the stream, or an error."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Literal, Protocol, TypeVar

import msgspec

from .._parser import ServerSentEvent
from ._usage import with_whole_usage
from .errors import DecodeError, StreamError

T = TypeVar("T")
C = TypeVar("C", bound="Chunk")


class Done(Enum):
    """The type of `DONE`: an enum, so that type checkers can distinguish it from a value."""

    DONE = "[DONE]"

    def __repr__(self) -> str:
        return "DONE"


DONE: Final = Done.DONE


class Chunk(Protocol):
    """A value that has a field for an error."""

    @property
    def error(self) -> Any: ...


_DONE_DATA = b"[DONE]"
_ERROR_KEY = b'"error"'

# The errors of a decoder for invalid data; RecursionError for nesting that is too deep.
_DECODER_ERRORS = (ValueError, RecursionError)


class _Envelope(msgspec.Struct):
    error: Any = None


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def decode(
    event: ServerSentEvent, loads: Callable[[bytes], T] = msgspec.json.decode
) -> T | Literal[Done.DONE]:
    """Decode the data of an event.

    Args:
        event: an event of a stream of JSON values.
        loads: decodes the bytes to a value, or raises a ValueError.

    Returns:
        The value, or DONE if the data is `[DONE]`, with or without spaces around it.

    Raises:
        StreamError: the event's type is `error`, or the value is an object whose `error` is
            neither null nor empty.
        DecodeError: the data is not UTF-8, or `loads` raised a ValueError.
    """
    data = event.data_bytes
    if data == _DONE_DATA:
        return DONE
    # Searching for the key costs a tenth of decoding each object, and `in` costs several times
    # as much as `find`.
    if event.event == "error" or data.find(_ERROR_KEY) >= 0:
        _expect_no_error(event)
    try:
        if not data.isascii():
            # A decoder may skip a field without checking that it is UTF-8.
            data.decode()
        return loads(data)
    except _DECODER_ERRORS as error:
        if data.strip() == _DONE_DATA:
            return DONE
        raise DecodeError(event, str(error)) from error


def decode_chunk(event: ServerSentEvent, loads: Callable[[bytes], C]) -> C | Literal[Done.DONE]:
    """Decode an event to a value that has an `error` field, without searching for the key.

    `[DONE]` cannot be decoded to a chunk, so it is looked for only when decoding fails.
    """
    data = event.data_bytes
    try:
        if not data.isascii():
            data.decode()
        chunk = loads(data)
    except _DECODER_ERRORS as error:
        if data.strip() == _DONE_DATA:
            return DONE
        # Data that is not a chunk may still be an error object.
        _expect_no_error(event)
        reduced = _decode_reduced(data, loads)
        if reduced is None:
            raise DecodeError(event, str(error)) from error
        chunk = reduced
    # Some servers send an empty error with each chunk.
    if chunk.error:
        raise stream_error(chunk.error, event)
    if event.event == "error":
        _expect_no_error(event)
    return chunk


def _decode_reduced(data: bytes, loads: Callable[[bytes], C]) -> C | None:
    try:
        whole = with_whole_usage(data)
        return None if whole is None else loads(whole)
    except _DECODER_ERRORS:
        return None


def is_keep_alive(event: ServerSentEvent) -> bool:
    """Whether the data is empty, which no JSON is: some gateways keep connections alive so."""
    return event.event != "error" and not event.data_bytes.strip()


def _expect_no_error(event: ServerSentEvent) -> None:
    try:
        found = _decode_envelope(event.data_bytes).error
    except _DECODER_ERRORS:
        # Not an object, or not JSON: the caller's decoder reports it if the type is not `error`.
        found = None
    if found:
        raise stream_error(found, event)
    if event.event == "error":
        raise stream_error(_value_or_text(event), event)


def _value_or_text(event: ServerSentEvent) -> Any:
    try:
        return msgspec.json.decode(event.data_bytes)
    except _DECODER_ERRORS:
        return event.data


def stream_error(error: Any, event: ServerSentEvent) -> StreamError:
    """The StreamError for the error in an event, which is an object or any other value."""
    return StreamError(_message_in(error), error, event)


def _message_in(error: Any) -> str:
    if isinstance(error, dict):
        for name in ("message", "detail", "error"):
            if error.get(name):
                return _message_in(error[name])
    return error if isinstance(error, str) else msgspec.json.encode(error).decode()
