"""A server with scripted responses, and how tests read it with `EventSource`."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import anyio
from reading import LOOPS, connections_of

from fastsse.event_source import EventSource, Reconnection

# What ends early does so long before this, and what it leaves would take longer.
SOON = 5.0
LONG = 60_000

GONE = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class Held(bytes):
    """An answer after which the connection stays open."""


def stream(*blocks: str, retry: int | None = 1) -> bytes:
    """An answer that ends with its connection; the shortest wait follows unless told."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    first = "" if retry is None else f"retry: {retry}\n\n"
    return (head + first + "".join(blocks)).encode()


def event(number: int) -> str:
    return f"id: {number}\ndata: {number}\n\n"


def status(code: int, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {code} Whatever", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "Connection: close", "", body]).encode()


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    target: str
    headers: list[tuple[str, bytes]]
    body: bytes
    at: float

    def header(self, name: str) -> bytes | None:
        values = [value for found, value in self.headers if found == name]
        assert len(values) < 2, values
        return values[0] if values else None


class Server:
    """Gives each connection the next answer, and those after the last the last again."""

    def __init__(self, listener: socket.socket, answers: tuple[bytes, ...]) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.answers = answers
        self.asked: list[Asked] = []
        self.ended: list[float] = []
        self.arrival = threading.Semaphore(0)
        self._listener = listener
        self._held: list[socket.socket] = []
        self._is_over = False

    def serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._is_over:
                connection.close()
                break
            with suppress(OSError):
                self._answer(connection)
            self.ended.append(time.monotonic())
        for connection in self._held:
            connection.close()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            first = file.readline().decode()
            if not first:
                return
            headers = []
            while (line := file.readline().strip(b"\r\n")) != b"":
                name, _, value = line.partition(b":")
                headers.append((name.decode().lower(), value.strip(b" ")))
            body = file.read(int(dict(headers).get("content-length", 0)))
            answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
            method, target, _ = first.split()
            self.asked.append(Asked(method, target, headers, body, time.monotonic()))
            connection.sendall(answer)
            if isinstance(answer, Held):
                self._held.append(connection.dup())
        self.arrival.release()

    def end(self) -> None:
        # Not by a shutdown of the listener, which not every system has.
        self._is_over = True
        socket.create_connection(self._listener.getsockname()).close()

    @property
    def last_event_ids(self) -> list[bytes | None]:
        return [asked.header("last-event-id") for asked in self.asked]


@contextmanager
def serving(*answers: bytes) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener, answers)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            server.end()
            thread.join()


class Read(NamedTuple):
    """What came of reading a source to its end, or to its error."""

    data: list[str]
    error: Exception | None
    again: list[Reconnection]
    source: EventSource
    connections: int


class Way(NamedTuple):
    """One client library in one way of waiting."""

    library: Any
    way: str

    def read(
        self,
        url: str,
        method: str = "GET",
        client: Any = None,
        most: int | None = None,
        **options: Any,
    ) -> Read:
        """Read to the end, or until so many events came."""
        settings = {"timeout": 20, "verify": False} | (client or {})
        if self.way == "sync":
            return self._read(settings, method, url, most, options)
        return LOOPS[self.way](lambda: self._aread(settings, method, url, most, options))

    def _read(self, settings: Any, method: str, url: str, most: int | None, options: Any) -> Read:
        data: list[str] = []
        again: list[Reconnection] = []
        error = None
        with self.library.Client(**settings) as client:
            source = EventSource(client, method, url, on_reconnect=again.append, **options)
            try:
                for event in source:
                    data.append(event.data)
                    if len(data) == most:
                        source.close()
            except Exception as caught:
                error = caught
            return Read(data, error, again, source, connections_of(client))

    async def _aread(
        self, settings: Any, method: str, url: str, most: int | None, options: Any
    ) -> Read:
        data: list[str] = []
        again: list[Reconnection] = []
        error = None
        async with self.library.AsyncClient(**settings) as client:
            source = EventSource(client, method, url, on_reconnect=again.append, **options)
            try:
                async for event in source:
                    data.append(event.data)
                    if len(data) == most:
                        await source.aclose()
            except Exception as caught:
                error = caught
            return Read(data, error, again, source, connections_of(client))


def expect_end(read: Read, data: list[str]) -> None:
    assert read.error is None
    assert read.data == data
    assert read.source.state == "closed"
    assert read.connections == 0


@contextmanager
def soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SOON


# What a source is at, after event 1: waiting for LONG, for more events, or for headers.
WAITING = stream(event(1), retry=LONG)
SILENT = Held(stream(event(1)))
MUTE = Held(b"")


async def started(server: Server) -> None:
    """Until it has answered once more, and the client has had the time to read that."""
    await anyio.to_thread.run_sync(server.arrival.acquire)
    await anyio.sleep(0.1)
