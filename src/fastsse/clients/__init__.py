"""The HTTP clients whose responses `iter_events` reads: one file for each.

Each file has two functions, and does not import its client: `source` makes the source of a
response, and `fault` the transport fault of an exception. A new client needs one file, and an
import and a row here.
"""

from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

from . import aiohttp, httpx, plain, pyreqwest, requests, urllib3
from ._fault import Fault
from ._source import Response, Source

__all__ = ["Fault", "Response", "Source", "fault_of", "source_of"]


class Client(Protocol):
    """The functions in the file of a client."""

    def source(self, response: Any, /) -> Source | None:
        """The source of a response; None if it is not a response of this client."""

    def fault(self, error: BaseException, /) -> Fault | None:
        """The fault of an exception; None without one, or if it is not of this client."""


# By the names that the TypeError of `source_of` lists.
CLIENTS: dict[str, Client] = {
    "httpx, httpx2": httpx,
    # Before aiohttp, whose file looks at `content`: that reads the whole body of these responses.
    "requests, niquests": requests,
    "aiohttp": aiohttp,
    "urllib3": urllib3,
    "pyreqwest": pyreqwest,
    "or an iterable or async iterable of bytes": plain,
}


def source_of(source: Any) -> Source:
    """The source that reads a response, or an iterable of bytes.

    Raises:
        TypeError: the argument is neither.
    """
    for client in CLIENTS.values():
        found = client.source(source)
        if found is not None:
            return found._replace(fault=fault_of)
    name = type(source).__qualname__
    if isinstance(source, Awaitable):
        name += ": await it first"
    elif isinstance(source, (AbstractContextManager, AbstractAsyncContextManager)):
        name += ": pass the response that `with` or `async with` gives"
    raise TypeError(f"expected a response of {', '.join(CLIENTS)}, got {name}")


def fault_of(error: BaseException) -> Fault | None:
    """The transport fault of a client's exception; None for any other exception."""
    for client in CLIENTS.values():
        found = client.fault(error)
        if found is not None:
            return found
    return None
