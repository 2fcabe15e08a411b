"""How each client opens a streamed response: what its users write, in one function each."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import httpx
import httpx2
import httpx_aiohttp
import niquests
import openai
import pyreqwest.client
import requests
import urllib3

import fastsse

# How long each client waits for bytes.
SECONDS = 30.0
# The data of the server's `/events?n=5`.
EVENTS = [f"event {number} ü" for number in range(5)]
# Of each protocol, the fixture with the URL of a server that speaks it.
PROTOCOLS = {"HTTP/1.1": "url", "HTTP/1.1 over TLS": "tls_url", "HTTP/2 over TLS": "http2_tls_url"}
PYREQWEST = ("pyreqwest", False)


@contextmanager
def open_httpx(library: Any, url: str, authority: Path, http2: bool) -> Iterator[Any]:
    context = ssl.create_default_context(cafile=authority)
    with (
        library.Client(verify=context, http1=not http2, http2=http2, timeout=SECONDS) as client,
        client.stream("GET", url) as response,
    ):
        yield response


@asynccontextmanager
async def aopen_httpx(library: Any, url: str, authority: Path, http2: bool) -> AsyncIterator[Any]:
    context = ssl.create_default_context(cafile=authority)
    client = library.AsyncClient(verify=context, http1=not http2, http2=http2, timeout=SECONDS)
    async with client, client.stream("GET", url) as response:
        yield response


@asynccontextmanager
async def aopen_httpx_aiohttp(
    library: Any, url: str, authority: Path, http2: bool
) -> AsyncIterator[Any]:
    context = ssl.create_default_context(cafile=authority)
    # The transport is for httpx alone; the SDK brings a copy of it that is for httpx2.
    make = openai.DefaultAioHttpClient if library is httpx2 else httpx_aiohttp.HttpxAiohttpClient
    client = make(verify=context, timeout=SECONDS)
    async with client, client.stream("GET", url) as response:
        assert isinstance(client, library.AsyncClient)
        yield response
    await _parted(url)


@asynccontextmanager
async def aopen_aiohttp(library: Any, url: str, authority: Path, http2: bool) -> AsyncIterator[Any]:
    context = ssl.create_default_context(cafile=authority)
    async with (
        library.ClientSession(timeout=library.ClientTimeout(sock_read=SECONDS)) as session,
        session.get(url, ssl=context) as response,
    ):
        yield response
    await _parted(url)


async def _parted(url: str) -> None:
    # aiohttp does not wait until TLS took its leave, and says that its users should.
    await asyncio.sleep(0.05 if url.startswith("https") else 0)


@contextmanager
def open_requests(library: Any, url: str, authority: Path, http2: bool) -> Iterator[Any]:
    with (
        library.Session() as session,
        session.get(url, stream=True, verify=str(authority), timeout=SECONDS) as response,
    ):
        yield response


@contextmanager
def open_niquests(library: Any, url: str, authority: Path, http2: bool) -> Iterator[Any]:
    with (
        library.Session(
            disable_http1=http2, disable_http2=not http2, disable_http3=True
        ) as session,
        session.get(url, stream=True, verify=str(authority), timeout=SECONDS) as response,
    ):
        yield response


@asynccontextmanager
async def aopen_niquests(
    library: Any, url: str, authority: Path, http2: bool
) -> AsyncIterator[Any]:
    async with library.AsyncSession(
        disable_http1=http2, disable_http2=not http2, disable_http3=True
    ) as session:
        response = await session.get(url, stream=True, verify=str(authority), timeout=SECONDS)
        async with response:
            yield response


@contextmanager
def open_urllib3(library: Any, url: str, authority: Path, http2: bool) -> Iterator[Any]:
    with library.PoolManager(ca_certs=str(authority), timeout=SECONDS) as pool:
        headers = {"accept-encoding": "gzip, deflate, br, zstd"}
        response = pool.request("GET", url, headers=headers, preload_content=False)
        try:
            yield response
        finally:
            response.close()


@contextmanager
def open_pyreqwest(library: Any, url: str, authority: Path, http2: bool) -> Iterator[Any]:
    builder = _built(library.SyncClientBuilder(), authority, http2)
    with builder.build() as client, _request(client, url) as response:
        yield response


@asynccontextmanager
async def aopen_pyreqwest(
    library: Any, url: str, authority: Path, http2: bool
) -> AsyncIterator[Any]:
    builder = _built(library.ClientBuilder(), authority, http2)
    async with builder.build() as client, _request(client, url) as response:
        yield response


def _request(client: Any, url: str) -> Any:
    # Else it gives the response when it has read 64 KiB of it, or all.
    return client.get(url).streamed_read_buffer_limit(0).build_streamed()


def _built(builder: Any, authority: Path, http2: bool) -> Any:
    builder = builder.add_root_certificate_pem(authority.read_bytes())
    builder = builder.read_timeout(timedelta(seconds=SECONDS))
    return builder.http2_prior_knowledge() if http2 else builder.http1_only()


# The client, how it opens a response, and whether it speaks HTTP/2.
SYNC: dict[str, tuple[Any, Any, bool]] = {
    "httpx": (httpx, open_httpx, True),
    "httpx2": (httpx2, open_httpx, True),
    "requests": (requests, open_requests, False),
    "niquests": (niquests, open_niquests, True),
    "urllib3": (urllib3, open_urllib3, False),
    "pyreqwest": (pyreqwest.client, open_pyreqwest, True),
}
ASYNC: dict[str, tuple[Any, Any, bool]] = {
    "httpx": (httpx, aopen_httpx, True),
    "httpx2": (httpx2, aopen_httpx, True),
    "httpx over aiohttp": (httpx, aopen_httpx_aiohttp, False),
    "httpx2 over aiohttp": (httpx2, aopen_httpx_aiohttp, False),
    "aiohttp": (aiohttp, aopen_aiohttp, False),
    "niquests": (niquests, aopen_niquests, True),
    "pyreqwest": (pyreqwest.client, aopen_pyreqwest, True),
}


class Read(NamedTuple):
    """What came of reading a stream to its end, or to its error."""

    events: list[fastsse.ServerSentEvent]
    error: Exception | None
    seconds: float
    stream: fastsse.EventStream

    @property
    def data(self) -> list[str]:
        return [event.data for event in self.events]


class Opener(NamedTuple):
    """One client in one of its two ways."""

    client: str
    is_async: bool
    authority: Path

    def opened(self, url: str, *, http2: bool = False) -> Any:
        """The response, in a context manager of the way's kind."""
        library, opening, _ = (ASYNC if self.is_async else SYNC)[self.client]
        return opening(library, url, self.authority, http2)

    def read(self, url: str, *, http2: bool = False, pause: float = 0, **options: Any) -> Read:
        """Read it all, after a pause."""
        opened = self.opened(url, http2=http2)
        if self.is_async:
            return asyncio.run(_aread(opened, pause, options))
        events: list[fastsse.ServerSentEvent] = []
        error = None
        with opened as response:
            time.sleep(pause)
            began = time.perf_counter()
            stream = fastsse.iter_events(response, **options)
            try:
                events.extend(stream)
            except Exception as caught:
                error = caught
            return Read(events, error, time.perf_counter() - began, stream)


async def _aread(opened: Any, pause: float, options: dict[str, Any]) -> Read:
    events: list[fastsse.ServerSentEvent] = []
    error = None
    async with opened as response:
        await asyncio.sleep(pause)
        began = time.perf_counter()
        stream = fastsse.iter_events(response, **options)
        try:
            async for event in stream:
                events.append(event)
        except Exception as caught:
            error = caught
        return Read(events, error, time.perf_counter() - began, stream)
