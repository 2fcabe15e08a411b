"""Is the response an event stream? If not: the error, with the start of what it is instead."""

from collections.abc import AsyncIterable, Iterable
from contextlib import suppress
from typing import Any

from ._errors import ResponseError

# How much of the body of an error is read, and for how long.
BODY_SIZE = 4 * 1024
BODY_SECONDS = 5.0


def is_event_stream(response: Any) -> bool:
    """Whether the status is 2xx and the essence of the content type is text/event-stream.

    Source: WHATWG HTML 9.2.3, which takes 200 alone; here any 2xx will do.
    """
    content_type = response.headers.get("content-type", "")
    essence = content_type.partition(";")[0].strip().lower()
    status: int = response.status_code
    return 200 <= status < 300 and essence == "text/event-stream"


def response_error(response: Any, body: bytes) -> ResponseError:
    """The error that tells what the response is."""
    headers = response.headers
    return ResponseError(response.status_code, headers, headers.get("content-type"), body, response)


def start_of(chunks: Iterable[bytes]) -> bytes:
    """The first `BODY_SIZE` bytes, or those before whatever goes wrong."""
    body = bytearray()
    with suppress(Exception):
        for chunk in chunks:
            body += chunk
            if len(body) >= BODY_SIZE:
                break
    return bytes(body[:BODY_SIZE])


async def astart_of(chunks: AsyncIterable[bytes]) -> bytes:
    """The same of chunks that are awaited."""
    body = bytearray()
    with suppress(Exception):
        async for chunk in chunks:
            body += chunk
            if len(body) >= BODY_SIZE:
                break
    return bytes(body[:BODY_SIZE])
