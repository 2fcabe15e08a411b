"""`iter_events` closes the response after an error, a cancellation or its own `with`."""

import asyncio
import gc
from typing import Any

import pytest
import trio
from reading import DROPS, EVENTS, LOOPS, Reader, connections_of

import fastsse

pytestmark = DROPS


class TestClosing:
    def test_break_and_go_on(self, library: Any, url: str) -> None:
        with library.Client(base_url=url) as client, client.stream("GET", "/events") as response:
            stream = fastsse.iter_events(response)
            for event in stream:
                assert event.data == EVENTS[0]
                break
            assert [event.data for event in stream] == EVENTS[1:]
            assert list(stream) == []

    def test_break_and_go_on_async(self, library: Any, loop: Any, url: str) -> None:
        async def main() -> None:
            async with (
                library.AsyncClient(base_url=url) as client,
                client.stream("GET", "/events") as response,
            ):
                stream = fastsse.iter_events(response)
                async for event in stream:
                    assert event.data == EVENTS[0]
                    break
                assert [event.data async for event in stream] == EVENTS[1:]
                assert [event async for event in stream] == []

        loop(main)

    @pytest.mark.parametrize("options", [{}, {"idle_timeout": 9, "total_timeout": 9}])
    def test_break_leaves_nothing_open(self, library: Any, url: str, options: Any) -> None:
        with library.Client(base_url=url) as client:
            with client.stream("GET", "/trickle") as response:
                for _ in fastsse.iter_events(response, **options):
                    break
            assert response.is_closed
            assert connections_of(client) == 0

    @pytest.mark.parametrize("options", [{}, {"idle_timeout": 9, "total_timeout": 9}])
    def test_break_leaves_nothing_open_async(
        self, library: Any, loop: Any, url: str, options: Any
    ) -> None:
        async def main() -> None:
            async with library.AsyncClient(base_url=url) as client:
                async with client.stream("GET", "/trickle") as response:
                    async for _ in fastsse.iter_events(response, **options):
                        break
                assert response.is_closed
                assert connections_of(client) == 0

        loop(main)

    def test_an_exception_in_the_loop_leaves_nothing_open(self, library: Any, url: str) -> None:
        def read() -> None:
            with client.stream("GET", "/trickle") as response:
                for event in fastsse.iter_events(response):
                    raise KeyError(event.data)

        with library.Client(base_url=url) as client:
            with pytest.raises(KeyError, match="event 0"):
                read()
            assert connections_of(client) == 0

    @pytest.mark.parametrize("options", [{}, {"idle_timeout": 9, "total_timeout": 9}])
    @pytest.mark.parametrize("path", ["/stall?n=1", "/trickle"])
    def test_cancelling_leaves_nothing_open(
        self, library: Any, url: str, path: str, options: Any
    ) -> None:
        async def main() -> None:
            async with library.AsyncClient(base_url=url) as client:
                came = asyncio.Event()
                streams = []

                async def read() -> None:
                    async with client.stream("GET", path) as response:
                        streams.append(fastsse.iter_events(response, **options))
                        async for _ in streams[0]:
                            came.set()

                task = asyncio.create_task(read())
                await came.wait()
                await asyncio.sleep(0.02)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert task.cancelling() == 1
                assert connections_of(client) == 0
                with pytest.raises(RuntimeError, match="CancelledError interrupted"):
                    async for _ in streams[0]:
                        pass
            gc.collect()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())

    def test_cancelling_on_trio_leaves_nothing_open(self, library: Any, url: str) -> None:
        async def main() -> None:
            async with library.AsyncClient(base_url=url) as client:
                with trio.move_on_after(0.1) as scope:
                    async with client.stream("GET", "/stall?n=1") as response:
                        async for _ in fastsse.iter_events(response, total_timeout=9):
                            pass
                assert scope.cancelled_caught
                assert connections_of(client) == 0

        trio.run(main)

    def test_the_stream_s_own_with_closes_the_response(self, library: Any, url: str) -> None:
        with library.Client(base_url=url) as client:
            response = client.send(client.build_request("GET", "/trickle"), stream=True)
            with fastsse.iter_events(response) as stream:
                for _ in stream:
                    break
            assert response.is_closed
            assert connections_of(client) == 0
            stream.close()
            with pytest.raises(RuntimeError, match="closed before its end"):
                next(iter(stream))

    def test_the_stream_s_own_async_with_closes_the_response(
        self, library: Any, loop: Any, url: str
    ) -> None:
        async def main() -> None:
            async with library.AsyncClient(base_url=url) as client:
                response = await client.send(client.build_request("GET", "/trickle"), stream=True)
                async with fastsse.iter_events(response) as stream:
                    async for _ in stream:
                        break
                assert response.is_closed
                assert connections_of(client) == 0
                await stream.aclose()
                with pytest.raises(RuntimeError, match="closed before its end"):
                    await anext(aiter(stream))

        loop(main)

    def test_an_error_is_raised_again(self, reader: Reader) -> None:
        read = reader.read("/cut?n=2")
        if reader.way == "sync":
            with pytest.raises(reader.library.RemoteProtocolError) as caught:
                list(read.stream)
        else:
            with pytest.raises(reader.library.RemoteProtocolError) as caught:
                LOOPS[reader.way](lambda: collect(read.stream))
        assert caught.value is read.error


async def collect(stream: fastsse.EventStream) -> list[fastsse.ServerSentEvent]:
    return [event async for event in stream]
