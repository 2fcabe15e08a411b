"""What the twins share: limits, the checks of arguments, and what an event does that is not hot."""

import sys
from codecs import iterdecode
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

DEFAULT_MAX_EVENT_SIZE: Final = 64 * 1024 * 1024
MAX_RETRY: Final = 2**63 - 1
PIECE: Final = 64 * 1024
MATCH_ARGS: Final = ("event", "data", "id", "retry")

T = TypeVar("T")


# A subclass may carry state and methods of its own, which an immutable value must not.
_EXACTLY: Final[dict[type, Callable[[Any], Any]]] = {
    str: str.__str__,
    bytes: bytes.__bytes__,
    int: int.__int__,
}


def expect(name: str, value: object, kind: type[T]) -> T:
    """The value, if it is of that kind; a TypeError that names the argument, if it is not."""
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected {kind.__name__}, got {type(value).__qualname__}")
    exact: T = _EXACTLY[kind](value)
    return exact


def expect_retry(retry: object) -> int | None:
    """`retry` as a number of milliseconds that a stream could set, or None."""
    if retry is None:
        return None
    milliseconds = expect("retry", retry, int)
    if not 0 <= milliseconds <= MAX_RETRY:
        raise ValueError(f"retry: expected 0 to {MAX_RETRY} ms, or None, got {milliseconds}")
    return milliseconds


def expect_limit(max_event_size: object) -> int:
    """`max_event_size` as a number of bytes, for None one that no event reaches."""
    if max_event_size is None:
        return sys.maxsize
    limit = expect("max_event_size", max_event_size, int)
    if limit < 0:
        raise ValueError(f"max_event_size: expected 0 or more bytes, or None, got {limit}")
    return min(limit, sys.maxsize)


def decode(value: bytes) -> str:
    """The text of a value, with U+FFFD for what is not UTF-8; no room but for bytes and text."""
    if len(value) <= PIECE or value.isascii():
        return value.decode("utf-8", "replace")
    # In pieces, since Python makes room for six times the bytes where a text is not ASCII.
    pieces = (value[at : at + PIECE] for at in range(0, len(value), PIECE))
    return "".join(iterdecode(pieces, "utf-8", "replace"))


def not_usable() -> RuntimeError:
    """The error of a parser that is in a call already, or that a call left half way."""
    return RuntimeError("the parser is in use by another call, or an exception cut one short")


def not_bytes(chunk: object) -> TypeError:
    """The error for a chunk that cannot be read as bytes."""
    if isinstance(chunk, str):
        return TypeError("expected a bytes-like object, got str: pass the bytes as they came")
    return TypeError(
        f"expected a C-contiguous bytes-like object, got {type(chunk).__qualname__}: "
        "pass bytes, or a contiguous copy such as bytes(view)"
    )


def fields_of(event: Any) -> tuple[str, str, str, int | None] | None:
    """What an event of either twin is compared by; None for anything else."""
    kind = type(event)
    if (kind.__module__, kind.__qualname__) != ("fastsse", "ServerSentEvent"):
        return None
    return event.event, event.data, event.id, event.retry


def represent(event: Any) -> str:
    """The `repr` of an event: a call that makes one like it, with its type and what is set."""
    others = {name: getattr(event, name) for name in MATCH_ARGS[1:]}
    shown = [f", {name}={value!r}" for name, value in others.items() if value not in ("", None)]
    return f"ServerSentEvent(event={event.event!r}{''.join(shown)})"


def reduce(event: Any) -> tuple[Any, ...]:
    """How an event is pickled: by its public name, so that either twin loads what any wrote."""
    public = sys.modules["fastsse"].ServerSentEvent
    fields = {name: getattr(event, name) for name in ("event", "data_bytes", "id", "retry")}
    return partial(public, **fields), ()


def as_json(event: Any, loads: Any) -> Any:
    """`ServerSentEvent.json`; json is imported on first use, since the core is light to import."""
    if loads is not None:
        return loads(event.data_bytes)
    import json

    return json.loads(event.data)
