"""Responses and exceptions of requests and niquests, which use urllib3.

niquests has the API of requests, and asynchronous responses too.
"""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

from . import urllib3
from ._fault import Fault, FaultKind, fault_as, kind_of
from ._source import Source, aclose_nothing, shut_down

MODULES = {"requests", "niquests"}
KINDS: dict[str, FaultKind] = {
    "InvalidHeader": "caller",
    "InvalidSchema": "caller",
    "InvalidURL": "caller",
    "MissingSchema": "caller",
    "URLRequired": "caller",
    "UnrewindableBodyError": "caller",
    "SSLError": "tls",
    "ProxyError": "refused",
    "ConnectTimeout": "connect_timeout",
    "ReadTimeout": "read_timeout",
    "ConnectionError": "broken",
    "ChunkedEncodingError": "broken",
    "ContentDecodingError": "coding",
}


def fault(error: BaseException) -> Fault | None:
    """The fault of an exception; None without one, or if it is not of requests or niquests."""
    kind = kind_of(error, MODULES, KINDS)
    if kind is None:
        return None
    # The error of urllib3 that this one wraps is more exact.
    first = next(iter(error.args), None)
    if kind != "caller" and isinstance(first, BaseException):
        return urllib3.fault(first) or fault_as(kind, error)
    return fault_as(kind, error)


def source(response: Any) -> Source | None:
    """The source of a response; None if it is not a response of requests or niquests."""
    if not hasattr(response, "iter_content"):
        return None
    is_async = hasattr(type(response), "__aiter__")
    # Read first, because a response of niquests may be lazy: its status waits for the headers.
    status = response.status_code
    was_open = not _is_closed(response.raw)
    # A response that niquests has read is of its synchronous type, even if it was awaited.
    is_read = not is_async and not was_open
    return Source(
        name=type(response).__qualname__,
        chunks=None if is_async else partial(_iter_content, response, was_open),
        async_chunks=partial(_aiter_content, response, was_open) if is_async or is_read else None,
        close=None if is_async else partial(_close, response),
        aclose=response.close if is_async else aclose_nothing if is_read else None,
        response=response,
        status=status,
        headers=response.headers,
        timeout=lambda: urllib3.socket_of_raw(response.raw),
        descriptor=lambda: urllib3.descriptor_of(response.raw),
    )


def _close(response: Any) -> None:
    # `close` would wait for a thread that reads.
    shut_down(lambda: urllib3.descriptor_of(response.raw))
    response.close()


def _iter_content(response: Any, was_open: bool) -> Iterator[bytes]:
    raw = response.raw
    if _is_closed(raw):
        yield urllib3.content_of_closed(response.content, raw, was_open)
    else:
        # `raw` is not always urllib3's response: a user's adapter may return a file.
        is_urllib3 = hasattr(raw, "drain_conn")
        reader = _reader_of(response, urllib3.Pieces(raw)) if is_urllib3 else response
        yield from reader.iter_content(None)


async def _aiter_content(response: Any, was_open: bool) -> AsyncIterator[bytes]:
    raw = response.raw
    if _is_closed(raw):
        content = response.content
        yield urllib3.content_of_closed(
            await content if hasattr(content, "__await__") else content, raw, was_open
        )
    else:
        async for chunk in await _reader_of(response, _AsyncPieces(raw)).iter_content():
            yield chunk


def _is_closed(raw: Any) -> bool:
    return raw is None or getattr(raw, "closed", False)


def _reader_of(response: Any, raw: Any) -> Any:
    # A response of the client's own type translates urllib3's errors into its own.
    reader = type(response)()
    reader.raw = raw
    return reader


class _AsyncPieces:
    """Reads received bytes from niquests' raw response, whose `read` waits for decoded bytes."""

    def __init__(self, raw: Any) -> None:
        self._stream = raw.stream(-1, decode_content=True)

    async def read(self, *_: Any, **__: Any) -> bytes:
        piece: bytes = await anext(self._stream, b"")
        return piece
