"""`EventSource`: a stream that is asked for again where it ended, as the standard says.

    from fastsse.event_source import EventSource

    async with EventSource(client, "GET", url) as source:
        async for event in source:
            print(event.id, event.data)

With `with` and `for` it is the same over a client that is synchronous.
"""

import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Literal, Self

import anyio

from . import EventStream, ServerSentEvent, iter_events
from ._arguments import DEFAULT_MAX_EVENT_SIZE
from ._http import headers_for_events
from ._reconnection import Patience, Reconnection, interval_of
from ._request import Route, ask_from
from ._response import is_event_stream
from .clients import source_of

__all__ = ["EventSource", "Reconnection"]

NO_MORE = 204


class EventSource:
    """The events of a URL for one reader, over as many connections as it takes.

    It connects when it is first iterated, with `for` or `async for` as its client is, and again
    whenever a connection ends, breaks, or is answered with 408, 429 or 5xx, going on after the
    last event that came. 204 ends it. What asking again does not help with is raised: another
    answer as `ResponseError`, an `EventTooLargeError`, and what failed last when the attempts are
    used up, a `ReconnectError` if the server only ever ended the stream. Redirects are followed; to
    another origin no header goes along that may be a credential.

    Before it connects again it waits for the longest of 100 ms, the stream's `retry` (or 1 s) and
    the answer's `Retry-After`, and a random part of what doubles with each attempt, up to 30 s. A
    server that asks for more than an hour ends it with `ReconnectError`.

    A stream that stalls is given up after `idle_timeout`, or after the client's own read timeout,
    which is 5 s in httpx: set one of them to more than the longest pause of the stream.

    Args:
        client: a client of httpx or httpx2, sync or async; it stays open.
        method: of the request, such as "GET".
        url: of the request.
        last_event_id: where to begin: `last_event_id` of a source before. A `Last-Event-ID` among
            the headers does the same.
        max_event_size: how many bytes an event may have (see `Parser`), None for any.
        first_event_timeout: seconds until the first event of each connection; None or 0 for none.
        idle_timeout: seconds that a wait for bytes may take, on each connection.
        attempts: how often in a row it connects without an event, None for any.
        on_reconnect: called with a `Reconnection` before each wait; it may be a coroutine function
            if the client is async.
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
        attempts: int | None = 10,
        on_reconnect: Callable[[Reconnection], Any] | None = None,
        **request: Any,
    ) -> None:
        if not hasattr(client, "build_request"):
            kind = type(client).__qualname__
            raise TypeError(f"client: expected a client of httpx or httpx2, got {kind}")
        self._client = client
        self._is_async = hasattr(client, "aclose")
        _expect_attempts(attempts)
        _expect_hook(on_reconnect, is_async=self._is_async)
        _expect_body_to_send_again(request)
        self._auth = {"auth": request.pop("auth")} if "auth" in request else {}
        self._redirects = client.max_redirects if request.pop("follow_redirects", True) else 0
        self._request = {
            **request,
            "method": method,
            "url": url,
            "headers": headers_for_events(request.get("headers")),
        }
        self._options: dict[str, Any] = {
            "max_event_size": max_event_size,
            "first_event_timeout": first_event_timeout,
            "idle_timeout": idle_timeout,
        }
        # Made here too, since what is wrong with either is the caller's fault.
        iter_events((), last_event_id=last_event_id, **self._options)
        first = client.build_request(**self._request)
        self._last_event_id = last_event_id or first.headers.get("last-event-id", "")
        ask_from(first, self._last_event_id)
        self._on_reconnect = on_reconnect
        self._patience = Patience(attempts)
        self._due = 0.0
        self._retry: int | None = None
        self._stream: EventStream | None = None
        self._error: Exception | None = None
        self._closing = threading.Event()
        # Held by the thread that reads or closes the stream: two at once would be too many.
        self._turn = threading.Lock()
        # Around what a task waits for.
        self._scope: anyio.CancelScope | None = None

    @property
    def state(self) -> Literal["connecting", "open", "closed"]:
        """What it is at: "connecting", also while it waits for that; "open"; or "closed".

        Source: WHATWG HTML 9.2.2, `readyState`.
        """
        if self._closing.is_set():
            return "closed"
        stream = self._stream
        if stream is None:
            return "connecting"
        source = source_of(stream.response)
        return "open" if is_event_stream(source.status, source.headers) else "connecting"

    @property
    def last_event_id(self) -> str:
        """The last event ID of what was yielded: where it goes on after this connection."""
        stream = self._stream
        return self._last_event_id if stream is None else stream.last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in ms that the stream set last, None before."""
        stream = self._stream
        here = None if stream is None else stream.retry
        return self._retry if here is None else here

    @property
    def stream(self) -> EventStream | None:
        """The stream of the last connection, with its `response` and stamps; None between two."""
        return self._stream

    def __iter__(self) -> Iterator[ServerSentEvent]:
        self._expect_client(is_async=False)
        while not self._is_over():
            event = error = None
            try:
                event = self._next()
            except Exception as caught:
                error = caught
            if event is not None:
                self._patience.event_came()
                yield event
                yield from self._rest()
            elif (again := self._lost(error)) is not None and self._on_reconnect is not None:
                self._on_reconnect(again)
        self.close()

    async def __aiter__(self) -> AsyncGenerator[ServerSentEvent]:
        self._expect_client(is_async=True)
        while not self._is_over():
            event = error = None
            try:
                with anyio.CancelScope() as self._scope:
                    event = await self._anext()
            except Exception as caught:
                error = caught
            if event is not None:
                self._patience.event_came()
                yield event
                for event in self._rest():
                    yield event
            elif (again := self._lost(error)) is not None and self._on_reconnect is not None:
                told = self._on_reconnect(again)
                if isawaitable(told):
                    await told
        await self.aclose()

    def __enter__(self) -> Self:
        self._expect_client(is_async=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        self._expect_client(is_async=True)
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
        self._closing.set()
        stream = self._stream
        if stream is None:
            return
        if self._turn.acquire(blocking=False):
            try:
                stream.close()
            finally:
                self._turn.release()
            return
        # Its thread reads, and closes it when that is over.
        sock = source_of(stream.response).socket()
        if sock is not None:
            with sock, suppress(OSError):
                # One that ended meanwhile may have given its connection to somebody else.
                if not stream.response.is_closed:
                    sock.shutdown(socket.SHUT_RDWR)

    async def aclose(self) -> None:
        """End it, from any task, whatever it is at; closing again does nothing."""
        self._expect_client(is_async=True)
        self._closing.set()
        stream = self._stream
        if self._scope is not None:
            self._scope.cancel()
        if stream is not None:
            await stream.aclose()

    def _next(self) -> ServerSentEvent | None:
        """The next event; None where the connection ended, or it is closed."""
        if self._stream is None and self._closing.wait(self._wait_left()):
            return None
        stream = self._stream or self._connect()
        event = None
        with self._turn:
            try:
                if not self._closing.is_set():
                    event = next(stream, None)
            finally:
                if event is None:
                    self._forget()
                    with suppress(Exception):
                        stream.close()
        return event

    async def _anext(self) -> ServerSentEvent | None:
        """The same, in a scope that `aclose` cancels."""
        if self._stream is None:
            await anyio.sleep(self._wait_left())
        stream = self._stream or await self._aconnect()
        event = None
        try:
            if not self._closing.is_set():
                event = await anext(stream, None)
        finally:
            if event is None:
                self._forget()
                with suppress(Exception), anyio.CancelScope(shield=True):
                    await stream.aclose()
        return event

    def _rest(self) -> Iterator[ServerSentEvent]:
        """Those that came with the last event, which are not waited for."""
        while self._stream is not None and not self._closing.is_set():
            event = next(self._stream.ready, None)
            if event is None:
                return
            yield event

    def _connect(self) -> EventStream:
        route = self._route()
        while route.goes_on(response := self._client.send(route.request, **route.options)):
            response.close()
        return self._open(response)

    async def _aconnect(self) -> EventStream:
        route = self._route()
        while route.goes_on(response := await self._client.send(route.request, **route.options)):
            await response.aclose()
        return self._open(response)

    def _route(self) -> Route:
        request = self._client.build_request(**self._request)
        ask_from(request, self._last_event_id)
        return Route(request, self._auth, self._redirects)

    def _open(self, response: Any) -> EventStream:
        stream = iter_events(response, last_event_id=self._last_event_id, **self._options)
        self._stream = stream
        if response.status_code == NO_MORE:
            self._closing.set()
        return stream

    def _forget(self) -> None:
        """Let go of the stream, but for what the next one goes on from."""
        self._last_event_id, self._retry = self.last_event_id, self.retry
        self._stream = None
        # For a reader that was cancelled and goes on; any other learns a time of its own.
        self._due = time.monotonic() + interval_of(self._retry)

    def _lost(self, error: Exception | None) -> Reconnection | None:
        """What comes now; None if it is closed."""
        if self._closing.is_set():
            return None
        try:
            again = self._patience.lost(error, self._retry, self._last_event_id)
        except Exception as final:
            self._error = final
            self._closing.set()
            raise
        self._due = time.monotonic() + again.wait
        return again

    def _wait_left(self) -> float:
        return max(0.0, self._due - time.monotonic())

    def _is_over(self) -> bool:
        if self._error is not None:
            raise self._error
        return self._closing.is_set()

    def _expect_client(self, *, is_async: bool) -> None:
        if self._is_async != is_async:
            kind = type(self._client).__qualname__
            use = (
                "asynchronous: use `async for`, `async with` and aclose()"
                if self._is_async
                else "synchronous: use `for`, `with` and close()"
            )
            raise TypeError(f"{kind} is {use}")


def _expect_attempts(attempts: int | None) -> None:
    if attempts is None:
        return
    if isinstance(attempts, bool) or not isinstance(attempts, int):
        kind = type(attempts).__qualname__
        raise TypeError(f"attempts: expected an int or None, got {kind}")
    if attempts < 1:
        raise ValueError(f"attempts: expected 1 or more, or None, got {attempts}")


def _expect_hook(hook: Any, *, is_async: bool) -> None:
    if hook is not None and not callable(hook):
        kind = type(hook).__qualname__
        raise TypeError(f"on_reconnect: expected a function or None, got {kind}")
    if iscoroutinefunction(hook) and not is_async:
        raise TypeError("on_reconnect: expected a plain function, since the client is synchronous")


def _expect_body_to_send_again(request: dict[str, Any]) -> None:
    if request.get("files"):
        raise TypeError("files: expected a body that can be sent again: pass content")
    for name in ("content", "data"):
        body = request.get(name)
        if hasattr(body, "__next__") or hasattr(body, "__anext__"):
            kind = type(body).__qualname__
            raise TypeError(f"{name}: expected a body that can be sent again, got {kind}")
