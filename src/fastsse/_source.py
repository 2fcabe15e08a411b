"""Where bytes come from: one row for each kind of source that `iter_events` reads.

Sources are known by what they can do, never by their type, so that no client is imported. A row
is a function that gives a `Source`, or None for what it does not know; the first row wins.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

Chunks = Iterable[bytes]
AsyncChunks = AsyncIterable[bytes]


class Response(Protocol):
    """What the responses of httpx and httpx2 have in common, for those who check types."""

    status_code: int
    is_stream_consumed: bool

    @property
    def headers(self) -> Any: ...


class Source(NamedTuple):
    """How one source is read and closed; None where it cannot be, in that style.

    `response` is what is checked before the first event; None for a plain iterable. Chunks are
    bytes as they land, for deadlines to see each; where they are coded, `decoding` makes of them
    a response of the client's own kind, which decodes them.
    """

    name: str
    response: Any
    chunks: Callable[[], Chunks] | None
    async_chunks: Callable[[], AsyncChunks] | None
    close: Callable[[], Any] | None
    aclose: Callable[[], Any] | None
    decoding: Callable[[Any], Any] | None = None

    def iterate(self) -> Iterator[bytes]:
        """The chunks for `for`, as they land."""
        if self.chunks is None:
            raise TypeError(f"{self.name} is asynchronous: expected `async for`, got `for`")
        return iter(self.chunks())

    def aiterate(self) -> AsyncIterator[bytes]:
        """The chunks for `async for`, as they land."""
        if self.async_chunks is None:
            raise TypeError(f"{self.name} is synchronous: expected `for`, got `async for`")
        return aiter(self.async_chunks())

    def decode(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The content of chunks that landed."""
        if self.decoding is None:
            return chunks
        decoded: Iterator[bytes] = self.decoding(chunks).iter_bytes()
        return decoded

    def adecode(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The content of chunks that landed."""
        if self.decoding is None:
            return chunks
        decoded: AsyncIterator[bytes] = self.decoding(chunks).aiter_bytes()
        return decoded


def source_of(source: Any) -> Source:
    """The first row that knows the source; a TypeError that says what can be read if none does."""
    for row in (_httpx, _plain):
        found = row(source)
        if found is not None:
            return found
    raise TypeError(
        "expected an httpx or httpx2 response, or an iterable or async iterable of bytes, "
        f"got {type(source).__qualname__}"
    )


def _httpx(response: Any) -> Source | None:
    if not (hasattr(response, "aiter_raw") and hasattr(response, "is_stream_consumed")):
        return None
    name = type(response).__qualname__
    content = _content(response)
    if content is not None:
        return Source(name, response, lambda: [content], lambda: _once(content), _done, _adone)
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    is_sync = hasattr(response.stream, "__iter__")
    is_async = hasattr(response.stream, "__aiter__")
    return Source(
        name,
        response,
        response.iter_raw if is_sync else None,
        response.aiter_raw if is_async else None,
        response.close if is_sync else None,
        response.aclose if is_async else None,
        # Raw bytes cost half of what iter_bytes does; without a coding they are the content.
        None if coding == "identity" else partial(_decoding, response, coding),
    )


def _decoding(response: Any, coding: str, chunks: Any) -> Any:
    headers = {"content-encoding": coding}
    return type(response)(200, headers=headers, content=chunks, request=_request_of(response))


def _request_of(response: Any) -> Any:
    with suppress(RuntimeError):
        return response.request
    return None


def _content(response: Any) -> bytes | None:
    # What was streamed before and not kept is not here: reading it again is the client's error.
    with suppress(RuntimeError):
        return response.content if response.is_stream_consumed else None
    return None


def _plain(source: Any) -> Source | None:
    if isinstance(source, (bytes, bytearray, memoryview, str)):
        return None
    is_sync = hasattr(source, "__iter__")
    is_async = hasattr(source, "__aiter__")
    if not is_sync and not is_async:
        return None
    return Source(
        type(source).__qualname__,
        None,
        (lambda: source) if is_sync else None,
        (lambda: source) if is_async else None,
        getattr(source, "close", _done) if is_sync else None,
        getattr(source, "aclose", _adone) if is_async else None,
    )


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _done() -> None:
    pass


async def _adone() -> None:
    pass
