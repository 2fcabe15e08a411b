"""How a response is let go: in a task that is being cancelled too, and so that its server knows."""

from contextlib import suppress
from typing import Any

import anyio

# What closing may take, since the other side may have stopped to listen.
CLOSING_SECONDS = 1.0

# RFC 9113, 7: the stream is no longer needed.
CANCEL = 8


async def close(http: Any, request: Any, response: Any = None) -> None:
    """Let go of what a client was asked for; None for a response that did not come.

    What goes wrong is of no use to anyone.
    """
    # In a task of its own, since a shield does not keep asyncio's own cancellation off.
    async with anyio.create_task_group() as group:
        group.start_soon(_close, http, request, response)


async def _close(http: Any, request: Any, response: Any) -> None:
    with anyio.move_on_after(CLOSING_SECONDS, shield=True):
        with suppress(Exception):
            if response is not None:
                await response.aclose()
        # One that did not come may have been any; and a pool may have many connections.
        if response is None or response.http_version == "HTTP/2":
            with suppress(Exception):
                await _reset_dropped(http, request)


async def _reset_dropped(http: Any, request: Any) -> None:
    """Reset the streams of HTTP/2 that nobody reads any more.

    The pool of httpx forgets a stream without a word, and its server would go on to fill it. No
    public name leads there; without these, or over HTTP/1.1, there is nothing to reset.
    """
    for pooled in http._transport_for_url(request.url)._pool.connections:
        connection = pooled._connection
        state = getattr(connection, "_h2_state", None)
        if state is None:
            continue
        dropped = [
            number
            for number, stream in state.streams.items()
            if stream.open and number not in connection._events
        ]
        for number in dropped:
            state.reset_stream(number, CANCEL)
        if dropped:
            await connection._write_outgoing_data(request)
