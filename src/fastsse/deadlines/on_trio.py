"""The guard on trio: a cancel scope around each wait."""

from collections.abc import AsyncIterator
from typing import Any

from ._model import Deadlines


async def on_trio(
    chunks: AsyncIterator[bytes], deadlines: Deadlines, trio: Any
) -> AsyncIterator[bytes]:
    """Guard with a cancel scope around each wait; `trio` is the module."""
    deadlines.begin(trio.current_time)
    while True:
        now = trio.current_time()
        if now >= deadlines.check_at:
            deadlines.check(now)
        at, timeout = deadlines.next(now)
        with trio.CancelScope(deadline=at) as scope:
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
        if scope.cancelled_caught:
            raise deadlines.expired(timeout)
        yield chunk
