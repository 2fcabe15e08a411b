"""Whether a response is an event stream, and the error to raise if it is not."""

from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from contextlib import suppress
from string import ascii_letters, digits
from typing import Any

from ._errors import ContentTypeError, ResponseError

# How much of an error's body is read, and for how many seconds.
BODY_SIZE = 4 * 1024
BODY_SECONDS = 5.0

EVENT_STREAM = "text/event-stream"
HTTP_WHITESPACE = "\t\n\r "
# Source: WHATWG MIME Sniffing, "HTTP token code point".
TOKEN = frozenset("!#$%&'*+-.^_`|~" + ascii_letters + digits)


def is_event_stream(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the status is 2xx and the content type is that of event streams.

    Source: WHATWG HTML 9.2.3, which accepts only 200; here any 2xx is accepted.
    """
    return 200 <= status < 300 and has_event_stream_type(headers)


def has_event_stream_type(headers: Mapping[str, str]) -> bool:
    """Whether the essence of the content type is text/event-stream.

    If the header has several values, the last that is a MIME type counts.

    Source: WHATWG Fetch, "extract a MIME type".
    """
    found = None
    for value in _split(content_type_of(headers) or ""):
        found = _essence(value) or found
    return found == EVENT_STREAM


def content_type_of(headers: Mapping[str, str]) -> str | None:
    """The content type as sent, several values joined with a comma; None without one."""
    # In aiohttp and pyreqwest, `get` returns only the first value.
    getall = getattr(headers, "getall", None)
    if getall is None:
        return headers.get("content-type")
    values = getall("content-type") if "content-type" in headers else ()
    return ", ".join(values) if values else None


def response_error(
    status: int, headers: Mapping[str, str], body: bytes, response: Any
) -> ResponseError:
    """The error of a response that is not an event stream.

    Args:
        status, headers: of the response.
        body: the start of its body.
        response: the response itself.
    """
    kind = ContentTypeError if 200 <= status < 300 else ResponseError
    return kind(status, headers, content_type_of(headers), body, response)


def start_of(chunks: Iterable[bytes]) -> bytes:
    """The first `BODY_SIZE` bytes, or those before an error."""
    body = bytearray()
    with suppress(Exception):
        for chunk in chunks:
            body += chunk
            if len(body) >= BODY_SIZE:
                break
    return bytes(body[:BODY_SIZE])


async def astart_of(chunks: AsyncIterable[bytes]) -> bytes:
    """The first `BODY_SIZE` bytes, or those before an error."""
    body = bytearray()
    with suppress(Exception):
        async for chunk in chunks:
            body += chunk
            if len(body) >= BODY_SIZE:
                break
    return bytes(body[:BODY_SIZE])


def _split(value: str) -> Iterator[str]:
    """The values of a header: a comma within quotes does not end one.

    Source: WHATWG Fetch, "get, decode, and split".
    """
    start = 0
    quoted = escaped = False
    for at, letter in enumerate(value):
        if escaped:
            escaped = False
        elif quoted and letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            yield value[start:at]
            start = at + 1
    yield value[start:]


def _essence(value: str) -> str | None:
    """The type and subtype of a MIME type in lower case; None if it is not one, or is "*/*".

    Source: WHATWG MIME Sniffing, "parse a MIME type".
    """
    essence = value.partition(";")[0].strip(HTTP_WHITESPACE).lower()
    type_, _, subtype = essence.partition("/")
    if not type_ or not subtype or essence == "*/*" or not TOKEN.issuperset(type_ + subtype):
        return None
    return essence
