"""`EventSource`: a stream that is asked for again where it ended, as the standard says.

from fastsse.event_source import EventSource

async with EventSource(client, "GET", url) as source:
    async for event in source:
        print(event.id, event.data)
"""

import socket
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from typing import Any, Literal, Self

import anyio

from . import EventStream, ServerSentEvent, iter_events
from ._check import is_event_stream
from ._clients import source_of
from ._reconnection import Patience, Reconnection
from ._request import headers_for_events, stays, without_credentials
from ._twins import DEFAULT_MAX_EVENT_SIZE

__all__ = ["EventSource", "Reconnection"]

NO_MORE = 204


class EventSource:
    """The events of a URL, over as many connections as it takes.

    It connects when it is first iterated, with `for` or `async for` as its client is, and again
    whenever a connection ends, breaks, or is answered with 408, 429 or 5xx, going on after the
    last event that came. 204 ends it. What asking again does not help with is raised: another
    answer as `ResponseError`, an `EventTooLarge`, and what failed last when the attempts are used
    up. Redirects are followed; to another origin no header goes along that may be a credential.

    Before it connects again it waits for the longest of 100 ms, the stream's `retry` (or 1 s) and
    the answer's `Retry-After`, and a random part of what doubles with each attempt, up to 30 s. A
    server that asks for more than an hour ends it with `ReconnectError`.

    A stream that stalls is given up after `idle_timeout`, or after the client's own read timeout,
    which is 5 s in httpx: set one of them to more than the longest pause of the stream.

    Args:
        client: a client of httpx or httpx2, sync or async; it stays open.
        method: of the request, such as "GET".
        url: of the request.
        last_event_id: where to begin: `last_event_id` of a source before.
        max_event_size: how many bytes an event may have (see `Parser`), None for any.
        first_event_timeout: seconds until the first event of each connection; None or 0 for none.
        idle_timeout: seconds that a wait for bytes may take, on each connection.
        max_attempts: how often in a row it connects without an event, None for any.
        on_reconnect: called with a `Reconnection` before each wait; awaited if it is a coroutine
            function and the client is async.
        request: what else the request takes, such as `headers`, `json`, `content`, `params`,
            `timeout` and `auth`. A body is sent again with each, and so must not be an iterator.

    Raises:
        TypeError: the client is of another kind, or an argument of the wrong type.
        ValueError: an argument is negative.

    Source: WHATWG HTML 9.2.2 and 9.2.3.
    """

    def __init__(
        self,
        client: Any,
        method: str,
        url: Any,
        *,
        last_event_id: str = "",
        max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE,
        first_event_timeout: float | None = None,
        idle_timeout: float | None = None,
        max_attempts: int | None = 10,
        on_reconnect: Callable[[Reconnection], Any] | None = None,
        **request: Any,
    ) -> None:
        if not hasattr(client, "build_request"):
            kind = type(client).__qualname__
            raise TypeError(f"client: expected a client of httpx or httpx2, got {kind}")
        _expect_attempts(max_attempts)
        _expect_body_to_send_again(request)
        self._client = client
        self._method = method
        self._url = url
        self._last_event_id = last_event_id
        self._on_reconnect = on_reconnect
        self._sending = {"auth": request.pop("auth")} if "auth" in request else {}
        self._follows = request.pop("follow_redirects", True)
        self._request = request
        self._options: dict[str, Any] = {
            "max_event_size": max_event_size,
            "first_event_timeout": first_event_timeout,
            "idle_timeout": idle_timeout,
        }
        # Their faults are the caller's, and so are told here and not when it has connected.
        iter_events((), last_event_id=last_event_id, **self._options)
        self._is_async = hasattr(client, "aclose")
        self._patience = Patience(max_attempts)
        self._retry: int | None = None
        self._stream: EventStream | None = None
        self._state: Literal["connecting", "open", "closed"] = "connecting"
        self._error: Exception | None = None
        self._closing = threading.Event()
        self._scope: anyio.CancelScope | None = None
        self._is_reading = False

    @property
    def state(self) -> Literal["connecting", "open", "closed"]:
        """What it is at: "connecting", also while it waits for that; "open"; or "closed".

        Source: WHATWG HTML 9.2.2, `readyState`.
        """
        return self._state

    @property
    def last_event_id(self) -> str:
        """The last event ID of what was yielded: where it goes on after this connection."""
        return self._last_event_id if self._stream is None else self._stream.last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in ms that the stream set last, None before."""
        here = None if self._stream is None else self._stream.retry
        return self._retry if here is None else here

    @property
    def stream(self) -> EventStream | None:
        """The stream of the connection that is open, with its `response` and its stamps."""
        return self._stream

    def __iter__(self) -> Iterator[ServerSentEvent]:
        self._expect_client(is_async=False)
        while not self._is_over():
            error = None
            try:
                stream = self._stream or self._connect()
                if stream is None:
                    return
                self._is_reading = True
                for event in stream:
                    self._is_reading = False
                    self._patience.event_came()
                    yield event
                    if self._closing.is_set():
                        self.close()
                        return
                    self._is_reading = True
            except Exception as caught:
                error = caught
            self._is_reading = False
            again = self._lost(error)
            if again is None:
                return
            if self._on_reconnect is not None:
                self._on_reconnect(again)
            self._closing.wait(again.wait)

    async def __aiter__(self) -> AsyncGenerator[ServerSentEvent]:
        self._expect_client(is_async=True)
        while not self._is_over():
            error = None
            try:
                stream = self._stream or await self._aconnect()
                if stream is None:
                    return
                async for event in stream:
                    self._patience.event_came()
                    yield event
                    if self._closing.is_set():
                        return
            except Exception as caught:
                error = caught
            again = self._lost(error)
            if again is None:
                return
            if self._on_reconnect is not None:
                told = self._on_reconnect(again)
                if told is not None:
                    await told
            with anyio.CancelScope() as self._scope:
                await anyio.sleep(again.wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def close(self) -> None:
        """End it, from any thread, whatever it is at; closing again does nothing.

        A thread that waits for an event, or to connect again, goes on at once, and its loop is
        over. One that waits for an answer's headers, or for an event over HTTP/2, does so when
        that wait ends.
        """
        self._expect_client(is_async=False)
        self._close()
        if self._stream is None:
            return
        if not self._is_reading:
            self._stream.close()
            return
        # The thread that reads closes what it reads: two at once would be too many.
        sock = source_of(self._stream.response).socket()
        if sock is not None:
            with sock, suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    async def aclose(self) -> None:
        """End it, from any task, whatever it is at; closing again does nothing."""
        self._expect_client(is_async=True)
        self._close()
        if self._scope is not None:
            self._scope.cancel()
        if self._stream is not None:
            await self._stream.aclose()

    def _close(self) -> None:
        self._closing.set()
        self._state = "closed"

    def _connect(self) -> EventStream | None:
        request, sending = self._build(), self._sending
        for _ in range(self._client.max_redirects + 1):
            response = self._client.send(request, stream=True, follow_redirects=False, **sending)
            if not self._follows or response.next_request is None:
                break
            response.close()
            request, sending = _redirected(request, response.next_request, sending)
        stream = self._stream_of(response)
        if stream is None:
            response.close()
        return stream

    async def _aconnect(self) -> EventStream | None:
        request, sending = self._build(), self._sending
        with anyio.CancelScope() as self._scope:
            for _ in range(self._client.max_redirects + 1):
                response = await self._client.send(
                    request, stream=True, follow_redirects=False, **sending
                )
                if not self._follows or response.next_request is None:
                    break
                await response.aclose()
                request, sending = _redirected(request, response.next_request, sending)
            stream = self._stream_of(response)
            if stream is None:
                await response.aclose()
            return stream
        return None

    def _build(self) -> Any:
        headers = headers_for_events(self._request.get("headers"), self._last_event_id)
        options = {**self._request, "headers": headers}
        return self._client.build_request(self._method, self._url, **options)

    def _stream_of(self, response: Any) -> EventStream | None:
        if response.status_code == NO_MORE:
            self._close()
        if self._closing.is_set():
            return None
        if is_event_stream(source_of(response)):
            self._state = "open"
        self._stream = iter_events(response, last_event_id=self._last_event_id, **self._options)
        return self._stream

    def _lost(self, error: Exception | None) -> Reconnection | None:
        """Keep what the stream that ended has told; and what comes now, None if it is closed."""
        self._last_event_id, self._retry = self.last_event_id, self.retry
        self._stream = self._scope = None
        if self._closing.is_set():
            return None
        self._state = "connecting"
        try:
            return self._patience.lost(error, self._retry, self._last_event_id)
        except Exception as final:
            self._error = final
            self._close()
            raise

    def _is_over(self) -> bool:
        if self._error is not None:
            raise self._error
        return self._closing.is_set()

    def _expect_client(self, *, is_async: bool) -> None:
        if self._is_async != is_async:
            kind = type(self._client).__qualname__
            pair = (
                ("asynchronous", "async ", "") if self._is_async else ("synchronous", "", "async ")
            )
            raise TypeError(f"{kind} is {pair[0]}: expected `{pair[1]}for`, got `{pair[2]}for`")


def _redirected(
    request: Any, following: Any, sending: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    if stays(request, following):
        return following, sending
    return without_credentials(following), {"auth": None}


def _expect_attempts(max_attempts: int | None) -> None:
    if max_attempts is None:
        return
    if isinstance(max_attempts, bool) or not isinstance(max_attempts, int):
        kind = type(max_attempts).__qualname__
        raise TypeError(f"max_attempts: expected an int or None, got {kind}")
    if max_attempts < 1:
        raise ValueError(f"max_attempts: expected 1 or more, or None, got {max_attempts}")


def _expect_body_to_send_again(request: dict[str, Any]) -> None:
    if request.get("files"):
        raise TypeError("files: expected a body that can be sent again: pass content")
    for name in ("content", "data"):
        body = request.get(name)
        if hasattr(body, "__next__") or hasattr(body, "__anext__"):
            kind = type(body).__qualname__
            raise TypeError(f"{name}: expected a body that can be sent again, got {kind}")
