"""`EventSource`: a stream that reconnects and resumes after its last event, per the standard.

    from fastsse.event_source import EventSource

    async with EventSource(client, "GET", url) as source:
        async for event in source:
            print(event.id, event.data)

With a synchronous client, use `with` and `for`.
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
