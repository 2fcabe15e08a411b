"""Connections that break and servers that stall: the error, the tokens before it, nothing left."""

import time
from typing import Any

import anyio
import pytest
from llm_calling import (
    HALF,
    MESSAGES,
    TEXT,
    Way,
    answer_of,
    call,
    chat,
    expect_nothing_open,
    expect_timeout,
    fetch,
    read,
    tasks_living,
    tasks_settle,
    until,
)
from llm_server import CHAT, CHAT_WHOLE, DONE, WORDS, Act, Step, head, http_chunk, whole, words

from fastsse import SSEError, StreamTimeout
from fastsse.llm import Timeouts, TransportError


class TestConnection:
    def test_that_is_refused(self, way: Way) -> None:
        url = way.refusing_url()
        called = call(way, url)
        error = called.error
        assert isinstance(error, TransportError)
        assert error.kind == "refused"
        assert error.url == f"{url}/v1/chat/completions"
        if not way.on_aiohttp:
            assert isinstance(error.__cause__, way.library.ConnectError)
        assert called.answer.stats.attempts == 3

    def test_that_is_refused_once(self, way: Way) -> None:
        with way.scripted([Step.RESET], CHAT) as server:
            called = call(way, server)
        assert called.error is None
        assert called.text == TEXT
        assert called.answer.stats.attempts == len(server.requests) == 2

    @pytest.mark.parametrize("act", [[Step.RESET], [Step.FIN]], ids=["reset", "closed"])
    def test_that_breaks_before_the_headers(self, way: Way, act: Act) -> None:
        with way.scripted(act) as server:
            called = call(way, server)
        expect_broken(way, called.error)
        assert called.answer.stats.attempts == len(server.requests) == 3

    @pytest.mark.parametrize("step", [Step.RESET, Step.FIN])
    def test_that_breaks_before_the_first_event(self, way: Way, step: Step) -> None:
        with way.scripted([head(), http_chunk(b": wait\n\n"), step], CHAT) as server:
            called = call(way, server)
        assert called.error is None
        assert called.text == TEXT
        assert len(server.requests) == 2

    @pytest.mark.parametrize(
        "end",
        [[0.1, Step.RESET], [Step.FIN], [b"40\r\n" + HALF, Step.FIN]],
        ids=["reset", "closed", "closed in a chunk"],
    )
    def test_that_breaks_after_ten_tokens(self, way: Way, end: Act) -> None:
        with way.scripted([head(), *words(), *end], CHAT) as server:
            called = call(way, server)
        expect_broken(way, called.error)
        assert called.text == TEXT
        assert len(called.values) == 10
        assert len(server.requests) == 1

    def test_that_breaks_inside_what_is_awaited(self, way: Way) -> None:
        start = whole(200, CHAT_WHOLE)[:1]
        with way.scripted([*start, http_chunk(b'{"choices"'), Step.FIN]) as server:

            async def main() -> Any:
                async with way.client(server.url) as client:
                    called = await fetch(client.chat(MESSAGES))
                    expect_nothing_open(client, server)
                    return called

            called = way.run(main)
        expect_broken(way, called.error)
        assert len(server.requests) == 3

    def test_that_is_closed_by_its_own_client(self, way: Way) -> None:
        with way.scripted([head(), *words(3), Step.STALL]) as server:
            values: list[Any] = []

            async def main() -> None:
                before = tasks_living()
                # aiohttp does not tell those who still read.
                deadline = Timeouts(idle=0.5 if way.on_aiohttp else None)
                async with way.client(server.url, timeouts=deadline) as client:
                    async with anyio.create_task_group() as group:

                        async def close() -> None:
                            await until(lambda: len(values) == 3)
                            await client._http.aclose()

                        group.start_soon(close)
                        with pytest.raises(SSEError) as caught:
                            async with client.chat(MESSAGES) as answer:
                                async for delta in answer:
                                    values.append(delta)
                    if way.on_aiohttp:
                        expect_timeout(caught.value, "idle", 0.5)
                    else:
                        expect_broken(way, caught.value)
                    expect_nothing_open(client, server)
                assert await tasks_settle(before)

            way.run(main)
        assert [value.text for value in values] == WORDS[:3]
        assert len(server.requests) == 1


def expect_broken(way: Way, error: Exception | None) -> None:
    assert isinstance(error, TransportError)
    assert error.kind == "broken"
    assert isinstance(error.__cause__, way.library.TransportError)


