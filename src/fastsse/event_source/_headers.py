"""The headers of a request for events."""

from typing import Any
from unicodedata import category

from .._http import header_name

# The standard requires Fetch's cache mode "no-store", which sends the last two headers.
HEADERS = {"Accept": "text/event-stream", "Cache-Control": "no-cache", "Pragma": "no-cache"}


def set_last_event_id(request: Any, last_event_id: str) -> None:
    """Replace the `Last-Event-ID` of a request; an ID that a header cannot contain is left out.

    Source: WHATWG HTML 9.2.3, with the ID in UTF-8; and Fetch, which strips header values and
    rejects control characters in them.
    """
    headers = request.headers
    pairs = [pair for pair in headers.raw if header_name(pair) != "last-event-id"]
    value = last_event_id.strip("\t ")
    if value and not any(category(character) == "Cc" for character in value):
        pairs.append((b"Last-Event-ID", value.encode()))
    # A new object: the old one may have chosen an encoding that lacks these characters.
    request.headers = type(headers)(pairs)
