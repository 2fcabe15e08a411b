"""One event, one decision: a value, the end, or an error."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Literal, TypeVar

import msgspec

from .._parser import ServerSentEvent
from ._errors import DecodeError, StreamError

T = TypeVar("T")


class Done(Enum):
    """The end that a stream says itself, as a value that checkers of types can tell apart."""

    DONE = "[DONE]"

    def __repr__(self) -> str:
        return "DONE"


DONE: Final = Done.DONE

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
    # A search for the key costs a tenth of what looking into each object would.
    if event.event == "error" or _ERROR_KEY in data:
        _expect_no_error(event)
    try:
        if not data.isascii():
            # A decoder may pass over what it does not need, whatever it is.
            data.decode()
        return loads(data)
    except _REFUSALS as error:
        raise DecodeError(event, str(error)) from error


def _expect_no_error(event: ServerSentEvent) -> None:
    try:
        found = _envelope(event.data_bytes).error
    except _REFUSALS:
        # No object, or no JSON: `loads` will say so, unless the event's type says enough.
        found = None
    if found is None and event.event == "error":
        try:
            found = msgspec.json.decode(event.data_bytes)
        except _REFUSALS:
            found = event.data
    if found is not None:
        raise StreamError(_message_of(found), found, event)


def _message_of(error: Any) -> str:
    if isinstance(error, dict):
        for name in ("message", "detail", "error"):
            if error.get(name):
                return _message_of(error[name])
    return error if isinstance(error, str) else msgspec.json.encode(error).decode()
