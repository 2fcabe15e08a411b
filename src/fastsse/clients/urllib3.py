"""Responses and exceptions of urllib3 and urllib3-future."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from ._fault import Fault, FaultKind, connecting_kind, fault_as, kind_of
from ._source import Source, kept, shut_down

PIECE_SIZE = 64 * 1024
MODULES = {"urllib3", "urllib3_future"}
KINDS: dict[str, FaultKind] = {
    "LocationValueError": "caller",
    "ProxySchemeUnsupported": "caller",
    "ClosedPoolError": "caller",
    "NameResolutionError": "dns",
    "SSLError": "tls",
    "NewConnectionError": "refused",
    "ProxyError": "refused",
    "ConnectTimeoutError": "connect_timeout",
    "EmptyPoolError": "pool_timeout",
    "FullPoolError": "pool_timeout",
    "ReadTimeoutError": "read_timeout",
    "IncompleteRead": "broken",
    "ProtocolError": "broken",
    # A bad chunk size, in urllib3-future.
    "InvalidHeader": "broken",
    "DecodeError": "coding",
}


def fault(error: BaseException) -> Fault | None:
    """The fault of an exception; None without one, or if it is not of urllib3."""
    kind = kind_of(error, MODULES, KINDS)
    if kind_of(error, MODULES, {"MaxRetryError": "broken", "ProxyError": "broken"}) is not None:
        # Both hold the error of the last attempt.
        last = getattr(error, "reason", None) or getattr(error, "original_error", None)
        below = fault(last) if isinstance(last, BaseException) else None
        if below is not None:
            return below
    if kind is None:
        return None
    if kind == "refused":
        kind = connecting_kind(error)
    elif kind == "broken" and _is_unsendable(error):
        kind = "caller"
    return fault_as(kind, error)


def _is_unsendable(error: BaseException) -> bool:
    # urllib3-future sends with h11, which rejects a bad header before anything is sent.
    cause = error.__cause__
    local: dict[str, FaultKind] = {"LocalProtocolError": "caller"}
    return cause is not None and kind_of(cause, {"h11"}, local) is not None


def source(response: Any) -> Source | None:
    """The source of a response; None if it is not a response of urllib3."""
    if not (hasattr(response, "read1") and hasattr(response, "drain_conn")):
        return None
    was_open = not response.closed

    def chunks() -> Iterator[bytes]:
        if response.closed:
            # urllib3 does not count the bytes that were read with `stream` chunk by chunk.
            lost = was_open or getattr(response, "chunk_left", None) is not None
            return iter([content_of_closed(response.data or b"", response, lost)])
        return Pieces(response).stream()

    def close() -> None:
        # `close` would wait for a thread that reads.
        shut_down(partial(descriptor_of, response))
        response.close()

    return Source(
        name=type(response).__qualname__,
        chunks=chunks,
        async_chunks=None,
        close=close,
        aclose=None,
        response=response,
        status=response.status,
        headers=response.headers,
        timeout=partial(socket_of_raw, response),
        descriptor=partial(descriptor_of, response),
    )


class Pieces:
    """Reads received bytes from urllib3's response, whose own `stream` waits for a full buffer."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        # With a size, urllib3-future waits for that many decoded bytes. Without one, urllib3
        # allocates as many bytes as the header of an HTTP chunk announces.
        self._size = None if hasattr(raw, "is_from_promise") else PIECE_SIZE

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        while True:
            piece = self._raw.read1(self._size, decode_content=True)
            if piece:
                yield piece
            elif self._raw.closed:
                return


def content_of_closed(content: bytes, raw: Any, lost: bool) -> bytes:
    """The content of a closed response, if it was kept.

    Args:
        content: the content that the response kept.
        raw: urllib3's response.
        lost: whether bytes were read that are not in `content`.
    """
    return kept(content, lost=lost or (hasattr(raw, "tell") and raw.tell() > 0))


def socket_of_raw(raw: Any) -> Any:
    """The socket of urllib3's response; None if the connection ends with this response."""
    return raw.connection.sock


def descriptor_of(raw: Any) -> int | None:
    """The file descriptor of urllib3's response; None if other streams share its connection."""
    # `version` is 20 for HTTP/2, 30 for HTTP/3.
    if raw.version > 11:
        return None
    descriptor: int = (socket_of_raw(raw) or raw).fileno()
    return descriptor
