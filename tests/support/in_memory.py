"""The scripted server without sockets, and without waiting: under httpx's pool, in memory.

It plays the acts of `llm_server` on a clock that jumps. What httpx sees is a network of hosts, one
for each server, by way of the backends that httpcore takes.
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.lowlevel
import httpcore
import httpx
from clock import Clock, run_on
from llm_calling import Way
from llm_server import END, Act, Request, Step

_hosts: dict[str, "Played | None"] = {}
"""By name; those that are None accept no connection and refuse none."""
_numbers = itertools.count(1)
_clock = Clock()


class Played:
    """A server whose requests get one act each, the last one again and again.

    Attributes:
        requests: in order, with the times of the test's clock.
        ports: of the clients whose connections are open.
        is_idle: whether the last act came to the end of its answer.
    """

    def __init__(self, acts: tuple[Act, ...]) -> None:
        self.requests: list[Request] = []
        self.ports: set[int] = set()
        self.is_idle = True
        self.host = f"server-{next(_numbers)}"
        self.url = f"http://{self.host}"
        self._acts = acts

    def settles(self, count: int) -> bool:
        return len(self.ports) == count

    def was_asked(self, times: int) -> bool:
        return len(self.requests) == times

    def act_for(self, request: Request) -> Act:
        act = self._acts[min(len(self.requests), len(self._acts) - 1)]
        self.requests.append(request)
        self.is_idle = act[-1] == END
        return act


class Connection(httpcore.AsyncNetworkStream):
    """The client's end; it plays the server's acts as it is read."""

    def __init__(self, server: Played) -> None:
        self._server = server
        self._port = next(_numbers)
        self._sent = b""
        self._unread = memoryview(b"")
        self._steps: Iterator[bytes | float | Step] = iter(())
        # When the server takes its next step: it does not wait for who reads.
        self._due = _clock.now
        self._closed = anyio.Event()
        server.ports.add(self._port)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._sent += buffer
        while (request := self._next_request()) is not None:
            self._due = _clock.now
            self._steps = iter(self._server.act_for(request))

    def _next_request(self) -> Request | None:
        top, blank, rest = self._sent.partition(b"\r\n\r\n")
        first, *lines = top.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        size = int(headers.get("content-length", 0))
        if not blank or len(rest) < size:
            return None
        self._sent = rest[size:]
        return Request(first.split()[1], headers, rest[:size], self._port, _clock.now)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        with anyio.move_on_after(timeout):
            # A read lets others run, as one of a socket does.
            await anyio.lowlevel.checkpoint()
            while not self._unread:
                step = next(self._steps, Step.STALL)
                if isinstance(step, bytes):
                    self._unread = memoryview(step)
                elif step is Step.RESET:
                    raise httpcore.ReadError("reset")
                elif step is Step.FIN:
                    return b""
                elif step is Step.STALL:
                    await self._closed.wait()
                    raise httpcore.ReadError("closed")
                else:
                    self._due += step
                    await anyio.sleep(max(0.0, self._due - _clock.now))
            found, self._unread = self._unread[:max_bytes], self._unread[max_bytes:]
            return bytes(found)
        raise httpcore.ReadTimeout

    async def aclose(self) -> None:
        self._closed.set()
        self._server.ports.discard(self._port)

    def get_extra_info(self, info: str) -> Any:
        return False if info == "is_readable" else None


class Network(httpcore.AsyncNetworkBackend):
    """Hosts that are servers of this module; no other accepts a connection."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if host not in _hosts:
            raise httpcore.ConnectError(f"no server is called {host}")
        server = _hosts[host]
        if server is None:
            await anyio.sleep(float("inf") if timeout is None else timeout)
            raise httpcore.ConnectTimeout
        return Connection(server)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def make(*, verify: bool = False, limits: Any = None, **settings: Any) -> httpx.AsyncClient:
    """An `httpx.AsyncClient` whose connections lead to the servers of this module."""
    limits = limits or httpx.Limits()
    transport = httpx.AsyncHTTPTransport(verify=verify)
    transport._pool = httpcore.AsyncConnectionPool(
        max_connections=limits.max_connections, network_backend=Network()
    )
    return httpx.AsyncClient(transport=transport, **settings)


@contextmanager
def scripted(*acts: Act) -> Iterator[Played]:
    server = Played(acts)
    _hosts[server.host] = server
    try:
        yield server
    finally:
        del _hosts[server.host]


@contextmanager
def deaf() -> Iterator[str]:
    _hosts["deaf"] = None
    yield "http://deaf"
    del _hosts["deaf"]


MEMORY = Way(
    httpx,
    make,
    lambda main: run_on(_clock, main),
    scripted=scripted,
    deaf=deaf,
    refusing_url=lambda: "http://nowhere",
)
