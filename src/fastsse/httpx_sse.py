"""The API of httpx-sse 0.4.3 over fastsse's parser: changing one import is the whole migration.

    import fastsse.httpx_sse as httpx_sse

    with httpx_sse.connect_sse(client, "GET", url) as source:
        for event in source.iter_sse():
            print(event.event, event.data)

Clients are of httpx or httpx2. As in httpx-sse, the status of the response is not checked: call
`source.response.raise_for_status()`. The documentation lists the differences.
"""

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from . import EventTooLargeError, iter_events
from . import ServerSentEvent as _Event
from . import SSEError as _Error
from ._http import headers_for_events
from ._response import has_event_stream_type
from .clients import Response

__version__ = "0.4.3"
"""The version of httpx-sse whose API this is, for code that reads it."""

__all__ = [
    "EventSource",
    "SSEError",
    "ServerSentEvent",
    "__version__",
    "aconnect_sse",
    "connect_sse",
]

if TYPE_CHECKING:
    # Events are instances of the core's class, which is final: only type checkers see a subclass.
    _Base = _Event
else:
    _Base = object


def _error_bases() -> tuple[type, ...]:
    """fastsse's error, and the TransportError of each client that is imported so far."""
    clients = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    errors = (getattr(client, "TransportError", None) for client in clients)
    return (_Error, *(error for error in errors if error is not None))


class SSEError(*_error_bases()):  # type: ignore[misc]
    """The content type is not text/event-stream, or an event is larger than 64 MiB.

    It is a `fastsse.SSEError`. It is also the `TransportError` of httpx and of httpx2, if the
    program has imported them. For an event that is too large, its cause is the
    `fastsse.EventTooLargeError`.
    """

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        # Includes the error of a client that was imported after this module.
        SSEError.__bases__ = _error_bases()
        return cast(Self, super().__new__(cls, *args, **kwargs))


class _AnyEvent(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Event)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return super().__subclasscheck__(subclass) or issubclass(subclass, _Event)


class ServerSentEvent(_Base, metaclass=_AnyEvent):  # type: ignore[misc]
    """Creates a `fastsse.ServerSentEvent`; `isinstance` accepts all of them.

    Args:
        event: the event type; "message" for None and "".
        data: the data, its lines joined by "\\n"; "" for None.
        id: the last event ID of the stream when the event was dispatched; "" for None.
        retry: the reconnection time in ms, if the event's own block set one.

    Raises:
        TypeError, ValueError: as `fastsse.ServerSentEvent` does.
    """

    __match_args__ = _Event.__match_args__

    def __new__(
        cls,
        event: str | None = None,
        data: str | None = None,
        id: str | None = None,
        retry: int | None = None,
    ) -> Self:
        created = _Event(
            event=event or "message",
            data="" if data is None else data,
            id="" if id is None else id,
            retry=retry,
        )
        return cast(Self, created)

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'fastsse.ServerSentEvent' is not an acceptable base type")


class StreamingClient(Protocol):
    """The method of a client of httpx or httpx2, sync or async, that is called here."""

    @property
    def stream(self) -> Any: ...


class EventSource:
    """The events of one response.

    Args:
        response: a response of httpx or httpx2, sync or async, whose body is not read yet.
    """

    def __init__(self, response: Response) -> None:
        self._response: Any = response

    @property
    def response(self) -> Any:
        """The response, for its status and headers."""
        return self._response

    def iter_sse(self) -> Iterator[ServerSentEvent]:
        """Iterate over the events of a synchronous response.

        Iterating raises `SSEError`, after the events before it, and the client's own errors. If
        the content type differs, the body is not read, so that the caller can read it.
        """
        self._check_content_type()
        try:
            yield from self._events()
        except EventTooLargeError as error:
            raise SSEError(str(error)) from error

    async def aiter_sse(self) -> AsyncGenerator[ServerSentEvent, None]:
        """The same as `iter_sse`, for an asynchronous response."""
        self._check_content_type()
        try:
            async with aclosing(aiter(self._events())) as events:
                async for event in events:
                    yield event
        except EventTooLargeError as error:
            raise SSEError(str(error)) from error

    # Named as in httpx-sse, because some programs replace it to accept other content types.
    def _check_content_type(self) -> None:
        response = self._response
        if not has_event_stream_type(response.headers):
            found = response.headers.get("content-type", "no content type")
            status = response.status_code
            raise SSEError(f"expected text/event-stream, got {found} (status {status})")

    def _events(self) -> Any:
        return iter_events(self._response, check_response=False)


@contextmanager
def connect_sse(
    client: StreamingClient, method: str, url: object, **kwargs: object
) -> Iterator[EventSource]:
    """Send a request for events, and close the response at the end of `with`.

    Args:
        client: an `httpx.Client` or `httpx2.Client`.
        method: of the request.
        url: of the request.
        kwargs: further arguments of `client.stream`. If `headers` has no `Accept`,
            text/event-stream is sent, and without a `Cache-Control`, no-store; the client's own
            headers of these names are not used.
    """
    kwargs["headers"] = headers_for_events(kwargs.get("headers"))
    with client.stream(method, url, **kwargs) as response:
        yield EventSource(response)


@asynccontextmanager
async def aconnect_sse(
    client: StreamingClient, method: str, url: object, **kwargs: object
) -> AsyncIterator[EventSource]:
    """The same as `connect_sse`, for an `httpx.AsyncClient` or `httpx2.AsyncClient`."""
    kwargs["headers"] = headers_for_events(kwargs.get("headers"))
    async with client.stream(method, url, **kwargs) as response:
        yield EventSource(response)
