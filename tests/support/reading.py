"""How adapter tests read a path of the test server: with each client, in each way of waiting.

A plugin of pytest too, with the fixtures for that; conftest loads it unless `--core` is given.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import httpx2
import pytest
import server
import trio
import trustme
from faulty_server import FaultyServer, serve_faults
from serving import serve

import fastsse

CLIENTS = {"httpx": httpx, "httpx2": httpx2}
LOOPS: dict[str, Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]] = {
    "asyncio": lambda main: asyncio.run(main()),
    "trio": lambda main: trio.run(main),
}
WAYS = ["sync", *LOOPS]
# After a break, trio finds the async generators of the client and ours where they stand.
DROPS = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
# The data of the server's `/events`.
EVENTS = ["event 0 ü", "event 1 ü", "event 2 ü"]
# A passed deadline is reported not before its time, and long before a machine would be stuck.
LATE = 2.0


class Read(NamedTuple):
    """What came of reading a path to its end, or to its error."""

    events: list[fastsse.ServerSentEvent]
    error: Exception | None
    seconds: float
    stream: fastsse.EventStream
    response: Any
    closed: bool
    """Whether the response was closed when the iteration ended, before its own `with` did."""
    connections: int
    """Those that the client's pool still holds in use after that."""

    @property
    def data(self) -> list[str]:
        return [event.data for event in self.events]


class Reader(NamedTuple):
    """One client library in one way of waiting, against one server."""

    library: Any
    way: str
    url: str

    def read(self, path: str, *, read_timeout: float = 30, **options: Any) -> Read:
        client: dict[str, Any] = {
            "base_url": self.url,
            "timeout": self.library.Timeout(30, read=read_timeout),
            # Certificates take longer to load than tests to run, and that of the server is its own.
            "verify": False,
        }
        if self.way == "sync":
            return self._read(path, client, options)
        return LOOPS[self.way](lambda: self._aread(path, client, options))

    def _read(self, path: str, settings: dict[str, Any], options: dict[str, Any]) -> Read:
        events: list[fastsse.ServerSentEvent] = []
        error = None
        with self.library.Client(**settings) as client:
            began = time.perf_counter()
            with client.stream("GET", path) as response:
                stream = fastsse.iter_events(response, **options)
                try:
                    events.extend(stream)
                except Exception as caught:
                    error = caught
                seconds = time.perf_counter() - began
                closed = response.is_closed
            connections = connections_of(client)
            return Read(events, error, seconds, stream, response, closed, connections)

    async def _aread(self, path: str, settings: dict[str, Any], options: dict[str, Any]) -> Read:
        events: list[fastsse.ServerSentEvent] = []
        error = None
        async with self.library.AsyncClient(**settings) as client:
            began = time.perf_counter()
            async with client.stream("GET", path) as response:
                stream = fastsse.iter_events(response, **options)
                try:
                    async for event in stream:
                        events.append(event)
                except Exception as caught:
                    error = caught
                seconds = time.perf_counter() - began
                closed = response.is_closed
            connections = connections_of(client)
            return Read(events, error, seconds, stream, response, closed, connections)


def connections_of(client: Any) -> int:
    """The connections that are in use; idle ones wait in the pool for the next request."""
    connections = client._transport._pool.connections
    return sum(not connection.is_idle() for connection in connections)


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with serve(server.app) as url:
        yield url


@pytest.fixture(scope="session")
def faulty() -> Iterator[FaultyServer]:
    with serve_faults() as server:
        yield server


@pytest.fixture(scope="session")
def http2_url() -> Iterator[str]:
    with server.serve_http2() as url:
        yield url


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys of a certificate for the loopback, and that of its authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "chain.pem"))
    return folder


@pytest.fixture(scope="session")
def tls_url(certificate: Path) -> Iterator[str]:
    keys = {"ssl_keyfile": certificate / "key.pem", "ssl_certfile": certificate / "chain.pem"}
    with serve(server.app, **keys) as url:
        yield url


@pytest.fixture(scope="session")
def http2_tls_url(certificate: Path) -> Iterator[str]:
    with server.serve_http2(certificate=certificate) as url:
        yield url


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=CLIENTS)
def library(request: pytest.FixtureRequest) -> Any:
    return CLIENTS[request.param]


@pytest.fixture
def reader(library: Any, way: str, url: str) -> Reader:
    return Reader(library, way, url)


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> Any:
    return LOOPS[request.param]
