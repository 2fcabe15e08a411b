"""A server that sends each request's body back."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from serving import serve


async def mirror(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    """Sends the body of a request back, `by` bytes at a time."""
    if scope["type"] != "http":
        return
    query = dict(parse_qsl(scope["query_string"].decode()))
    message: dict[str, Any] = {"more_body": True}
    body = b""
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    by = int(query.get("by", 16384))
    headers = [(b"content-type", query.get("type", "text/event-stream").encode())]
    status = int(query.get("status", 200))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for at in range(0, len(body), by):
        chunk = body[at : at + by]
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def mirror_url() -> Iterator[str]:
    with serve(mirror) as url:
        yield url
