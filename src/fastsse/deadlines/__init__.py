"""The timeouts of a stream, and one guard each for sockets, asyncio and trio.

A guard wraps an iterator of chunks, and raises `Expired` when a timeout expires. A stream without
timeouts has no guard.
"""

import sys
from collections.abc import AsyncIterator

from .._errors import Expired
from ._model import Deadlines, GuardedSource, inherit_idle_timeout, set_timeout
from .on_asyncio import on_asyncio
from .on_socket import on_socket
from .on_trio import on_trio

__all__ = ["Deadlines", "Expired", "on_event_loop", "on_socket"]


def on_event_loop(
    chunks: AsyncIterator[bytes], deadlines: Deadlines, source: GuardedSource
) -> AsyncIterator[bytes]:
    """The guard for the running event loop: trio, or else asyncio."""
    timeout = source.read_timeout()
    inherit_idle_timeout(timeout, deadlines)
    set_timeout(timeout, None)
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return on_trio(chunks, deadlines, trio)
    return on_asyncio(chunks, deadlines)
