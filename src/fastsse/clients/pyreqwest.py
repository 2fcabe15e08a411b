"""Responses and exceptions of pyreqwest."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from ._fault import Fault, FaultKind, fault_as, kind_of
from ._source import Source, aclose_nothing, close_nothing

MODULES = {"pyreqwest"}
KINDS: dict[str, FaultKind] = {
    "BuilderError": "caller",
    "ConnectError": "refused",
    "ConnectTimeoutError": "connect_timeout",
    "PoolTimeoutError": "pool_timeout",
    "WriteTimeoutError": "write_timeout",
    "RequestTimeoutError": "read_timeout",
    "TransportError": "broken",
}


# Messages of the causes that pyreqwest lists, outermost first.
CONNECTING = "client error (Connect)"
SENDING = "client error (SendRequest)"
BODY = "request or response body error"
RECEIVING_BODY = "error reading a body from connection"


def fault(error: BaseException) -> Fault | None:
    """The fault of an exception; None without one, or if it is not of pyreqwest."""
    kind = kind_of(error, MODULES, KINDS)
    causes = _messages(error)
    if kind == "refused":
        kind = _connecting_kind(causes)
    elif kind == "broken" or (kind is None and _is_about_request(error)):
        kind = _exchange_kind(causes) or kind
    if kind is None:
        return None
    return Fault(kind, causes[-1]) if causes else fault_as(kind, error)


def _is_about_request(error: BaseException) -> bool:
    return kind_of(error, MODULES, {"RequestError": "broken"}) is not None


def _messages(error: BaseException) -> list[str]:
    details = error.args[1] if len(error.args) > 1 else None
    causes = details.get("causes") if isinstance(details, dict) else None
    return [str(cause.get("message", "")) for cause in causes or ()]


def _connecting_kind(causes: list[str]) -> FaultKind:
    # A ConnectError may also report a request that failed on an open connection.
    if CONNECTING not in causes:
        return "broken"
    if "dns error" in causes:
        return "dns"
    return "refused" if "tcp connect error" in causes else "tls"


def _exchange_kind(causes: list[str]) -> FaultKind | None:
    if SENDING in causes or RECEIVING_BODY in causes:
        return "broken"
    return "coding" if BODY in causes else None


def source(response: Any) -> Source | None:
    """The source of a response; None if it is not a response of pyreqwest."""
    if not hasattr(response, "body_reader"):
        return None
    read_chunk = response.body_reader.read_chunk

    # If the body was read before, `bytes()` returns it, or raises if it was not kept.
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

    # Both types have the same methods. The `with` of the request closes the response.
    is_sync = type(response).__name__.startswith("Sync")
    return Source(
        name=type(response).__qualname__,
        chunks=chunks if is_sync else None,
        async_chunks=None if is_sync else async_chunks,
        close=close_nothing if is_sync else None,
        aclose=None if is_sync else aclose_nothing,
        response=response,
        status=response.status,
        headers=response.headers,
    )
