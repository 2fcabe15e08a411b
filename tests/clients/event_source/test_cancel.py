"""`EventSource` stops when it is cancelled or its total timeout passes, in each state."""

import asyncio
import gc
import time
from typing import Any

import anyio
import pytest
from event_sources import (
    GONE,
    MUTE,
    SILENT,
    SOON,
    WAITING,
    Held,
    Way,
    event,
    serving,
    soon,
    started,
    status,
    stream,
)
from reading import DROPS, connections_of

import fastsse
from fastsse.event_source import EventSource

pytestmark = DROPS


@pytest.mark.net
class TestCancel:
    @pytest.mark.parametrize("answer", [WAITING, SILENT, MUTE])
    def test_a_task(self, library: Any, answer: bytes) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url, idle_timeout=60)

                async def read() -> None:
                    async for _ in source:
                        pass

                task = asyncio.create_task(read())
                await started(server)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert task.cancelling() == 1
                assert connections_of(client) == 0
                assert source.state == "connecting"
            gc.collect()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        with serving(answer) as server, soon():
            asyncio.run(main())

    @pytest.mark.parametrize("answer", [WAITING, SILENT, MUTE])
    def test_a_scope(self, library: Any, loop: Any, answer: bytes) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url)
                with anyio.move_on_after(0.3) as scope:
                    async for _ in source:
                        pass
                assert scope.cancelled_caught
                assert connections_of(client) == 0

        with serving(answer) as server, soon():
            loop(main)

    def test_in_the_loop(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                with anyio.move_on_after(0.2) as scope:
                    async with EventSource(client, "GET", server.url) as source:
                        async for _ in source:
                            await anyio.sleep(60)
                assert scope.cancelled_caught
                assert source.state == "closed"
                assert connections_of(client) == 0

        with serving(SILENT) as server, soon():
            loop(main)

    def test_in_the_hook(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(
                    client, "GET", server.url, on_reconnect=lambda _: anyio.sleep(60)
                )
                with anyio.move_on_after(0.2) as scope:
                    async for _ in source:
                        pass
                assert scope.cancelled_caught

        with serving(WAITING) as server, soon():
            loop(main)

    @pytest.mark.usefixtures("short")
    def test_it_goes_on_where_it_was_cancelled(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url)
                data = []
                for _ in range(10):
                    with anyio.move_on_after(0.2):
                        async for event_ in source:
                            data.append(event_.data)
                assert data == ["1", "2"]
                assert source.state == "closed"

        with serving(Held(stream(event(1), "id: 2\ndata: cut")), stream(event(2)), GONE) as server:
            loop(main)
            assert server.last_event_ids == [None, b"1", b"2"]

    def test_no_wait_is_skipped_by_it(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", server.url)
                for _ in range(50):
                    with anyio.move_on_after(0.05):
                        async for _ in source:
                            pass
                assert source.state == "closed"

        with serving(stream(event(1), retry=400), GONE) as server:
            loop(main)
            assert server.asked[1].at - server.ended[0] > 0.38

    def test_one_that_was_reading_waits_before_it_asks_again(self, library: Any, loop: Any) -> None:
        cancelled = []

        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", server.url)
                with anyio.move_on_after(0.3):
                    async for _ in source:
                        pass
                cancelled.append(time.monotonic())
                async for _ in source:
                    pass
                assert source.last_event_id == "1"

        with serving(Held(stream(event(1), retry=400)), GONE) as server:
            loop(main)
            assert server.asked[1].at - cancelled[0] > 0.38

    def test_one_that_was_connecting_waits_too(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url)
                with anyio.move_on_after(1.3):
                    while True:
                        with anyio.move_on_after(0.05):
                            async for _ in source:
                                pass

        with serving(MUTE) as server:
            loop(main)
            assert len(server.asked) == 2
            assert server.asked[1].at - server.asked[0].at > 0.98


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestTotalTimeout:
    """It covers all connections and the waits between them, and is final."""

    @pytest.mark.parametrize(
        "answer",
        [SILENT, WAITING, stream("data: x\n\n"), status(503)],
        ids=["reading", "waiting", "connecting again", "refused"],
    )
    def test_ends_it(self, reader: Way, answer: bytes) -> None:
        began = time.monotonic()
        with serving(answer) as server:
            read = reader.read(server.url, total_timeout=0.4, attempts=None)
        assert isinstance(read.error, fastsse.StreamTimeout)
        assert (read.error.timeout, read.error.seconds) == ("total", 0.4)
        assert "within total_timeout=0.4 s" in str(read.error)
        assert 0.4 <= time.monotonic() - began < SOON
        assert 0.4 <= read.error.elapsed < SOON
        assert (read.source.state, read.connections) == ("closed", 0)

    def test_while_headers_are_awaited(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url, total_timeout=0.2)
                with pytest.raises(fastsse.StreamTimeout, match="within total_timeout"):
                    await anext(source)
                with pytest.raises(fastsse.StreamTimeout, match="within total_timeout"):
                    await anext(source)

        with serving(MUTE) as server, soon():
            loop(main)
            assert len(server.asked) == 1
