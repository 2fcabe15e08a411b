"""`iter_events` rejects responses that are no event stream, and the wrong kind of loop."""

import asyncio
import json
import pickle
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import server
from clock import Clock, run_on
from reading import DROPS, EVENTS, Reader

import fastsse

pytestmark = DROPS


class TestCheck:
    @pytest.mark.parametrize(
        ("path", "status", "content_type", "message"),
        [
            ("/401", 401, "application/json", 'got 401: .*"no such key"'),
            ("/302", 302, "text/event-stream", "expected a status of 2xx, got 302"),
            ("/500-as-stream", 500, "text/event-stream", "expected a status of 2xx, got 500"),
            ("/json", 200, "application/json", 'application/json .*"overloaded, try later"'),
            ("/no-type", 200, None, "expected text/event-stream, got no content type"),
            ("/near-type", 200, "text/event-stream-2", "got text/event-stream-2"),
        ],
    )
    def test_what_is_no_event_stream(
        self, reader: Reader, path: str, status: int, content_type: str | None, message: str
    ) -> None:
        read = reader.read(path)
        error = read.error
        assert read.events == []
        assert isinstance(error, fastsse.ResponseError)
        assert isinstance(error, fastsse.ContentTypeError) == (status == 200)
        assert error.status_code == status
        assert error.content_type == content_type
        assert error.headers.get("content-type") == content_type
        assert error.response is read.response
        assert read.closed
        assert read.connections == 0
        with pytest.raises(fastsse.ResponseError, match=message):
            raise error

    def test_the_body_is_there_to_be_parsed(self, reader: Reader) -> None:
        error = reader.read("/401").error
        assert isinstance(error, fastsse.ResponseError)
        assert json.loads(error.body) == server.UNAUTHORIZED

    @pytest.mark.parametrize("coding", ["gzip", "br"])
    def test_the_body_is_decoded(self, reader: Reader, coding: str) -> None:
        error = reader.read(f"/json?coding={coding}").error
        assert isinstance(error, fastsse.ResponseError)
        assert json.loads(error.body) == server.OVERLOADED

    def test_no_more_of_the_body_is_read_than_4_kib(self, reader: Reader) -> None:
        read = reader.read("/endless-error")
        assert isinstance(read.error, fastsse.ResponseError)
        assert read.error.body == (b"no! " * 1024)
        assert read.seconds < 5
        assert read.connections == 0

    def test_a_body_that_stalls_is_given_as_far_as_it_came(self, reader: Reader) -> None:
        read = reader.read("/stalled-error", total_timeout=0.2)
        assert isinstance(read.error, fastsse.ResponseError)
        assert read.error.body == b"half of the err"
        assert 0.15 < read.seconds < 4
        assert read.connections == 0

    def test_a_body_that_stalls_is_given_after_5_seconds(self) -> None:
        clock = Clock()

        async def stalled() -> AsyncIterator[bytes]:
            yield b"half of the err"
            await asyncio.sleep(3600)

        async def main() -> tuple[fastsse.ResponseError, float]:
            transport = httpx.MockTransport(lambda _: httpx.Response(500, content=stalled()))
            async with (
                httpx.AsyncClient(transport=transport) as client,
                client.stream("GET", "http://x/") as response,
            ):
                began = clock.now
                with pytest.raises(fastsse.ResponseError) as caught:
                    await anext(fastsse.iter_events(response))
                return caught.value, clock.now - began

        error, seconds = run_on(clock, main)
        assert error.body == b"half of the err"
        assert seconds == pytest.approx(5)

    def test_a_response_that_answers_with_another_status_of_2xx(self, reader: Reader) -> None:
        assert reader.read("/201").data == EVENTS

    @pytest.mark.parametrize("path", ["/no-type", "/near-type", "/500-as-stream"])
    def test_it_can_be_switched_off(self, reader: Reader, path: str) -> None:
        assert reader.read(path, check_response=False).data == EVENTS

    def test_the_error_can_be_pickled(self, reader: Reader) -> None:
        error = pickle.loads(pickle.dumps(reader.read("/401").error))
        assert (error.status_code, error.content_type) == (401, "application/json")
        assert "no such key" in str(error)
        assert error.response is None


class TestWrongLoop:
    def test_for_over_an_async_response(self, library: Any, loop: Any, url: str) -> None:
        async def main() -> None:
            async with (
                library.AsyncClient(base_url=url) as client,
                client.stream("GET", "/events") as response,
            ):
                stream = fastsse.iter_events(response)
                with pytest.raises(TypeError, match="expected `async for`"):
                    for _ in stream:
                        pass
                with pytest.raises(TypeError, match=r"expected aclose\(\)"):
                    stream.close()
                assert [event.data async for event in stream] == EVENTS

        loop(main)

    def test_async_for_over_a_sync_response(self, library: Any, loop: Any, url: str) -> None:
        async def main() -> None:
            with (
                library.Client(base_url=url) as client,
                client.stream("GET", "/events") as response,
            ):
                stream = fastsse.iter_events(response)
                with pytest.raises(TypeError, match="expected `for`"):
                    async for _ in stream:
                        pass
                with pytest.raises(TypeError, match=r"expected close\(\)"):
                    await stream.aclose()
                assert [event.data for event in stream] == EVENTS

        loop(main)
