"""How tests of the client of language models call a server, and what has to be left of a call."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import anyio
import anyio.lowlevel
import httpx
import httpx2
import httpx_aiohttp
import trio
from llm_server import (
    PATIENCE,
    WORDS,
    chat_chunk,
    deaf,
    refusing_url,
    scripted,
    whole,
)

from fastsse import StreamTimeout
from fastsse.llm import Answer, Client, Retry, Timeouts, TransportError

TEXT = "".join(WORDS)
KEY = "sk-secret-0123456789"
IDS = [11, 12, 13]
OVERLOADED = {"error": {"message": "overloaded", "type": "busy", "code": 17}}
BUSY = whole(503, OVERLOADED)
HALF = b"data: " + json.dumps(chat_chunk("half")).encode()[:30]
"""An event that is cut off."""
MESSAGES = [{"role": "user", "content": "Count to ten."}]
# Waits between attempts, and deadlines that must not pass.
QUICK = Retry(wait_initial=0.01, wait_max=0.02, wait_jitter=0.01)
LONG = Timeouts(connect=PATIENCE, first_event=PATIENCE, idle=PATIENCE)


class Way(NamedTuple):
    """One asynchronous client on one event loop, and the servers that it can reach."""

    library: Any
    make: Callable[..., Any]
    run: Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]
    on_trio: bool = False
    on_aiohttp: bool = False
    scripted: Callable[..., Any] = scripted
    deaf: Callable[[], Any] = deaf
    refusing_url: Callable[[], str] = refusing_url

    @asynccontextmanager
    async def client(self, url: str, **settings: Any) -> AsyncIterator[Client]:
        """A client over a pool of one connection, which one that is lost would block."""
        limits = self.library.Limits(max_connections=1)
        options = {"retry": QUICK, "model": "tiny"} | settings
        options["timeouts"] = options.get("timeouts", Timeouts()).inherit(LONG)
        async with self.make(verify=False, limits=limits) as http:
            yield Client(http, base_url=url, **options)


def on_asyncio(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(main())


WAYS = {
    "httpx": Way(httpx, httpx.AsyncClient, on_asyncio),
    "httpx2": Way(httpx2, httpx2.AsyncClient, on_asyncio),
    "httpx on trio": Way(httpx, httpx.AsyncClient, trio.run, on_trio=True),
    "httpx2 on trio": Way(httpx2, httpx2.AsyncClient, trio.run, on_trio=True),
    "httpx over aiohttp": Way(httpx, httpx_aiohttp.HttpxAiohttpClient, on_asyncio, on_aiohttp=True),
}


class Called(NamedTuple):
    """What came of a call that was read to its end, or to its error."""

    values: list[Any]
    error: Exception | None
    answer: Answer[Any, Any]

    @property
    def text(self) -> str:
        return "".join(value.text for value in self.values)


async def read(answer: Answer[Any, Any]) -> Called:
    """Read an answer, and see that nothing of it is left."""
    values: list[Any] = []
    error = None
    before = tasks_living()
    try:
        async with answer:
            async for value in answer:
                values.append(value)
    except Exception as caught:
        error = caught
    assert await tasks_settle(before)
    return Called(values, error, answer)


async def fetch(answer: Answer[Any, Any]) -> Called:
    """Await an answer, and see that nothing of it is left."""
    before = tasks_living()
    try:
        return Called([await answer], None, answer)
    except Exception as error:
        return Called([], error, answer)
    finally:
        assert await tasks_settle(before)


def answer_of(way: Way, server: Any, ask: Any, how: Any = read, **settings: Any) -> Any:
    """What comes of one call, which `ask` makes of a client."""

    async def main() -> Any:
        async with way.client(server.url, **settings) as client:
            return await how(ask(client))

    return way.run(main)


def chat(client: Client) -> Any:
    return client.chat(MESSAGES)


def call(way: Way, server: Any, **settings: Any) -> Called:
    """Ask for a chat, read it, and see that nothing of it is left, at the server neither."""

    async def main() -> Called:
        url = server if isinstance(server, str) else server.url
        options = {
            name: settings.pop(name) for name in ("on_error", "require_end") & settings.keys()
        }
        async with way.client(url, **settings) as client:
            called = await read(client.chat(MESSAGES, **options))
            if called.error is not None:
                expect_nothing_open(client, server)
            return called

    return way.run(main)


def expect_nothing_open(client: Client, server: Any) -> None:
    """No connection is in use, and the server has no other than those that wait in the pool."""
    in_use, idle = connections_of(client._http)
    assert in_use == 0
    if not isinstance(server, str):
        assert server.settles(idle)
        # One whose answer did not come to its end is of no use.
        assert idle <= server.is_idle


def connections_of(http: Any) -> tuple[int, int]:
    """How many connections of a client are in use, and how many wait for their next request."""
    pool = getattr(http._transport, "_pool", None)
    if pool is not None:
        assert pool._requests == []
        idle = sum(connection.is_idle() for connection in pool.connections)
        return len(pool.connections) - idle, idle
    connector = http._transport.client.connector
    if connector is None:
        return 0, 0
    return len(connector._acquired), sum(map(len, connector._conns.values()))


def tasks_living() -> int:
    if trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


async def tasks_settle(count: int) -> bool:
    """Whether so many tasks are there, once the loop closed the generators that were left."""
    for _ in range(20):
        if tasks_living() == count:
            return True
        await anyio.lowlevel.checkpoint()
    return False


async def until(happened: Callable[[], Any]) -> None:
    with anyio.fail_after(PATIENCE):
        while not happened():  # noqa: ASYNC110 - what happens does so elsewhere
            await anyio.sleep(0.005)


def expect_broken(way: Way, error: Exception | None) -> None:
    assert isinstance(error, TransportError)
    assert error.kind == "broken"
    assert isinstance(error.__cause__, way.library.TransportError)


def expect_timeout(error: Exception | None, deadline: str, seconds: float) -> StreamTimeout:
    assert isinstance(error, StreamTimeout)
    assert isinstance(error, TimeoutError)
    assert error.timeout == deadline
    assert error.seconds == seconds
    assert error.elapsed >= seconds * 0.99
    return error
