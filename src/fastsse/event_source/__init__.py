"""`EventSource`: a stream that connects again where it ended, as the standard says.

    from fastsse.event_source import EventSource

    async with EventSource(client, "GET", url) as source:
        async for event in source:
            print(event.id, event.data)

Over a synchronous client it is used with `with` and `for`.
"""

from importlib.util import find_spec

if find_spec("anyio") is None:
    raise ImportError(
        "fastsse.event_source needs anyio, which httpx and httpx2 install: "
        "python -m pip install anyio"
    )

from ._policy import Reconnection
from ._source import EventSource

__all__ = ["EventSource", "Reconnection"]
