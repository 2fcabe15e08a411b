"""The HTTP clients, and how a stream of events is read over each: ours, theirs, or not at all."""

import asyncio
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from time import process_time_ns
from typing import Any

from fastsse import iter_events

DEADLINES = {"first_event_timeout": 30, "idle_timeout": 30, "total_timeout": 3600}


def ours(response: Any) -> Any:
    return iter_events(response)


def ours_with_deadlines(response: Any) -> Any:
    return iter_events(response, **DEADLINES)


class Client:
    """One client; making it raises ImportError where it is not installed."""

    name: str
    module = "httpx"
    kind: str
    # The parser that the client's users have now, and the client under which they have it.
    peer = "httpx_sse"
    peer_over = "httpx"

    def __init__(self, url: str) -> None:
        self._library: Any = import_module(self.module)
        self._peer: Any = import_module(self.peer)
        kind = getattr(self._library, self.kind)
        self._open = partial(kind, base_url=url, timeout=60, trust_env=False)
        self._client = self._open()
        self.versions = {name: version(name.replace("_", "-")) for name in (self.module, self.peer)}

    def close(self) -> None:
        raise NotImplementedError

    def theirs(self, response: Any) -> Any:
        """The events as the peer's documentation reads them."""
        raise NotImplementedError

    def read(self, events: Callable[[Any], Any], path: str) -> None:
        """What is measured: each event's data is looked at."""
        raise NotImplementedError

    def drain(self, path: str) -> None:
        """The client's own part of that: each chunk is taken, and nothing is made of it."""
        raise NotImplementedError

    def data(self, events: Callable[[Any], Any], path: str) -> list[str]:
        """The data of each event, to see that it is right."""
        raise NotImplementedError


class Httpx(Client):
    name = "httpx"
    kind = "AsyncClient"
    # One loop for all, as an application has: connections are kept from answer to answer.
    _runner = asyncio.Runner()

    def close(self) -> None:
        self._runner.run(self._client.aclose())

    def theirs(self, response: Any) -> Any:
        return self._peer.EventSource(response).aiter_sse()

    def read(self, events: Callable[[Any], Any], path: str) -> None:
        self._runner.run(self._read(events, path))

    def drain(self, path: str) -> None:
        self._runner.run(self._drain(path))

    def data(self, events: Callable[[Any], Any], path: str) -> list[str]:
        return self._runner.run(self._data(events, path))

    def crowd(self, events: Callable[[Any], Any], path: str, size: int, count: int) -> float:
        """CPU nanoseconds per event of that many answers at once, which are open already."""
        return self._runner.run(self._crowd(events, path, size, count))

    async def _read(self, events: Callable[[Any], Any], path: str) -> None:
        async with self._client.stream("GET", path) as response:
            async for event in events(response):
                event.data  # noqa: B018

    async def _drain(self, path: str) -> None:
        async with self._client.stream("GET", path) as response:
            async for _ in response.aiter_raw():
                pass

    async def _data(self, events: Callable[[Any], Any], path: str) -> list[str]:
        async with self._client.stream("GET", path) as response:
            return [event.data async for event in events(response)]

    async def _crowd(self, events: Callable[[Any], Any], path: str, size: int, count: int) -> float:
        async def start() -> Any:
            request = client.build_request("GET", path)
            return aiter(events(await client.send(request, stream=True)))

        async def take(stream: Any) -> None:
            left = count
            async for event in stream:
                event.data  # noqa: B018
                left -= 1
                # Before the end, where the client's pool looks at all of its connections.
                if not left:
                    return

        limits = self._library.Limits(max_connections=None)
        async with self._open(limits=limits) as client:
            streams = await asyncio.gather(*(start() for _ in range(size)))
            began = process_time_ns()
            await asyncio.gather(*map(take, streams))
            return (process_time_ns() - began) / size / count


class HttpxOverAiohttp(Httpx):
    name = "httpx-aiohttp"
    module = "httpx_aiohttp"
    kind = "HttpxAiohttpClient"


class BothOverAiohttp(HttpxOverAiohttp):
    """As well with httpx-sse over this transport, to tell the parser's part from its."""

    name = peer_over = "httpx-aiohttp, both"


class Httpx2(Httpx):
    name = module = peer = peer_over = "httpx2"

    def theirs(self, response: Any) -> Any:
        return self._peer.EventSource(response)


class HttpxSync(Client):
    name = peer_over = "httpx, sync"
    kind = "Client"

    def close(self) -> None:
        self._client.close()

    def theirs(self, response: Any) -> Any:
        return self._peer.EventSource(response).iter_sse()

    def read(self, events: Callable[[Any], Any], path: str) -> None:
        with self._client.stream("GET", path) as response:
            for event in events(response):
                event.data  # noqa: B018

    def drain(self, path: str) -> None:
        with self._client.stream("GET", path) as response:
            for _ in response.iter_raw():
                pass

    def data(self, events: Callable[[Any], Any], path: str) -> list[str]:
        with self._client.stream("GET", path) as response:
            return [event.data for event in events(response)]


CLIENTS = (Httpx, HttpxOverAiohttp, BothOverAiohttp, Httpx2, HttpxSync)
