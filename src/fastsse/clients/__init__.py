"""The clients whose responses `iter_events` reads: one row for each, the first that fits wins.

Responses are known by their names and by what they can do, so that no client is imported. A row
gives a `Source`, or None for what it does not know.

Each reads what gives bytes as soon as they are there: some of what clients offer for streaming
waits for a full buffer, a line, or the end of an HTTP chunk.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from functools import partial
from typing import Any

from ._source import Source

PIECE_SIZE = 64 * 1024


def source_of(source: Any) -> Source:
    """The source as its row reads it.

    Raises:
        TypeError: no row knows it.
    """
    for row in ROWS.values():
        found = row(source)
        if found is not None:
            return found
    name = type(source).__qualname__
    if isinstance(source, Awaitable):
        name += ", to be awaited first"
    elif isinstance(source, (AbstractContextManager, AbstractAsyncContextManager)):
        name += ", which may give one in `with` or `async with`"
    raise TypeError(f"expected a response of {', '.join(ROWS)}, got {name}")


def _httpx(response: Any) -> Source | None:
    if not (hasattr(response, "aiter_raw") and hasattr(response, "is_stream_consumed")):
        return None
    head = _head(response, response.status_code)
    content = _content_of(response)
    if content is not None:
        return Source(
            chunks=lambda: [content],
            async_chunks=lambda: _once(content),
            close=_done,
            aclose=_adone,
            **head,
        )
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    is_sync = hasattr(response.stream, "__iter__")
    is_async = hasattr(response.stream, "__aiter__")
    return Source(
        chunks=response.iter_raw if is_sync else None,
        async_chunks=response.aiter_raw if is_async else None,
        close=response.close if is_sync else None,
        aclose=response.aclose if is_async else None,
        # Raw bytes cost half of what iter_bytes does; without a coding they are the content.
        decoding=None if coding == "identity" else partial(_decoding, response, coding),
        timeout=partial(_HttpxTimeout, response),
        descriptor=partial(_descriptor_of, response),
        **head,
    )


def _decoding(response: Any, coding: str, chunks: Any) -> Any:
    headers = {"content-encoding": coding}
    return type(response)(200, headers=headers, content=chunks, request=_request_of(response))


def _request_of(response: Any) -> Any:
    with suppress(RuntimeError):
        return response.request
    return None


def _content_of(response: Any) -> bytes | None:
    # What was streamed before and not kept is not here: reading it again is the client's error.
    with suppress(RuntimeError):
        return response.content if response.is_stream_consumed else None
    return None


def _descriptor_of(response: Any) -> int | None:
    if response.extensions.get("http_version") == b"HTTP/2":
        return None
    number: int = response.extensions["network_stream"].get_extra_info("socket").fileno()
    return number


class _HttpxTimeout:
    """The read timeout of one response, which httpx looks up when it waits for its bytes."""

    def __init__(self, response: Any) -> None:
        # A response without these has no timeouts: it came from memory.
        self._extensions = response.request.extensions
        self._timeouts = self._extensions["timeout"]

    def gettimeout(self) -> float | None:
        seconds: float | None = self._timeouts.get("read")
        return seconds

    def settimeout(self, seconds: float | None) -> None:
        # A new dict, since the caller may have made the old one for more requests than this.
        self._extensions["timeout"] = {**self._timeouts, "read": seconds}


def _aiohttp(response: Any) -> Source | None:
    content: Any = getattr(response, "content", None)
    if not hasattr(content, "iter_any"):
        return None

    async def chunks() -> AsyncIterator[bytes]:
        if content.at_eof():
            yield _kept(await response.read(), lost=content.total_bytes > 0)
        try:
            async for chunk in content.iter_any():
                yield chunk
        except Exception as error:
            # It comes before what had come before it, which waits unread.
            content.set_exception(None)
            rest = content.read_nowait()
            content.set_exception(error)
            if rest:
                yield rest
            raise

    async def aclose() -> None:
        response.close()

    return Source(
        chunks=None,
        async_chunks=chunks,
        close=None,
        aclose=aclose,
        timeout=lambda: _AiohttpTimeout(response.connection.protocol),
        **_head(response, response.status),
    )


class _AiohttpTimeout:
    """The read timeout of the connection of one response, counted by a timer that runs already."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def gettimeout(self) -> float | None:
        seconds: float | None = self._protocol.read_timeout
        return seconds

    def settimeout(self, seconds: float | None) -> None:
        self._protocol.read_timeout = seconds
        self._protocol.start_timeout()


def _requests(response: Any) -> Source | None:
    """niquests too, which has the names of requests, and an asynchronous response beside it."""
    if not hasattr(response, "iter_content"):
        return None
    is_async = hasattr(type(response), "__aiter__")
    # Before all else, since a response of niquests may be lazy, and its status has it gathered.
    head = _head(response, response.status_code)
    was_open = not _is_closed(response.raw)
    # What niquests read already is of its synchronous kind, even if it was awaited.
    is_read = not is_async and not was_open
    return Source(
        chunks=None if is_async else partial(_iter_content, response, was_open),
        async_chunks=partial(_aiter_content, response, was_open) if is_async or is_read else None,
        close=None if is_async else response.close,
        aclose=response.close if is_async else _adone if is_read else None,
        timeout=lambda: _socket_of_raw(response.raw),
        descriptor=lambda: _descriptor_of_raw(response.raw),
        **head,
    )


