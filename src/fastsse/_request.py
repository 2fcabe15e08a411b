"""What a request for events says, and to whom, over a client of httpx or httpx2."""

from collections.abc import Mapping
from typing import Any

DEFAULT_HEADERS = {"Accept": "text/event-stream", "Cache-Control": "no-store"}

# What may go to another origin; any other header may be a key, whatever its name is.
HARMLESS_HEADERS = {
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "transfer-encoding",
    "user-agent",
}
DEFAULT_PORTS = {"http": 80, "https": 443}


def headers_for_events(headers: Any, last_event_id: str = "") -> list[tuple[Any, Any]]:
    """The headers of a request for events: those given, which win, and ours for the rest.

    Where a last event ID is known it wins, since what was given is from before it; but one that
    no header can carry is left out.

    Source: WHATWG HTML 9.2.2 and 9.2.3, with the ID in UTF-8; and Fetch, which strips a value and
    refuses controls in it.
    """
    if isinstance(headers, Mapping):
        # The items() of a client's own Headers would join the lines of one name.
        headers = getattr(headers, "raw", headers.items())
    given = list(headers or ())
    if last_event_id:
        given = [pair for pair in given if _name(pair) != "last-event-id"]
        value = last_event_id.strip("\t ").encode()
        if value and all(byte >= 0x20 and byte != 0x7F for byte in value):
            given.append(("Last-Event-ID", value))
    names = set(map(_name, given))
    return [pair for pair in DEFAULT_HEADERS.items() if _name(pair) not in names] + given


def stays(request: Any, following: Any) -> bool:
    """Whether a redirect stays at its origin, as one to the https of the same host does."""
    here, there = _origin(request.url), _origin(following.url)
    upgraded = ("https", here[1], 443)
    return there == here or (here == ("http", here[1], 80) and there == upgraded)


def without_credentials(request: Any) -> Any:
    """The request, without what may be a credential in its headers."""
    for name in list(request.headers):
        if name.lower() not in HARMLESS_HEADERS:
            del request.headers[name]
    return request


def _origin(url: Any) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme)


def _name(pair: tuple[Any, Any]) -> str:
    name = pair[0]
    text: str = name.decode("latin-1") if isinstance(name, bytes) else name
    return text.lower()
