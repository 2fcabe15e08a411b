"""Responses and exceptions of aiohttp."""

from collections.abc import AsyncIterator
from typing import Any

from ._fault import Fault, FaultKind, connecting_kind, fault_as, kind_of
from ._source import Source, kept

MODULES = {"aiohttp"}
KINDS: dict[str, FaultKind] = {
    "InvalidURL": "caller",
    "NonHttpUrlClientError": "caller",
    "ClientConnectorDNSError": "dns",
    "ClientSSLError": "tls",
    "ServerFingerprintMismatch": "tls",
    "ClientConnectorError": "refused",
    # Also for a wait for a free connection of the pool: aiohttp has one timeout for both.
    "ConnectionTimeoutError": "connect_timeout",
    "ServerTimeoutError": "read_timeout",
    "ClientConnectionError": "broken",
    "ClientHttpProxyError": "broken",
    "ClientPayloadError": "broken",
    # Errors of aiohttp's parser, raised as they are or as the cause of one of the above.
    "ContentEncodingError": "coding",
    "HttpProcessingError": "broken",
}


def fault(error: BaseException) -> Fault | None:
    """The fault of an exception; None without one, or if it is not of aiohttp."""
    kind = kind_of(error, MODULES, KINDS)
    cause = error.__cause__
    parser_kind = None if cause is None else kind_of(cause, {"http_exceptions"}, KINDS)
    if parser_kind is not None and (kind == "broken" or _is_response_error(error)):
        kind = parser_kind
    if kind is None:
        return None
    return fault_as(connecting_kind(error) if kind == "refused" else kind, error)


def _is_response_error(error: BaseException) -> bool:
    # With a parser's error as its cause, it reports invalid HTTP; without one, a bad status.
    return kind_of(error, MODULES, {"ClientResponseError": "broken"}) is not None


def source(response: Any) -> Source | None:
    """The source of a response; None if it is not a response of aiohttp."""
    content: Any = getattr(response, "content", None)
    if not hasattr(content, "iter_any"):
        return None

    async def chunks() -> AsyncIterator[bytes]:
        if content.at_eof():
            yield kept(await response.read(), lost=content.total_bytes > 0)
        try:
            async for chunk in content.iter_any():
                yield chunk
        except Exception as error:
            # aiohttp raises before it hands out data that it has buffered: deliver that first.
            content.set_exception(None)
            rest = content.read_nowait()
            content.set_exception(error)
            if rest:
                yield rest
            raise

    async def aclose() -> None:
        response.close()

    return Source(
        name=type(response).__qualname__,
        chunks=None,
        async_chunks=chunks,
        close=None,
        aclose=aclose,
        response=response,
        status=response.status,
        headers=response.headers,
        timeout=lambda: _ReadTimeout(response.connection.protocol),
    )


class _ReadTimeout:
    """The read timeout of one response's connection, for which aiohttp runs a timer."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def gettimeout(self) -> float | None:
        seconds: float | None = self._protocol.read_timeout
        return seconds

    def settimeout(self, seconds: float | None) -> None:
        self._protocol.read_timeout = seconds
        self._protocol.start_timeout()
