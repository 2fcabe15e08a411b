"""Resets HTTP/2 streams that are no longer read.

Only this module uses private names of httpx and httpcore. Tested with httpx 0.28 over httpcore 1.0,
and with httpx2 2.0 to 2.3 over httpcore2.
"""

import logging
from typing import Any

# RFC 9113, 7: the stream is no longer needed.
CANCEL = 8

logger = logging.getLogger(__name__)


async def reset_dropped(http: Any, request: Any) -> None:
    """Reset the open streams of a client's connections that no response reads.

    httpcore drops a stream without RST_STREAM, so the server would keep sending to it, and no
    public name reaches the connection. If a private name is missing, nothing is reset.
    """
    try:
        for pooled in http._transport_for_url(request.url)._pool.connections:
            await _reset_in(pooled._connection, request)
    except AttributeError as error:
        logger.debug("cannot reset HTTP/2 streams: %s", error)


async def _reset_in(connection: Any, request: Any) -> None:
    # An HTTP/1.1 connection has no `_h2_state`; a connection that is still being opened is None.
    state = getattr(connection, "_h2_state", None)
    if state is None:
        return
    dropped = [
        number
        for number, stream in state.streams.items()
        if stream.open and number not in connection._events
    ]
    for number in dropped:
        state.reset_stream(number, CANCEL)
    if dropped:
        await connection._write_outgoing_data(request)
