"""A fast reader of Server-Sent Events, per the WHATWG standard, for httpx and other clients.

    import fastsse

    async with client.stream("POST", url, json=request) as response:
        async for event in fastsse.iter_events(response):
            print(event.event, event.data)

`iter_events` reads responses. `Parser` is the incremental parser below it, for bytes from any
source. `ACCELERATED` is True if the compiled parser is in use.
"""

from ._errors import (
    ContentTypeError,
    EventTooLargeError,
    ProtocolError,
    ReconnectError,
    ResponseError,
    SSEError,
    StreamTimeout,
)
from ._parser import ACCELERATED, Parser, ServerSentEvent
from ._stream import EventStream, StreamStats, iter_events

__all__ = [
    "ACCELERATED",
    "ContentTypeError",
    "EventStream",
    "EventTooLargeError",
    "Parser",
    "ProtocolError",
    "ReconnectError",
    "ResponseError",
    "SSEError",
    "ServerSentEvent",
    "StreamStats",
    "StreamTimeout",
    "__version__",
    "iter_events",
]

__version__ = "0.1.0"
