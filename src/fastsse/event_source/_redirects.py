"""`Redirects`: a request that follows redirects, without its credentials in other origins."""

from collections.abc import Mapping
from typing import Any

# The headers that may be sent to another origin. Any other header may be a credential.
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
    "pragma",
    "transfer-encoding",
    "user-agent",
}
DEFAULT_PORTS = {"http": 80, "https": 443}


class Redirects:
    """A request that follows redirects.

    Once one leads to another origin, headers that may be credentials are dropped for good, also
    on the way back.

    Args:
        request: the first request.
        auth: the `auth` argument of the client's `send`, if it is not the client's own.
        limit: how many redirects to follow.

    Attributes:
        request: the request to send next.
        options: the arguments of the client's `send`.
    """

    def __init__(self, request: Any, auth: Mapping[str, Any], limit: int) -> None:
        self.request = request
        self.options: dict[str, Any] = {"stream": True, "follow_redirects": False, **auth}
        self._left = limit
        self._is_first_origin = True

    def follow(self, response: Any) -> bool:
        """Whether the response is a redirect to follow; `request` is then the next one."""
        following = response.next_request
        if following is None or self._left == 0:
            return False
        self._left -= 1
        if not _is_same_origin(self.request.url, following.url):
            self._is_first_origin = False
        self.request = following
        if not self._is_first_origin:
            self.options["auth"] = None
            for name in set(following.headers) - HARMLESS_HEADERS:
                del following.headers[name]
        return True


def _is_same_origin(here: Any, there: Any) -> bool:
    """Whether two URLs have the same origin, or the second is the first over TLS."""
    upgraded = _origin(here) == ("http", here.host, 80) and ("https", here.host, 443)
    return _origin(there) in (_origin(here), upgraded)


def _origin(url: Any) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme)
