"""One event, one decision: a value, the end, or an error."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Literal, Protocol, TypeVar

import msgspec

from .._parser import ServerSentEvent
from .errors import DecodeError, StreamError

T = TypeVar("T")
C = TypeVar("C", bound="Chunk")


class Done(Enum):
    """The end that a stream says itself, as a value that checkers of types can tell apart."""

    DONE = "[DONE]"

    def __repr__(self) -> str:
        return "DONE"


DONE: Final = Done.DONE


class Chunk(Protocol):
    """A value that may carry an error."""

    @property
    def error(self) -> Any: ...


_DONE_DATA = b"[DONE]"
_ERROR_KEY = b'"error"'

# What a decoder says of data that it cannot read; the second, of what is nested too deep.
_REFUSALS = (ValueError, RecursionError)


class _Envelope(msgspec.Struct):
    """What an event may have around its value."""

    error: Any = None


_envelope = msgspec.json.Decoder(_Envelope).decode


def decode(
    event: ServerSentEvent, loads: Callable[[bytes], T] = msgspec.json.decode
) -> T | Literal[Done.DONE]:
    """What an event says.

    Args:
        event: one of a stream of JSON values.
        loads: gives the value of its bytes, or raises a ValueError.

    Returns:
        The value, or DONE if the data is `[DONE]`, to the letter.

    Raises:
        StreamError: the event's type is `error`, or the value is an object whose `error` is
            not null.
        DecodeError: the data is not UTF-8, or `loads` refuses it.
    """
    data = event.data_bytes
    if data == _DONE_DATA:
        return DONE
    # A search for the key costs a tenth of what looking into each object would, and `in` several
    # times as much as `find`.
    if event.event == "error" or data.find(_ERROR_KEY) >= 0:
        _expect_no_error(event)
    try:
        if not data.isascii():
            # A decoder may pass over what it does not need, whatever it is.
            data.decode()
        return loads(data)
    except _REFUSALS as error:
        raise DecodeError(event, str(error)) from error


def decode_chunk(event: ServerSentEvent, loads: Callable[[bytes], C]) -> C | Literal[Done.DONE]:
    """The same for values that have their own `error`, which saves the search for one.

    It is `[DONE]` that is looked for last here, since no such value can be that.
    """
    data = event.data_bytes
    try:
        if not data.isascii():
            data.decode()
        chunk = loads(data)
    except _REFUSALS as error:
        if data == _DONE_DATA:
            return DONE
        # What is no such value may be an error all the same.
        _expect_no_error(event)
        raise DecodeError(event, str(error)) from error
    if chunk.error is not None:
        raise stream_error(chunk.error, event)
    if event.event == "error":
        _expect_no_error(event)
    return chunk


def _expect_no_error(event: ServerSentEvent) -> None:
    try:
        found = _envelope(event.data_bytes).error
    except _REFUSALS:
        # No object, or no JSON: `loads` will say so, unless the event's type says enough.
        found = None
    if found is not None:
        raise stream_error(found, event)
    if event.event == "error":
        raise stream_error(_any_value(event), event)


def _any_value(event: ServerSentEvent) -> Any:
    try:
        return msgspec.json.decode(event.data_bytes)
    except _REFUSALS:
        return event.data


def stream_error(error: Any, event: ServerSentEvent) -> StreamError:
    """The error that tells what one on the wire says, an object or anything else."""
    return StreamError(_message_of(error), error, event)


def _message_of(error: Any) -> str:
    if isinstance(error, dict):
        for name in ("message", "detail", "error"):
            if error.get(name):
                return _message_of(error[name])
    return error if isinstance(error, str) else msgspec.json.encode(error).decode()