def _iter_content(response: Any, was_open: bool) -> Iterator[bytes]:
    raw = response.raw
    if _is_closed(raw):
        yield _content_of_closed(response.content, raw, was_open)
    else:
        # Not all have urllib3's response there: an adapter of the user's may give a file.
        is_urllib3 = hasattr(raw, "drain_conn")
        reader = _reading(response, _Pieces(raw)) if is_urllib3 else response
        yield from reader.iter_content(None)


async def _aiter_content(response: Any, was_open: bool) -> AsyncIterator[bytes]:
    raw = response.raw
    if _is_closed(raw):
        content = response.content
        yield _content_of_closed(
            await content if hasattr(content, "__await__") else content, raw, was_open
        )
    else:
        async for chunk in await _reading(response, _AsyncPieces(raw)).iter_content():
            yield chunk


def _is_closed(raw: Any) -> bool:
    return raw is None or getattr(raw, "closed", False)


def _content_of_closed(content: bytes, raw: Any, lost: bool) -> bytes:
    return _kept(content, lost=lost or (hasattr(raw, "tell") and raw.tell() > 0))


def _reading(response: Any, raw: Any) -> Any:
    # One of the client's own kind, since that alone knows which of its errors stands for which.
    reader = type(response)()
    reader.raw = raw
    return reader


class _Pieces:
    """What urllib3's response has, as soon as it has it: its own `stream` waits for more."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        # With a size urllib3-future waits for so much decoded content; without one urllib3 itself
        # makes room for all that a chunk announces.
        self._size = None if hasattr(raw, "is_from_promise") else PIECE_SIZE

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        while True:
            piece = self._raw.read1(self._size, decode_content=True)
            if piece:
                yield piece
            elif self._raw.closed:
                return


class _AsyncPieces:
    """The same for niquests, whose `read` waits until a coded piece has its size decoded."""

    def __init__(self, raw: Any) -> None:
        self._stream = raw.stream(-1, decode_content=True)

    async def read(self, *_: Any, **__: Any) -> bytes:
        piece: bytes = await anext(self._stream, b"")
        return piece


def _urllib3(response: Any) -> Source | None:
    if not (hasattr(response, "read1") and hasattr(response, "drain_conn")):
        return None
    was_open = not response.closed

    def chunks() -> Iterator[bytes]:
        if response.closed:
            # What went through `stream` chunk by chunk is not in its count of bytes.
            lost = was_open or getattr(response, "chunk_left", None) is not None
            return iter([_content_of_closed(response.data or b"", response, lost)])
        return _Pieces(response).stream()

    return Source(
        chunks=chunks,
        async_chunks=None,
        close=response.close,
        aclose=None,
        timeout=partial(_socket_of_raw, response),
        descriptor=partial(_descriptor_of_raw, response),
        **_head(response, response.status),
    )


def _socket_of_raw(raw: Any) -> Any:
    # None where the connection was let go, since it ends with this very response.
    return raw.connection.sock


def _descriptor_of_raw(raw: Any) -> int | None:
    # Its version is 20 or 30 where other streams share the connection.
    if raw.version > 11:
        return None
    descriptor: int = (_socket_of_raw(raw) or raw).fileno()
    return descriptor


def _pyreqwest(response: Any) -> Source | None:
    if not hasattr(response, "body_reader"):
        return None
    read_chunk = response.body_reader.read_chunk

    # `bytes()` gives what was read already, or the error that it was not kept.
    def chunks() -> Iterator[bytes]:
        chunk = read_chunk()
        if chunk is None:
            yield response.bytes()
        while chunk is not None:
            yield chunk
            chunk = read_chunk()

    async def async_chunks() -> AsyncIterator[bytes]:
        chunk = await read_chunk()
        if chunk is None:
            yield await response.bytes()
        while chunk is not None:
            yield chunk
            chunk = await read_chunk()

    # The two have the same names; and it is the request that closes its response, at its `with`.
    is_sync = type(response).__name__.startswith("Sync")
    return Source(
        chunks=chunks if is_sync else None,
        async_chunks=None if is_sync else async_chunks,
        close=_done if is_sync else None,
        aclose=None if is_sync else _adone,
        **_head(response, response.status),
    )


def _plain(source: Any) -> Source | None:
    # Bytes would give numbers, a mapping its keys, and what has to be awaited itself.
    if isinstance(source, (bytes, bytearray, memoryview, str, Mapping, Awaitable)):
        return None
    is_sync = hasattr(source, "__iter__")
    is_async = hasattr(source, "__aiter__")
    if not is_sync and not is_async:
        return None
    return Source(
        name=type(source).__qualname__,
        chunks=(lambda: source) if is_sync else None,
        async_chunks=(lambda: source) if is_async else None,
        close=getattr(source, "close", _done) if is_sync else None,
        aclose=getattr(source, "aclose", _adone) if is_async else None,
    )


ROWS: dict[str, Callable[[Any], Source | None]] = {
    "httpx, httpx2": _httpx,
    # Before aiohttp's, which asks for `content`: that of a response of these would read it whole.
    "requests, niquests": _requests,
    "aiohttp": _aiohttp,
    "urllib3": _urllib3,
    "pyreqwest": _pyreqwest,
    "or an iterable or async iterable of bytes": _plain,
}


def _head(response: Any, status: int) -> dict[str, Any]:
    return {
        "name": type(response).__qualname__,
        "response": response,
        "status": status,
        "headers": response.headers,
    }


def _kept(content: bytes, *, lost: bool) -> bytes:
    if lost and not content:
        raise RuntimeError("the response was read or closed before, and its content is not kept")
    return content


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _done() -> None:
    pass


async def _adone() -> None:
    pass