class TestStall:
    # By default the first event has as long as the connection; it is the connection that tells.
    @pytest.mark.parametrize("as_long", [[], ["first_event"], ["headers"]])
    def test_before_there_is_a_connection(self, way: Way, as_long: list[str]) -> None:
        with way.deaf() as url:
            timeouts = Timeouts(**dict.fromkeys(["connect", *as_long], 0.1))
            called = call(way, url, timeouts=timeouts)
        expect_timeout(called.error, "connect", 0.1)
        assert "no connection within Timeouts.connect=0.1 s" in str(called.error)
        assert isinstance(called.error.__cause__, way.library.TimeoutException)
        assert called.answer.stats.attempts == 3

    @pytest.mark.parametrize(
        ("deadline", "attempts"), [("headers", 3), ("first_event", 3), ("total", 1)]
    )
    def test_before_the_headers(self, way: Way, deadline: str, attempts: int) -> None:
        with way.scripted([Step.STALL]) as server:
            called = call(way, server, timeouts=Timeouts(**{deadline: 0.2}))
            assert server.was_asked(attempts)
        expect_timeout(called.error, deadline, 0.2)
        assert called.values == []
        assert called.answer.stats.attempts == attempts

    @pytest.mark.parametrize(("deadline", "attempts"), [("first_event", 3), ("total", 1)])
    def test_after_the_headers(self, way: Way, deadline: str, attempts: int) -> None:
        with way.scripted([head(), http_chunk(b": wait\n\n"), Step.STALL]) as server:
            called = call(way, server, timeouts=Timeouts(**{deadline: 0.2}))
            assert server.was_asked(attempts)
        expect_timeout(called.error, deadline, 0.2)

    @pytest.mark.parametrize("deadline", ["idle", "total"])
    def test_between_events(self, way: Way, deadline: str) -> None:
        with way.scripted([head(), *words(3), Step.STALL]) as server:
            called = call(way, server, timeouts=Timeouts(**{deadline: 0.5}))
        error = expect_timeout(called.error, deadline, 0.5)
        assert called.text == "".join(WORDS[:3])
        assert error.events == 3
        assert error.lines == 6
        assert error.chunks == called.answer.stats.chunks > 0
        assert error.buffered == b""
        assert len(server.requests) == 1

    def test_inside_an_event(self, way: Way) -> None:
        with way.scripted([head(), *words(3), http_chunk(HALF), Step.STALL]) as server:
            called = call(way, server, timeouts=Timeouts(idle=0.2))
        error = expect_timeout(called.error, "idle", 0.2)
        assert called.text == "".join(WORDS[:3])
        assert error.buffered == HALF.removeprefix(b"data: ")
        told = str(error)
        assert "events: 3, lines: 6, chunks: " in told
        assert "no bytes within Timeouts.idle=0.2 s" in told
        assert HALF.removeprefix(b"data: ").decode() in told

    def test_after_the_end(self, way: Way) -> None:
        with way.scripted([head(), *words(), http_chunk(DONE), Step.STALL]) as server:
            began = time.monotonic()

            async def main() -> Any:
                async with way.client(server.url) as client:
                    called = await read(client.chat(MESSAGES))
                    # Its connection is of no use any more.
                    expect_nothing_open(client, server)
                    return called

            called = way.run(main)
        assert called.error is None
        assert called.text == TEXT
        assert time.monotonic() - began < 5

    def test_inside_what_is_awaited(self, way: Way) -> None:
        with way.scripted([*whole(200, CHAT_WHOLE)[:1], http_chunk(b"{"), Step.STALL]) as server:

            async def main() -> Any:
                async with way.client(server.url, timeouts=Timeouts(total=0.2)) as client:
                    called = await fetch(client.chat(MESSAGES))
                    expect_nothing_open(client, server)
                    return called

            called = way.run(main)
        expect_timeout(called.error, "total", 0.2)

    @pytest.mark.parametrize("deadline", ["headers", "total"])
    def test_does_not_come(self, way: Way, deadline: str) -> None:
        with way.scripted([Step.STALL]) as server:
            settings = {"timeouts": Timeouts(**{deadline: 0.2}), "retry": None}
            called = answer_of(way, server, chat, fetch, **settings)
            assert server.settles(0)
        assert isinstance(called.error, StreamTimeout)
        assert (called.error.timeout, called.error.seconds) == (deadline, 0.2)
