"""A client's errors as ours, and how its responses are closed."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio

from .._errors import ProtocolError, SSEError
from ..clients import fault_of
from ._http2 import reset_dropped
from .errors import TransportError, TransportErrorKind

# How long closing may take: the other side may not be reading any more.
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
    """Raises a client's errors about its connection to that URL as ours."""
    try:
        yield
    except Exception as error:
        ours = translated(url, error)
        if ours is None:
            raise
        raise ours from error


def translated(url: str, error: Exception) -> SSEError | None:
    """Our error for a client's error about its connection; None for any other error."""
    fault = None if isinstance(error, SSEError) else fault_of(error)
    if fault is None:
        return None
    ours: SSEError
    if fault.kind == "coding":
        ours = ProtocolError(f"the content coding cannot be decoded: {fault.reason}")
    elif fault.kind in KINDS:
        ours = TransportError(KINDS[fault.kind], url, fault.reason)
    else:
        # Caused by the caller's own arguments: the client's error says it best.
        return None
    ours.__cause__ = error
    return ours


def is_connect_timeout(error: BaseException) -> bool:
    """Whether our error stands for the client's timeout for connecting."""
    if not isinstance(error, TransportError) or error.__cause__ is None:
        return False
    fault = fault_of(error.__cause__)
    return fault is not None and fault.kind == "connect_timeout"


async def close(http: Any, request: Any, response: Any = None) -> None:
    """Close a response, also in a task that is being cancelled; None if it was not received.

    Errors are dropped: nobody can act on them.
    """
    # In a task of its own, because a shield does not keep asyncio's own cancellation off.
    async with anyio.create_task_group() as group:
        group.start_soon(_close, http, request, response)


async def _close(http: Any, request: Any, response: Any) -> None:
    with anyio.move_on_after(CLOSING_SECONDS, shield=True):
        with suppress(Exception):
            if response is not None:
                await response.aclose()
        # Without a response its HTTP version is not known.
        if response is None or response.http_version == "HTTP/2":
            with suppress(Exception):
                await reset_dropped(http, request)


async def drain(chunks: AsyncIterator[bytes], size: int, seconds: float) -> None:
    """Drop the rest of a body, so that its connection can be used again; up to those limits."""
    with suppress(Exception), anyio.move_on_after(seconds):
        async for chunk in chunks:
            size -= len(chunk)
            if size < 0:
                return
