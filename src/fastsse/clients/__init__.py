"""The HTTP clients whose responses `iter_events` reads: one file for each.

A file answers two questions, without importing its client: how a response is read (`source`), and
what an exception says about the transport (`fault`). A new client is one file and one line here.
"""

from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

from . import aiohttp, httpx, plain, pyreqwest, requests, urllib3
from ._fault import Fault
from ._source import Response, Source

__all__ = ["Fault", "Response", "Source", "fault_of", "source_of"]


class Client(Protocol):
    """What the file of a client contains."""

    def source(self, response: Any, /) -> Source | None:
        """How this is read; None if it is not a response of this client."""

    def fault(self, error: BaseException, /) -> Fault | None:
        """What this says about the transport; None if it is not an exception of this client."""


CLIENTS: dict[str, Client] = {
    "httpx, httpx2": httpx,
    # Before aiohttp, which looks at `content`: for requests' responses that reads the whole body.
    "requests, niquests": requests,
    "aiohttp": aiohttp,
    "urllib3": urllib3,
    "pyreqwest": pyreqwest,
    "or an iterable or async iterable of bytes": plain,
}


def source_of(source: Any) -> Source:
    """How a response, or an iterable of bytes, is read.

    Raises:
        TypeError: it is neither.
    """
    for client in CLIENTS.values():
        found = client.source(source)
        if found is not None:
            return found._replace(fault=fault_of)
    name = type(source).__qualname__
    if isinstance(source, Awaitable):
        name += ", to be awaited first"
    elif isinstance(source, (AbstractContextManager, AbstractAsyncContextManager)):
        name += ", which may give one in `with` or `async with`"
    raise TypeError(f"expected a response of {', '.join(CLIENTS)}, got {name}")


def fault_of(error: BaseException) -> Fault | None:
    """What a client's exception says about the transport; None for any other exception."""
    for client in CLIENTS.values():
        found = client.fault(error)
        if found is not None:
            return found
    return None
