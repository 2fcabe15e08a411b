"""Rules of HTTP that several layers share: statuses, Retry-After, headers of a request."""

import time
from calendar import timegm
from collections.abc import Mapping
from email.utils import parsedate
from typing import Any
from urllib.parse import urlsplit

from ._errors import ResponseError

# Besides 5xx: Request Timeout and Too Many Requests.
PASSING_STATUSES = {408, 429}
DEFAULT_HEADERS = {"Accept": "text/event-stream", "Cache-Control": "no-store"}


def is_passing_status(error: ResponseError) -> bool:
    """Whether the same request may get another response later."""
    return error.status_code in PASSING_STATUSES or 500 <= error.status_code < 600


def retry_after(error: Exception | None) -> float:
    """Seconds that the response asks to wait; 0 if it does not, or not in a form of the RFC.

    Source: RFC 9110, 10.2.3.
    """
    value = error.headers.get("retry-after", "") if isinstance(error, ResponseError) else ""
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate(value)
        # Each form of an HTTP date is in GMT, also the one that does not say so.
        return max(0.0, timegm(date) - time.time()) if date else 0.0
    except (ValueError, IndexError, OverflowError):
        return 0.0


def headers_for_events(
    headers: Any, ours: Mapping[str, str] = DEFAULT_HEADERS
) -> list[tuple[Any, Any]]:
    """The headers of a request for events: those given, and ours for names not given.

    Source: WHATWG HTML 9.2.2.
    """
    if isinstance(headers, Mapping):
        # The items() of a client's own Headers would join the lines of one name.
        headers = getattr(headers, "raw", headers.items())
    given = list(headers or ())
    names = {header_name(pair) for pair in given}
    return [pair for pair in ours.items() if header_name(pair) not in names] + given


def without_secrets(url: str) -> str:
    """The URL without user, password and query, which may be secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def header_name(pair: tuple[Any, Any]) -> str:
    """The name of a header in lower case."""
    name = pair[0]
    text: str = name.decode("latin-1") if isinstance(name, bytes) else name
    return text.lower()
