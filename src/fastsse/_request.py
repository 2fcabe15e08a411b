"""What a request for events says, and to whom, over a client of httpx or httpx2."""

from collections.abc import Mapping
from typing import Any
from unicodedata import category

from ._http import header_name

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


def ask_from(request: Any, last_event_id: str) -> None:
    """Have a request ask for what comes after an event; any that it asked for before is replaced.

    An ID that no header can carry is left out.

    Source: WHATWG HTML 9.2.3, with the ID in UTF-8; and Fetch, which strips a value and refuses
    controls in it.
    """
    headers = request.headers
    asking = [pair for pair in headers.raw if header_name(pair) != "last-event-id"]
    value = last_event_id.strip("\t ")
    if value and not any(category(character) == "Cc" for character in value):
        asking.append((b"Last-Event-ID", value.encode()))
    # New ones, since those that were looked into hold to the encoding that they had found.
    request.headers = type(headers)(asking)


class Route:
    """A request on its way through redirects.

    Once one leads to another origin, nothing that may be a credential goes along, not even back.

    Args:
        request: where it begins.
        auth: what the client's `send` takes for it, if that is not the client's own.
        redirects: how many may be followed.

    Attributes:
        request: what to send next.
        options: with what.
    """

    def __init__(self, request: Any, auth: Mapping[str, Any], redirects: int) -> None:
        self.request = request
        self.options: dict[str, Any] = {"stream": True, "follow_redirects": False, **auth}
        self._redirects = redirects
        self._is_home = True

    def goes_on(self, response: Any) -> bool:
        """Whether the answer is a redirect, and `request` now the one that it asks for."""
        following = response.next_request
        if following is None or self._redirects == 0:
            return False
        self._redirects -= 1
        self._is_home = self._is_home and _is_same_origin(self.request.url, following.url)
        self.request = following
        if not self._is_home:
            self.options["auth"] = None
            for name in set(following.headers) - HARMLESS_HEADERS:
                del following.headers[name]
        return True


def _is_same_origin(here: Any, there: Any) -> bool:
    """Whether two URLs have one origin, or the second is the first over TLS."""
    upgraded = _origin(here) == ("http", here.host, 80) and ("https", here.host, 443)
    return _origin(there) in (_origin(here), upgraded)


def _origin(url: Any) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme)
