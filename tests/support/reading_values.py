"""How tests read the values of a stream, from an iterable or from a response."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import anyio
from reading import LOOPS

from fastsse import ServerSentEvent


class Arriving:
    """The items of an iterable, each after a wait; no generator, which would have to be closed."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = iter(items)
        self.closed = 0

    def __aiter__(self) -> "Arriving":
        return self

    async def __anext__(self) -> Any:
        await anyio.lowlevel.checkpoint()
        for item in self.items:
            return item
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1


class Got(NamedTuple):
    """What came of reading a stream of values to its end, or to its error."""

    values: list[Any]
    error: Exception | None
    stream: Any


def read(way: str, make: Callable[..., Any], items: Iterable[Any], **options: Any) -> Got:
    """What the stream that is made over the items gives."""
    if way == "sync":
        return drain(make(items, **options))
    got: Got = LOOPS[way](lambda: adrain(make(Arriving(items), **options)))
    return got


def drain(stream: Any) -> Got:
    values = []
    error = None
    try:
        for value in stream:
            values.append(value)
    except Exception as caught:
        error = caught
    return Got(values, error, stream)


async def adrain(stream: Any) -> Got:
    values = []
    error = None
    try:
        async for value in stream:
            values.append(value)
    except Exception as caught:
        error = caught
    return Got(values, error, stream)


def sse(*data: str | bytes) -> bytes:
    """One event for each."""
    lines = (text.encode() if isinstance(text, str) else text for text in data)
    return b"".join(b"data: %b\n\n" % line for line in lines)


def event(data: str | bytes, kind: str = "message") -> ServerSentEvent:
    return ServerSentEvent(event=kind, data_bytes=data.encode() if isinstance(data, str) else data)
