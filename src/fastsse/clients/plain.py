"""Iterables and async iterables of bytes."""

from collections.abc import Awaitable, Mapping
from typing import Any

from ._fault import Fault
from ._source import Source, aclose_nothing, close_nothing


def source(iterable: Any) -> Source | None:
    """The source of an iterable of chunks; None if the argument is not one."""
    # Bytes iterate as numbers and a mapping as its keys; an awaitable has to be awaited first.
    if isinstance(iterable, (bytes, bytearray, memoryview, str, Mapping, Awaitable)):
        return None
    is_sync = hasattr(iterable, "__iter__")
    is_async = hasattr(iterable, "__aiter__")
    if not is_sync and not is_async:
        return None
    return Source(
        name=type(iterable).__qualname__,
        chunks=(lambda: iterable) if is_sync else None,
        async_chunks=(lambda: iterable) if is_async else None,
        close=getattr(iterable, "close", close_nothing) if is_sync else None,
        aclose=getattr(iterable, "aclose", aclose_nothing) if is_async else None,
    )


def fault(_: BaseException) -> Fault | None:
    """Always None: an iterable has no exceptions of its own."""
    return None
