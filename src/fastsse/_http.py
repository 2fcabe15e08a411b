"""Rules of HTTP that several layers share: statuses, Retry-After, request headers."""

import re
import time
from calendar import timegm
from collections.abc import Mapping
from email.utils import parsedate
from typing import Any, Protocol
from urllib.parse import urlsplit

from ._errors import ResponseError

# Besides 5xx: Request Timeout and Too Many Requests.
PASSING_STATUSES = {408, 429}
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
DEFAULT_HEADERS = {"Accept": "text/event-stream", "Cache-Control": "no-store"}


class HttpClient(Protocol):
    """The methods of a client of httpx or httpx2, sync or async, that fastsse calls."""

    @property
    def build_request(self) -> Any: ...
    @property
    def send(self) -> Any: ...


def is_passing_status(error: ResponseError) -> bool:
    """Whether the same request may get another response later."""
    return error.status_code in PASSING_STATUSES or 500 <= error.status_code < 600


def retry_after(error: Exception | None) -> float:
    """The seconds in the response's Retry-After; 0 if it is missing or not valid.

    Fractions count, and `retry-after-ms`, which Azure and OpenAI send, counts first.

    Source: RFC 9110, 10.2.3.
    """
    if not isinstance(error, ResponseError):
        return 0.0
    milliseconds = error.headers.get("retry-after-ms", "").strip()
    if NUMBER.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    value = error.headers.get("retry-after", "").strip()
    if NUMBER.fullmatch(value):
        return float(value)
    try:
        date = parsedate(value)
        # Every form of an HTTP date is in GMT, also the one without a time zone.
        return max(0.0, timegm(date) - time.time()) if date else 0.0
    except (ValueError, IndexError, OverflowError):
        return 0.0


def headers_for_events(
    headers: Any, defaults: Mapping[str, str] = DEFAULT_HEADERS
) -> list[tuple[Any, Any]]:
    """The headers of a request for events: the given ones, and defaults for missing names.

    Source: WHATWG HTML 9.2.2.
    """
    if isinstance(headers, Mapping):
        # The items() of a client's own Headers would join the values of one name.
        headers = getattr(headers, "raw", headers.items())
    given = list(headers or ())
    names = {header_name(pair) for pair in given}
    return [pair for pair in defaults.items() if header_name(pair) not in names] + given


def without_secrets(url: str) -> str:
    """The URL without user, password and query, which may be secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def header_name(pair: tuple[Any, Any]) -> str:
    """The name of a header in lower case."""
    name = pair[0]
    text: str = name.decode("latin-1") if isinstance(name, bytes) else name
    return text.lower()
