"""`EventsRequest`: the request of an `EventSource`, built again for each connection."""

from typing import Any

from .._http import headers_for_events
from ._headers import HEADERS, set_last_event_id
from ._redirects import Redirects

# Options of httpx's `build_request` and `send`; `timeout` and `auth` as in its `stream`.
OPTIONS = {
    "auth", "content", "cookies", "data", "extensions", "files", "follow_redirects", "headers",
    "json", "params", "timeout",
}  # fmt: skip


class EventsRequest:
    """A request for events.

    Args:
        client: the client that sends it.
        method, url: of the request.
        options: further arguments of the client.

    Attributes:
        given_last_event_id: the `Last-Event-ID` among the headers given; "" without one.

    Raises:
        TypeError: an option is unknown, or the body cannot be sent again.
    """

    def __init__(self, client: Any, method: str, url: object, options: dict[str, object]) -> None:
        _expect_options(options)
        self._client = client
        self._auth = {"auth": options.pop("auth")} if "auth" in options else {}
        self._redirects = client.max_redirects if options.pop("follow_redirects", True) else 0
        headers = headers_for_events(options.pop("headers", None), HEADERS)
        self._arguments = {**options, "method": method, "url": url, "headers": headers}
        first = client.build_request(**self._arguments)
        self.given_last_event_id: str = first.headers.get("last-event-id", "")

    def new(self, last_event_id: str) -> Redirects:
        """A request for the events after the one with this ID."""
        request = self._client.build_request(**self._arguments)
        set_last_event_id(request, last_event_id)
        return Redirects(request, self._auth, self._redirects)


def _expect_options(options: dict[str, object]) -> None:
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        raise TypeError(f"EventSource() got an unexpected keyword argument {unknown[0]!r}")
    if options.get("files"):
        raise TypeError("files: expected a body that can be sent again: pass content")
    for name in ("content", "data"):
        body = options.get(name)
        if hasattr(body, "__next__") or hasattr(body, "__anext__"):
            kind = type(body).__qualname__
            raise TypeError(f"{name}: expected a body that can be sent again, got {kind}")
