"""Translates a client's errors to fastsse's, and closes its responses."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio

from .._errors import ProtocolError, SSEError
from ..clients import fault_of
from ._http2 import reset_dropped
from .errors import TransportError, TransportErrorKind

# The limit for closing, which may block if the server no longer reads.
CLOSING_SECONDS = 1.0

KINDS: dict[str, TransportErrorKind] = {
    "dns": "dns",
    "refused": "refused",
    "tls": "tls",
    "connect_timeout": "timeout",
    "pool_timeout": "timeout",
    "read_timeout": "timeout",
    "write_timeout": "timeout",
    "broken": "broken",
}


@contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """Raise a client's errors about its connection to this URL as errors of fastsse."""
    try:
        yield
    except Exception as error:
        translation = translated(url, error)
        if translation is None:
            raise
        raise translation from error


def translated(url: str, error: Exception) -> SSEError | None:
    """fastsse's error for a client's error about its connection; None for any other error."""
    fault = None if isinstance(error, SSEError) else fault_of(error)
    if fault is None:
        return None
    translation: SSEError
    if fault.kind == "coding":
        translation = ProtocolError(f"the content coding cannot be decoded: {fault.reason}")
    elif fault.kind in KINDS:
        translation = TransportError(KINDS[fault.kind], url, fault.reason)
    else:
        # Caused by the caller's arguments: the client's own error is the most exact.
        return None
    translation.__cause__ = error
    return translation


def is_connect_timeout(error: BaseException) -> bool:
    """Whether the client's connect timeout caused this TransportError."""
    if not isinstance(error, TransportError) or error.__cause__ is None:
        return False
    fault = fault_of(error.__cause__)
    return fault is not None and fault.kind == "connect_timeout"


async def close(http: Any, request: Any, response: Any = None) -> None:
    """Close a response, also in a task that is being cancelled; None if it was not received.

    Errors are dropped: the caller cannot act on them.
    """
    # In a task of its own, because a shield does not keep asyncio's own cancellation off.
    async with anyio.create_task_group() as group:
        group.start_soon(_close, http, request, response)


async def _close(http: Any, request: Any, response: Any) -> None:
    with anyio.move_on_after(CLOSING_SECONDS, shield=True):
        with suppress(Exception):
            if response is not None:
                await response.aclose()
        # Without a response the HTTP version is not known.
        is_http2 = response is not None and response.http_version == "HTTP/2"
        if response is None or is_http2:
            with suppress(Exception):
                await reset_dropped(http, request, is_http2=is_http2)


async def drain(chunks: AsyncIterator[bytes], size: int, seconds: float) -> None:
    """Read and drop the rest of a body, within these limits, to reuse its connection."""
    with suppress(Exception), anyio.move_on_after(seconds):
        async for chunk in chunks:
            size -= len(chunk)
            if size < 0:
                return
