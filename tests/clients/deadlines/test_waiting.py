"""Timeouts leave no thread and no cancellation behind."""

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from reading import DROPS, LATE, connections_of

import fastsse

pytestmark = [pytest.mark.net, DROPS]


class TestSync:
    def test_a_connection_that_is_reused_has_no_watchdog(self, library: Any, url: str) -> None:
        with library.Client(base_url=url) as client:
            for _ in range(2):
                with client.stream("GET", "/events") as response:
                    assert len(list(fastsse.iter_events(response, total_timeout=0.4))) == 3
            time.sleep(0.6)
            assert client.get("/events").status_code == 200
            assert len(client._transport._pool.connections) == 1

    def test_no_thread_is_left_behind_a_break(self, library: Any, url: str) -> None:
        before = threading.active_count()
        with library.Client(base_url=url) as client:
            for _ in range(3):
                with client.stream("GET", "/trickle") as response:
                    for _event in fastsse.iter_events(response, total_timeout=3600):
                        break
        gc.collect()
        deadline = time.monotonic() + LATE
        while threading.active_count() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() == before

    def test_no_thread_is_left_behind_a_close(self, library: Any, url: str) -> None:
        before = threading.active_count()
        with library.Client(base_url=url) as client, client.stream("GET", "/trickle") as response:
            stream = fastsse.iter_events(response, total_timeout=3600)
            next(stream)
            stream.close()
            deadline = time.monotonic() + LATE
            while threading.active_count() > before and time.monotonic() < deadline:
                time.sleep(0.01)
            assert threading.active_count() == before

    def test_a_body_that_ends_with_its_connection_is_not_taken_for_complete(
        self, library: Any
    ) -> None:
        head = b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: a\n\n"
        with (
            raw_server(head) as url,
            library.Client(base_url=url) as client,
            client.stream("GET", "/") as response,
        ):
            events = iter(fastsse.iter_events(response, total_timeout=0.2))
            assert next(events).data == "a"
            with pytest.raises(fastsse.StreamTimeout, match="total_timeout"):
                next(events)


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """Answer one connection with some bytes, and then keep still."""
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)
            done.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener])
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            done.set()
            thread.join()


class TestAsync:
    def test_the_task_is_not_left_cancelled(self, library: Any, url: str) -> None:
        async def main() -> None:
            async with library.AsyncClient(base_url=url) as client:
                for _ in range(2):
                    with pytest.raises(fastsse.StreamTimeout):
                        async with client.stream("GET", "/stall?n=1") as response:
                            async for _event in fastsse.iter_events(response, idle_timeout=0.1):
                                pass
                task = asyncio.current_task()
                assert task is not None
                assert task.cancelling() == 0
                await asyncio.sleep(0)
                assert connections_of(client) == 0

        asyncio.run(main())

    def test_a_hundred_streams_at_once(self, url: str) -> None:
        async def main() -> None:
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as client:

                async def read(number: int) -> int:
                    path = f"/stall?n={number % 3}"
                    count = 0
                    async with client.stream("GET", path) as response:
                        stream = fastsse.iter_events(response, idle_timeout=0.5)
                        with pytest.raises(fastsse.StreamTimeout):
                            async for _ in stream:
                                count += 1
                    return count

                counts = await asyncio.gather(*map(read, range(100)))
                assert counts == [number % 3 for number in range(100)]
                assert connections_of(client) == 0

        asyncio.run(main())
