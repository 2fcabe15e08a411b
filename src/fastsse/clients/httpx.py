"""Responses and exceptions of httpx and httpx2, also over aiohttp's transport."""

from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any

from . import aiohttp
from ._fault import Fault, FaultKind, connecting_kind, fault_as, kind_of
from ._source import Source, aclose_nothing, close_nothing, shut_down

MODULES = {"httpx", "httpx2"}
# Other errors of httpx, such as TooManyRedirects, are not about the transport.
KINDS: dict[str, FaultKind] = {
    "InvalidURL": "caller",
    "UnsupportedProtocol": "caller",
    "LocalProtocolError": "caller",
    "ConnectError": "refused",
    "ConnectTimeout": "connect_timeout",
    "PoolTimeout": "pool_timeout",
    "WriteTimeout": "write_timeout",
    "TimeoutException": "read_timeout",
    "TransportError": "broken",
    "DecodingError": "coding",
}


def fault(error: BaseException) -> Fault | None:
    """The transport fault that an exception of httpx or httpx2 reports; None if it reports none."""
    kind = kind_of(error, MODULES, KINDS)
    if kind is None or any(cls.__name__ == "SSEError" for cls in type(error).__mro__):
        # An SSEError reports invalid events, even if it is a TransportError as well.
        return None
    cause = error.__cause__
    below = None if cause is None else aiohttp.fault(cause)
    if below is not None:
        # Over aiohttp's transport, most errors are a ConnectTimeout or a ReadError, so only the
        # cause is exact.
        return below
    if kind == "refused":
        kind = connecting_kind(error)
    elif kind == "coding" and "incomplete" in str(error):
        # httpx reports an incomplete body for zstd only. For other codings it returns the part
        # that was received.
        kind = "broken"
    return fault_as(kind, error)


def source(response: Any) -> Source | None:
    """The source of a response; None if it is not a response of httpx or httpx2."""
    if not (hasattr(response, "aiter_raw") and hasattr(response, "is_stream_consumed")):
        return None
    head: dict[str, Any] = {
        "name": type(response).__qualname__,
        "response": response,
        "status": response.status_code,
        "headers": response.headers,
    }
    content = _content_of(response)
    if content is not None:
        return Source(
            chunks=lambda: [content],
            async_chunks=lambda: _once(content),
            close=close_nothing,
            aclose=aclose_nothing,
            **head,
        )
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    is_sync = hasattr(response.stream, "__iter__")
    is_async = hasattr(response.stream, "__aiter__")
    return Source(
        chunks=response.iter_raw if is_sync else None,
        async_chunks=response.aiter_raw if is_async else None,
        close=partial(_close, response) if is_sync else None,
        aclose=response.aclose if is_async else None,
        # Raw bytes cost half of what iter_bytes does; without a coding they are the content.
        decoding=None if coding == "identity" else partial(_decoding, response, coding),
        timeout=partial(_ReadTimeout, response),
        descriptor=partial(_descriptor_of, response),
        **head,
    )


def _content_of(response: Any) -> bytes | None:
    # If the body was streamed before and not kept, reading it again raises the client's error.
    with suppress(RuntimeError):
        return response.content if response.is_stream_consumed else None
    return None


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _close(response: Any) -> None:
    # The connection of a closed response may already serve another one.
    if not response.is_closed:
        shut_down(partial(_descriptor_of, response))
    response.close()


def _decoding(response: Any, coding: str, chunks: Any) -> Any:
    headers = {"content-encoding": coding}
    return type(response)(200, headers=headers, content=chunks, request=_request_of(response))


def _request_of(response: Any) -> Any:
    with suppress(RuntimeError):
        return response.request
    return None


def _descriptor_of(response: Any) -> int | None:
    if response.extensions.get("http_version") == b"HTTP/2":
        return None
    number: int = response.extensions["network_stream"].get_extra_info("socket").fileno()
    return number


class _ReadTimeout:
    """The read timeout of one response, which httpx looks up for each wait for bytes."""

    def __init__(self, response: Any) -> None:
        # Raises KeyError for a response from memory, which has no timeouts.
        self._extensions = response.request.extensions
        self._timeouts = self._extensions["timeout"]

    def gettimeout(self) -> float | None:
        seconds: float | None = self._timeouts.get("read")
        return seconds

    def settimeout(self, seconds: float | None) -> None:
        # A new dict, because the caller may use the old one for other requests too.
        self._extensions["timeout"] = {**self._timeouts, "read": seconds}
