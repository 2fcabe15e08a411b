"""`EventSource` works over HTTP/2."""

import json
import threading
from typing import Any

import anyio
import pytest
from event_sources import Way, expect_end, soon
from reading import DROPS, connections_of

from fastsse.event_source import EventSource

pytestmark = DROPS

HTTP2 = {"http1": False, "http2": True}


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestHttp2:
    def test_connects_again(self, reader: Way, http2_url: str) -> None:
        read = reader.read(f"{http2_url}/events?n=2", client=HTTP2, most=5)
        expect_end(read, [f"event {number} ü" for number in (0, 1, 0, 1, 0)])
        assert [again.last_event_id for again in read.again] == ["1", "1"]

    def test_sends_the_last_event_id(self, reader: Way, http2_url: str) -> None:
        url = f"{http2_url}/echo"
        read = reader.read(url, client=HTTP2, most=1, last_event_id=" ü 7")
        (seen,) = read.data
        assert json.loads(seen)["last-event-id"] == "ü 7"

    def test_aclose_from_another_task(self, library: Any, loop: Any, http2_url: str) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60, **HTTP2) as client:
                source = EventSource(client, "GET", f"{http2_url}/stall?n=1")
                came = anyio.Event()

                async def read() -> None:
                    async for _ in source:
                        came.set()

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(read)
                    await came.wait()
                    await anyio.sleep(0.1)
                    with soon():
                        await source.aclose()
                assert source.state == "closed"
                assert connections_of(client) == 0
                assert (await client.get(f"{http2_url}/events")).status_code == 200

        with soon():
            loop(main)

    def test_close_from_another_thread_waits_for_the_wait(
        self, library: Any, http2_url: str
    ) -> None:
        timeout = library.Timeout(20, read=0.5)
        with library.Client(timeout=timeout, **HTTP2) as client, soon():
            source = EventSource(client, "GET", f"{http2_url}/stall?n=1")
            thread = threading.Timer(0.2, source.close)
            thread.start()
            assert len(list(source)) == 1
            assert source.state == "closed"
            assert connections_of(client) == 0
