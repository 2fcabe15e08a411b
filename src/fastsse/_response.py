"""Is the response an event stream? If not: the error, with the start of what it is instead."""

from collections.abc import AsyncIterable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from ._errors import ContentTypeError, ResponseError

# How much of the body of an error is read, and for how long.
BODY_SIZE = 4 * 1024
BODY_SECONDS = 5.0


class Answer(Protocol):
    """A response, and what is checked of it."""

    @property
    def response(self) -> Any: ...
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


def is_event_stream(answer: Answer) -> bool:
    """Whether the status is 2xx, and the content type that of event streams.

    Source: WHATWG HTML 9.2.3, which takes 200 alone; here any 2xx will do.
    """
    return 200 <= answer.status < 300 and has_event_stream_type(answer.headers)


def has_event_stream_type(headers: Mapping[str, str]) -> bool:
    """Whether the essence of the content type is text/event-stream.

    Source: WHATWG HTML 9.2.3.
    """
    content_type = headers.get("content-type") or ""
    return content_type.partition(";")[0].strip().lower() == "text/event-stream"


def response_error(answer: Answer, body: bytes) -> ResponseError:
    """The error that tells what the response is."""
    headers = answer.headers
    content_type = headers.get("content-type")
    kind = ContentTypeError if 200 <= answer.status < 300 else ResponseError
    return kind(answer.status, headers, content_type, body, answer.response)


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
