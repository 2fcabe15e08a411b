"""A proxy in front of the test server, which sends its bytes on in other HTTP chunks.

The first part of the path says how: /bytes, /pairs and /whole.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from serving import serve

Chunks = AsyncIterator[bytes]


async def in_bytes(chunks: Chunks) -> Chunks:
    async for chunk in chunks:
        for byte in chunk:
            yield bytes([byte])


async def in_pairs(chunks: Chunks) -> Chunks:
    first = b""
    async for chunk in chunks:
        if first:
            yield first + chunk
        first = b"" if first else chunk
    yield first


async def in_whole(chunks: Chunks) -> Chunks:
    yield b"".join([chunk async for chunk in chunks])


WAYS = {"bytes": in_bytes, "pairs": in_pairs, "whole": in_whole}


@contextmanager
def serve_proxy(upstream: str) -> Iterator[str]:
    """Run the proxy under uvicorn; gives its base URL."""

    async def app(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        _, way, path = scope["path"].split("/", 2)
        url = f"{upstream}/{path}?{scope['query_string'].decode()}"
        async with httpx.AsyncClient(verify=False) as client, client.stream("GET", url) as response:
            headers = [
                (name.lower(), value)
                for name, value in response.headers.raw
                if name.lower() in (b"content-type", b"content-encoding")
            ]
            start = {"type": "http.response.start", "status": response.status_code}
            await send({**start, "headers": headers})
            async for body in WAYS[way](response.aiter_raw()):
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body"})

    with serve(app) as url:
        yield url
