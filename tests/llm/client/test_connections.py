"""Connections are used again, or closed so that the server knows; over HTTP/1.1 and HTTP/2."""

import asyncio
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from llm_calling import (
    LONG,
    MESSAGES,
    QUICK,
    TEXT,
    WAYS,
    Way,
    connections_of,
    expect_nothing_open,
    read,
    tasks_living,
    tasks_settle,
    until,
)
from llm_server import CHAT, END, FINISH, PATIENCE, Step, event, head, http_chunk, words
from reading import DROPS
from server import serve_http2

from fastsse import StreamTimeout
from fastsse.llm import Client, JsonEvent


@pytest.fixture(scope="module")
def http2_url(certificate: Path) -> Iterator[str]:
    with serve_http2("llm_server:app", certificate=certificate) as url:
        yield url


@DROPS
@pytest.mark.parametrize("name", ["httpx", "httpx2", "httpx on trio", "httpx2 on trio"])
class TestOverHttp2WithTls:
    async def open(self, way: Way, certificate: Path) -> Any:
        verify = ssl.create_default_context(cafile=certificate / "authority.pem")
        return way.make(verify=verify, http2=True)

    def test_events_and_their_values(self, name: str, http2_url: str, certificate: Path) -> None:
        way = WAYS[name]

        class Value(msgspec.Struct):
            number: int

        play = ['event: one\ndata: {"number": 1}\n\n', 'data: {"number": 2}\n\n']

        async def main() -> Any:
            async with await self.open(way, certificate) as http:
                client = Client(http, base_url=http2_url)
                body = {"key": f"values-{name}", "play": play}
                typed = await read(client.post("/play", body, type=Value))
                plain = await read(client.post("/play", body))
                return typed, plain

        typed, plain = way.run(main)
        assert typed.error is None
        assert typed.values == [JsonEvent("one", Value(1)), JsonEvent("message", Value(2))]
        assert plain.values == [("one", {"number": 1}), ("message", {"number": 2})]
        assert typed.answer.response.http_version == "HTTP/2"
        assert typed.answer.response.headers["x-http-version"] == "2"

    @pytest.mark.parametrize("phase", ["headers", "first event", "events", "break"])
    def test_the_server_sees_that_one_is_dropped(
        self, name: str, http2_url: str, certificate: Path, phase: str
    ) -> None:
        way = WAYS[name]
        key = f"{phase}-{name}".replace(" ", "-")
        silent = {"think": 60, "play": []} if phase == "headers" else {"play": [": wait\n\n", 60]}
        if phase in ("events", "break"):
            silent = {"play": ["data: 1\n\n", 60]}
        values: list[Any] = []

        async def until_it_is(client: Client, fate: str) -> None:
            with anyio.fail_after(PATIENCE):
                while (await client._http.get(f"{http2_url}/fate/{key}")).json() != fate:  # noqa: ASYNC110
                    await anyio.sleep(0.01)

        async def main() -> None:
            async with await self.open(way, certificate) as http:
                before = tasks_living()
                client = Client(http, base_url=http2_url, timeouts=LONG)
                # Another stream of the same connection is not disturbed.
                other = {"key": key + "other", "play": ["data: 1\n\n", 0.5, "data: 2\n\n"]}
                async with client.post("/play", other) as others:
                    with anyio.CancelScope() as scope:
                        async with anyio.create_task_group() as group:

                            async def drop() -> None:
                                await until_it_is(client, "begun")
                                if phase == "events":
                                    await until(lambda: values)
                                scope.cancel()

                            if phase != "break":
                                group.start_soon(drop)
                            async with client.post("/play", {"key": key, **silent}) as answer:
                                async for value in answer:
                                    values.append(value)
                                    if phase == "break":
                                        break
                    await until_it_is(client, "dropped")
                    assert [event.value async for event in others] == [1, 2]
                assert connections_of(http) == (0, 1)
                assert await tasks_settle(before)

        way.run(main)


