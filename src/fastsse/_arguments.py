"""Checks of arguments: one function for each kind of value, one wording for each mistake."""

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

DEFAULT_MAX_EVENT_SIZE: Final = 64 * 1024 * 1024
MAX_RETRY: Final = 2**63 - 1
NEVER: Final = float("inf")

T = TypeVar("T")

# A subclass may add state and methods, which an immutable value must not have.
_EXACTLY: Final[dict[type, Callable[[Any], Any]]] = {
    str: str.__str__,
    bytes: bytes.__bytes__,
    int: int.__int__,
}


def expect(name: str, value: object, kind: type[T]) -> T:
    """Return the value; raises a TypeError that names the argument if its type is wrong."""
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected {kind.__name__}, got {_type_of(value)}")
    exact: T = _EXACTLY[kind](value)
    return exact


def expect_int(name: str, value: object) -> int:
    """An int; a bool is none."""
    if isinstance(value, bool):
        raise TypeError(f"{name}: expected int, got bool")
    return expect(name, value, int)


def expect_retry(retry: object) -> int | None:
    """`retry` as a number of milliseconds that a stream could set, or None."""
    if retry is None:
        return None
    milliseconds = expect_int("retry", retry)
    if not 0 <= milliseconds <= MAX_RETRY:
        raise ValueError(f"retry: expected 0 to {MAX_RETRY} ms, or None, got {milliseconds}")
    return milliseconds


def expect_limit(max_event_size: object) -> int:
    """`max_event_size` in bytes; for None, a size that no event reaches."""
    if max_event_size is None:
        return sys.maxsize
    limit = expect_int("max_event_size", max_event_size)
    if limit < 1:
        raise ValueError(f"max_event_size: expected 1 or more bytes, or None, got {limit}")
    return min(limit, sys.maxsize)


def expect_seconds(name: str, value: object) -> float:
    """A timeout in seconds; for None, infinity."""
    if value is None:
        return NEVER
    seconds = expect_number(name, value, "seconds or None")
    if not seconds > 0:
        raise ValueError(f"{name}: expected more than 0 seconds, or None, got {value}")
    return seconds


def expect_duration(name: str, value: object) -> float:
    """A wait in seconds, which may be 0."""
    seconds = expect_number(name, value, "seconds")
    if not seconds >= 0:
        raise ValueError(f"{name}: expected 0 or more seconds, got {value}")
    return seconds


def expect_attempts(name: str, value: object) -> int:
    """A number of attempts, at least 1."""
    attempts = expect_int(name, value)
    if attempts < 1:
        raise ValueError(f"{name}: expected 1 or more, got {attempts}")
    return attempts


def expect_number(name: str, value: object, expected: str) -> float:
    """An int or float, as a float; a bool is neither."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected {expected}, got {_type_of(value)}")
    return float(value)


def not_bytes(chunk: object) -> TypeError:
    """The error for a chunk that cannot be read as bytes."""
    if isinstance(chunk, str):
        return TypeError("expected a bytes-like object, got str: pass the bytes as received")
    return TypeError(
        f"expected a C-contiguous bytes-like object, got {_type_of(chunk)}: "
        "pass bytes, or a contiguous copy such as bytes(view)"
    )


def _type_of(value: object) -> str:
    return type(value).__qualname__
