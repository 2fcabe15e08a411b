"""The clients whose responses `iter_events` reads: one row for each, the first that fits wins.

Responses are known by what they can do, never by their type, so that no client is imported. A row
gives a `Source`, or None for what it does not know.

Each reads what gives bytes as soon as they are there: some of what clients offer for streaming
waits for a full buffer, a line, or the end of an HTTP chunk.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
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
    raise TypeError(f"expected a response of {', '.join(ROWS)}, got {type(source).__qualname__}")


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
        request=_request_of(response),
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


def _aiohttp(response: Any) -> Source | None:
    content: Any = getattr(response, "content", None)
    if not hasattr(content, "iter_any"):
        return None

    async def chunks() -> AsyncIterator[bytes]:
        if content.at_eof():
            yield _kept(await response.read(), content.total_bytes)
        async for chunk in content.iter_any():
            yield chunk

    async def aclose() -> None:
        response.close()

    return Source(
        chunks=None,
        async_chunks=chunks,
        close=None,
        aclose=aclose,
        **_head(response, response.status),
    )


def _requests(response: Any) -> Source | None:
    """niquests too, which has the names of requests, and an asynchronous response beside it."""
    if not hasattr(response, "iter_content"):
        return None
    is_async = hasattr(type(response), "__aiter__")
    return Source(
        chunks=None if is_async else partial(_iter_content, response),
        async_chunks=partial(_aiter_content, response) if is_async else None,
        close=None if is_async else response.close,
        aclose=response.close if is_async else None,
        descriptor=lambda: _descriptor_of_raw(response.raw),
        **_head(response, response.status_code),
    )


def _iter_content(response: Any) -> Iterator[bytes]:
    raw = response.raw
    if hasattr(raw, "read1") and not raw.closed:
        response = _reading(response, _Pieces(raw))
    contents: Iterator[bytes] = response.iter_content(None)
    return contents


async def _aiter_content(response: Any) -> AsyncIterator[bytes]:
    raw = response.raw
    if raw.closed:
        yield await response.content
    else:
        async for chunk in await _reading(response, _AsyncPieces(raw)).iter_content():
            yield chunk


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

    def chunks() -> Iterator[bytes]:
        if response.closed:
            return iter([_kept(response.data or b"", response.tell())])
        return _Pieces(response).stream()

    return Source(
        chunks=chunks,
        async_chunks=None,
        close=response.close,
        aclose=None,
        descriptor=partial(_descriptor_of_raw, response),
        **_head(response, response.status),
    )


def _descriptor_of_raw(raw: Any) -> int | None:
    # Its version is 20 or 30 where other streams share the connection.
    return raw.fileno() if raw.version <= 11 else None


def _pyreqwest(response: Any) -> Source | None:
    if not hasattr(response, "body_reader"):
        return None
    reader = response.body_reader

    async def async_chunks() -> AsyncIterator[bytes]:
        while (chunk := await reader.read_chunk()) is not None:
            yield chunk

    # The two have the same names; and it is the request that closes its response, at its `with`.
    is_sync = type(response).__name__.startswith("Sync")
    return Source(
        chunks=(lambda: iter(reader.read_chunk, None)) if is_sync else None,
        async_chunks=None if is_sync else async_chunks,
        close=_done if is_sync else None,
        aclose=None if is_sync else _adone,
        **_head(response, response.status),
    )


def _plain(source: Any) -> Source | None:
    if isinstance(source, (bytes, bytearray, memoryview, str)):
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


def _kept(content: bytes, received: int) -> bytes:
    if received and not content:
        raise RuntimeError("the response was streamed before, and its content is not kept")
    return content


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _done() -> None:
    pass


async def _adone() -> None:
    pass