class TestDrain:
    @pytest.mark.parametrize("at_once", [False, True])
    def test_has_the_connection_used_again(self, way: Way, at_once: bool) -> None:
        rest = [http_chunk(b": bye\n\n"), 0.05, http_chunk(event("more")), 0.05, END]
        act = [b"".join(CHAT)] if at_once else [*CHAT[:-1], *rest]
        with way.scripted(act) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    for _ in range(3):
                        before = tasks_living()
                        called = await read(client.chat(MESSAGES))
                        assert called.error is None
                        assert called.text == TEXT
                        assert tasks_living() == before
                        assert connections_of(client._http) == (0, 1)

            way.run(main)
        assert len({request.port for request in server.requests}) == 1

    def test_is_for_what_was_read_to_its_end(self, way: Way) -> None:
        with way.scripted([*CHAT[:4], Step.STALL], CHAT) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    before = tasks_living()
                    async with client.chat(MESSAGES) as answer:
                        async for _ in answer:
                            break
                    assert await tasks_settle(before)
                    expect_nothing_open(client, server)
                    assert (await read(client.chat(MESSAGES))).text == TEXT

            way.run(main)
        assert len({request.port for request in server.requests}) == 2

    def test_has_a_limit_of_bytes(self, way: Way) -> None:
        endless = [http_chunk(b":" * 100_000 + b"\n")] * 1000
        with way.scripted([*CHAT[:-1], *endless, END], CHAT) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    called = await read(client.chat(MESSAGES))
                    assert called.error is None
                    assert called.text == TEXT
                    in_use, idle = connections_of(client._http)
                    assert (in_use, idle) == (0, 0)
                    assert server.settles(0)
                    assert (await read(client.chat(MESSAGES))).text == TEXT

            way.run(main)
        assert len({request.port for request in server.requests}) == 2

    def test_has_a_limit_of_time(self, way: Way) -> None:
        drip = [step for _ in range(1000) for step in (http_chunk(b":\n"), 0.05)]
        with way.scripted([*CHAT[:-1], *drip, END], CHAT) as server:
            began = time.monotonic()

            async def main() -> None:
                async with way.client(server.url) as client:
                    called = await read(client.chat(MESSAGES))
                    assert called.error is None
                    assert called.text == TEXT
                    assert server.settles(0)
                    assert (await read(client.chat(MESSAGES))).text == TEXT

            way.run(main)
        # All of it would take fifty.
        assert time.monotonic() - began < 25


class TestAnswer:
    def test_several_at_once(self, wire: Way) -> None:
        slowly = [step for word in words() for step in (word, 0.01)]
        with wire.scripted([head(), *slowly, FINISH, END]) as server:

            async def main() -> Any:
                limits = wire.library.Limits(max_connections=8)
                async with wire.make(verify=False, limits=limits) as http:
                    client = Client(http, base_url=server.url, timeouts=LONG, retry=QUICK)
                    texts: list[str] = []

                    async def ask() -> None:
                        async with client.chat(MESSAGES) as answer:
                            texts.append("".join([delta.text async for delta in answer]))

                    before = tasks_living()
                    async with anyio.create_task_group() as group:
                        for _ in range(8):
                            group.start_soon(ask)
                    assert await tasks_settle(before)
                    return texts

            assert wire.run(main) == [TEXT] * 8
        assert len({request.port for request in server.requests}) == 8


def test_deadlines_of_asyncio_are_kept_apart_from_ours(memory: Way) -> None:
    """A timeout of the caller's is a TimeoutError of his, and no StreamTimeout."""
    with memory.scripted([*CHAT[:4], Step.STALL]) as server:

        async def main() -> None:
            async with memory.client(server.url) as client:
                with pytest.raises(TimeoutError) as caught:
                    async with asyncio.timeout(0.3), client.chat(MESSAGES) as answer:
                        async for _ in answer:
                            pass
                assert not isinstance(caught.value, StreamTimeout)
                expect_nothing_open(client, server)

        memory.run(main)
