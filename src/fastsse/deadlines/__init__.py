"""The timeouts of a stream, and one guard for each way of waiting.

A guard is an iterator of chunks over an iterator of chunks that raises `Expired` when a timeout
expires. A stream without timeouts has no guard and pays nothing.
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
    """The guard for the event loop that runs: trio's, or else asyncio's."""
    timeout = source.read_timeout()
    inherit_idle_timeout(timeout, deadlines)
    set_timeout(timeout, None)
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return on_trio(chunks, deadlines, trio)
    return on_asyncio(chunks, deadlines)
