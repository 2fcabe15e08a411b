"""Resets HTTP/2 streams that are no longer read.

Only this module uses private names of httpx and httpcore. Tested with httpx 0.28 over httpcore 1.0,
and with httpx2 2.16 over httpcore2.
"""

import logging
from typing import Any

# RFC 9113, 7: the stream is no longer needed.
CANCEL = 8

logger = logging.getLogger(__name__)


async def reset_dropped(http: Any, request: Any, *, is_http2: bool) -> None:
    """Reset the open streams of a client's connections that no response reads.

    httpcore drops a stream without RST_STREAM, so the server would keep sending to it, and no
    public name reaches the connection. If a private name is missing, nothing is reset.

    Args:
        http: the client.
        request: of the stream that was dropped.
        is_http2: whether its response was received over HTTP/2; False if there was no response.
    """
    try:
        pool = http._transport_for_url(request.url)._pool
        connections = [pooled._connection for pooled in pool.connections]
        for connection in connections:
            await _reset_in(connection, request)
        if is_http2 and connections and not any(map(_state_of, connections)):
            raise AttributeError("no connection has _h2_state")
    except AttributeError as error:
        logger.debug("cannot reset HTTP/2 streams: %s", error)


async def _reset_in(connection: Any, request: Any) -> None:
    state = _state_of(connection)
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


def _state_of(connection: Any) -> Any:
    # An HTTP/1.1 connection has none; a connection that is still being opened is None.
    return getattr(connection, "_h2_state", None)
