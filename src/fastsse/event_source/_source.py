"""`EventSource`: sends the requests of a `Machine` and waits for it, sync or async."""

import threading
from collections.abc import Callable
from contextlib import suppress
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Literal, Self

import anyio

from .._arguments import DEFAULT_MAX_EVENT_SIZE, expect, expect_attempts, expect_seconds
from .._http import HttpClient, without_secrets
from .._parser import ServerSentEvent
from .._stream import EventStream, StreamStats
from ._machine import Machine
from ._policy import Reconnection, ReconnectPolicy
from ._request import EventsRequest


class EventSource:
    """The events of a URL, for one loop, over any number of connections.

    It connects when the first event is requested: with `for` over a synchronous client, with
    `async for` over an asynchronous one. It reconnects when the stream ends, breaks or stalls, and
    after 408, 429 and 5xx, and requests the events after the last one. 204 and 205 end it. Other
    responses raise `ResponseError`. `EventTooLargeError` is raised too, because a retry cannot
    help. When no attempt is left, the last error is raised, or `ReconnectError` if there was none.
    Redirects are followed; headers that may be credentials are not sent to another origin.

    Before it reconnects, it waits for the longest of 100 ms, the stream's `retry` (or 1 s) and the
    response's `Retry-After`, plus a random part of a time that doubles with each attempt, up to
    30 s. Attempts and that time count from the last connection that made progress: one that was
    open for `reset_after` seconds, or set a new event ID. If a server sets a wait of more than an
    hour, `ReconnectError` is raised.

    A stalled connection is dropped after `idle_timeout`, or after the client's own read timeout,
    which is 5 s in httpx: set one of them to more than the longest pause of the stream.

    Args:
        client: a client of httpx or httpx2, sync or async; it stays open.
        method: of the request, such as "GET".
        url: of the request.
        last_event_id: the ID to resume after: `last_event_id` of an earlier source. A header
            `Last-Event-ID` does the same.
        max_event_size: the most bytes that an event may have (see `Parser`); None for no limit.
        first_event_timeout: seconds until the first event of each connection; None for no limit.
        idle_timeout: seconds that a wait for bytes may take, on each connection; None for no limit.
        total_timeout: seconds for all connections and the waits between them; None for no limit.
            With `for`, only the client's own timeouts end a wait for a response's headers.
        attempts: connections in a row without progress; None for no limit.
        reset_after: seconds after which an open connection counts as progress; None for never.
        on_reconnect: called with a `Reconnection` before each wait; it may be a coroutine function
            if the client is async.
        request: further arguments of the client's request: `headers`, `params`, `cookies`,
            `content`, `data`, `json`, `auth`, `timeout`, `extensions`, `follow_redirects`. The
            body is sent with each request, so it must not be an iterator.

    Raises:
        TypeError: the client is not of httpx or httpx2, or an argument is unknown or has the wrong
            type.
        ValueError: a timeout, a size or `attempts` is 0 or negative.

    Source: WHATWG HTML 9.2.2 and 9.2.3.
    """

    def __init__(
        self,
        client: HttpClient,
        method: str,
        url: object,
        *,
        last_event_id: str = "",
        max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE,
        first_event_timeout: float | None = None,
        idle_timeout: float | None = None,
        total_timeout: float | None = None,
        attempts: int | None = 10,
        reset_after: float | None = 60.0,
        on_reconnect: Callable[[Reconnection], Any] | None = None,
        **request: object,
    ) -> None:
        if not hasattr(client, "build_request"):
            kind = type(client).__qualname__
            raise TypeError(f"client: expected a client of httpx or httpx2, got {kind}")
        if attempts is not None:
            expect_attempts("attempts", attempts)
        self._client: Any = client
        self._is_async = hasattr(client, "aclose")
        _expect_hook(on_reconnect, is_async=self._is_async)
        self._on_reconnect = on_reconnect
        self._request = EventsRequest(client, method, url, request)
        self._name = f"{method} {without_secrets(str(url))}"
        self._machine = Machine(
            ReconnectPolicy(attempts, expect_seconds("reset_after", reset_after)),
            (first_event_timeout, idle_timeout, total_timeout),
            max_event_size,
            expect("last_event_id", last_event_id, str) or self._request.given_last_event_id,
        )
        # Built here too, because an ID that cannot be encoded must be reported at once.
        self._request.new(self._machine.last_event_id)
        # Set by `close`: ends a wait for the next connection.
        self._closing = threading.Event()
        # The scope of a task's wait; cancelled by `aclose`.
        self._scope: anyio.CancelScope | None = None

    def __repr__(self) -> str:
        return f"<EventSource of {self._name}, {self.state}>"

    @property
    def state(self) -> Literal["connecting", "open", "closed"]:
        """ "connecting", also during the wait before a connection; "open"; or "closed".

        Source: WHATWG HTML 9.2.2, `readyState`.
        """
        if self._machine.is_closed:
            return "closed"
        return "open" if self._machine.is_open else "connecting"

    @property
    def last_event_id(self) -> str:
        """The last event ID of the events yielded: the next connection resumes after it."""
        return self._machine.last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in ms that the stream set last; None before."""
        return self._machine.retry

    @property
    def received_at_ns(self) -> int:
        """When the chunk that completed the event last yielded was received; 0 before the first.

        In nanoseconds of `time.perf_counter_ns()`, taken before the chunk was parsed.
        """
        return self._machine.received_at_ns

    @property
    def stats(self) -> StreamStats:
        """The totals of all connections; `elapsed` includes the waits."""
        return self._machine.stats

    @property
    def stream(self) -> EventStream | None:
        """The stream of the open connection, with its `response`; None without one."""
        return self._machine.stream

    def __iter__(self) -> Self:
        self._expect_client(is_async=False)
        return self

    def __next__(self) -> ServerSentEvent:
        self._expect_client(is_async=False)
        machine = self._machine
        machine.begin()
        while not machine.is_closed:
            event = machine.ready()
            if event is not None:
                return event
            error = None
            try:
                event = self._receive()
            except Exception as caught:
                error = caught
            if event is not None:
                return event
            planned = machine.reconnection(error)
            if planned is not None and self._on_reconnect is not None:
                self._on_reconnect(planned)
        self.close()
        raise StopIteration

    def __aiter__(self) -> Self:
        self._expect_client(is_async=True)
        return self

    async def __anext__(self) -> ServerSentEvent:
        self._expect_client(is_async=True)
        machine = self._machine
        machine.begin()
        while not machine.is_closed:
            event = machine.ready()
            if event is not None:
                return event
            error = None
            try:
                with anyio.CancelScope() as self._scope:
                    event = await self._areceive()
            except Exception as caught:
                error = caught
            if event is not None:
                return event
            planned = machine.reconnection(error)
            if planned is not None and self._on_reconnect is not None:
                result = self._on_reconnect(planned)
                if isawaitable(result):
                    with anyio.move_on_after(machine.total_left()) as self._scope:
                        await result
        await self.aclose()
        raise StopAsyncIteration

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
        """Close the source, from any thread; closing again does nothing.

        If a thread waits for an event, or to reconnect, its wait and its loop end at once. If it
        waits for a response's headers, or for an event over HTTP/2, its loop ends after that wait.
        """
        self._expect_client(is_async=False)
        self._machine.close()
        self._closing.set()
        stream = self._machine.stream
        if stream is not None:
            stream.close()

    async def aclose(self) -> None:
        """Close the source, from any task, and end its loop; closing again does nothing."""
        self._expect_client(is_async=True)
        self._machine.close()
        stream = self._machine.stream
        if self._scope is not None:
            self._scope.cancel()
        if stream is not None:
            await stream.aclose()

    def _receive(self) -> ServerSentEvent | None:
        """The next event; None if the connection ended, or the source is closed."""
        machine = self._machine
        if machine.stream is None:
            self._wait()
            if machine.is_closed:
                return None
        stream = machine.stream or self._connect()
        event = None
        try:
            if not machine.is_closed:
                event = next(stream, None)
        finally:
            if event is None:
                machine.end_connection()
                with suppress(Exception):
                    stream.close()
        return event

    async def _areceive(self) -> ServerSentEvent | None:
        """The same as `_receive`, in a scope that `aclose` cancels."""
        machine = self._machine
        if machine.stream is None:
            with anyio.move_on_after(machine.total_left()):
                await anyio.sleep(machine.wait_left())
                await self._aconnect()
        stream = machine.stream
        if stream is None:
            machine.expire()
        event = None
        try:
            if not machine.is_closed:
                event = await anext(stream, None)
        finally:
            if event is None:
                machine.end_connection()
                with suppress(Exception), anyio.CancelScope(shield=True):
                    await stream.aclose()
        return event

    def _wait(self) -> None:
        machine = self._machine
        self._closing.wait(min(machine.wait_left(), machine.total_left()))
        if machine.total_left() <= 0 and not machine.is_closed:
            machine.expire()

    def _connect(self) -> EventStream:
        machine = self._machine
        machine.begin_connecting()
        hops = self._request.new(machine.last_event_id)
        while hops.follow(response := self._client.send(hops.request, **hops.options)):
            response.close()
        return machine.open_stream(response)

    async def _aconnect(self) -> None:
        machine = self._machine
        machine.begin_connecting()
        hops = self._request.new(machine.last_event_id)
        while hops.follow(response := await self._client.send(hops.request, **hops.options)):
            await response.aclose()
        machine.open_stream(response)

    def _expect_client(self, *, is_async: bool) -> None:
        if self._is_async != is_async:
            kind = type(self._client).__qualname__
            use = (
                "asynchronous: use `async for`, `async with` and aclose()"
                if self._is_async
                else "synchronous: use `for`, `with` and close()"
            )
            raise TypeError(f"{kind} is {use}")


def _expect_hook(hook: Any, *, is_async: bool) -> None:
    if hook is not None and not callable(hook):
        kind = type(hook).__qualname__
        raise TypeError(f"on_reconnect: expected a function or None, got {kind}")
    if iscoroutinefunction(hook) and not is_async:
        raise TypeError("on_reconnect: expected a plain function, since the client is synchronous")
