"""`iter_events` over httpx and httpx2, sync, on asyncio and on trio, against a real server."""

import asyncio
import gc
import json
import pickle
from collections.abc import AsyncIterator
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import httpx
import pytest
import server
import trio
from clock import Clock, run_on
from reading import EVENTS, LOOPS, Reader, connections_of

import fastsse

# After a break, trio finds the async generators of the client and ours where they stand.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")


class TestEvents:
    @pytest.mark.parametrize("coding", ["", "gzip", "deflate", "br", "zstd"])
    def test_in_every_content_coding(self, reader: Reader, coding: str) -> None:
        read = reader.read(f"/events?delay=0.02{coding and '&coding='}{coding}")
        assert read.error is None
        assert read.data == EVENTS
        assert [event.id for event in read.events] == ["0", "1", "2"]
        assert read.stream.response is read.response
        assert read.stream.last_event_id == "2"
        # Each chunk is flushed, so that an event is here before the next is sent.
        assert read.stream.stats.chunks >= 3
        assert read.connections == 0

    def test_are_utf8_whatever_the_charset(self, reader: Reader) -> None:
        assert reader.read("/charset").data == EVENTS

    def test_bad_utf8_a_bom_and_a_split_crlf(self, reader: Reader) -> None:
        assert reader.read("/bad-utf8").data == ["\ufffd\u20ac \ufffd\n\u2028"]

    def test_those_before_a_cut_come_before_the_client_s_own_error(self, reader: Reader) -> None:
        read = reader.read("/cut?n=2", flush_at_end=True)
        assert read.data == EVENTS[:2]
        assert isinstance(read.error, reader.library.RemoteProtocolError)
        assert read.connections == 0

    @pytest.mark.parametrize(("flush", "data"), [(False, ["one"]), (True, ["one", "two"])])
    def test_an_unended_one_is_given_if_it_is_asked_for(
        self, reader: Reader, flush: bool, data: list[str]
    ) -> None:
        assert reader.read("/unended", flush_at_end=flush).data == data

    def test_those_before_one_that_is_too_large_come_first(self, reader: Reader) -> None:
        read = reader.read("/large?size=200000", max_event_size=100_000)
        assert read.data == EVENTS[:2]
        assert isinstance(read.error, fastsse.EventTooLargeError)
        assert read.error.limit == 100_000
        assert read.closed
        assert read.connections == 0

    def test_in_a_coding_that_comes_byte_by_byte(self, reader: Reader) -> None:
        assert reader.read("/gzip-drip").data == EVENTS[:1]

    def test_in_a_coding_that_is_none_are_the_client_s_own_error(self, reader: Reader) -> None:
        error = reader.read("/not-gzip", idle_timeout=5).error
        assert isinstance(error, reader.library.DecodingError)
        assert error.request.url.path == "/not-gzip"

    def test_over_tls(self, library: Any, way: str, tls_url: str) -> None:
        assert Reader(library, way, tls_url).read("/events?coding=gzip").data == EVENTS

    def test_carry_on_the_last_event_id(self, reader: Reader) -> None:
        read = reader.read("/large?size=1", last_event_id="before")
        assert read.events[0].id == "0"
        assert reader.read("/unended", last_event_id="before").events[0].id == "before"


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


class TestReadAlready:
    def test_sync(self, library: Any, url: str) -> None:
        with library.Client(base_url=url) as client:
            response = client.get("/events")
        assert [event.data for event in fastsse.iter_events(response)] == EVENTS
        with pytest.raises(fastsse.ResponseError, match="no such key"):
            list(fastsse.iter_events(client_response(library, url, "/401")))

    def test_async(self, library: Any, loop: Any, url: str) -> None:
        async def main() -> None:
            async with library.AsyncClient(base_url=url) as client:
                response = await client.get("/events?coding=gzip")
            found = [event.data async for event in fastsse.iter_events(response)]
            assert found == EVENTS
            # Nothing is awaited any more, so that the plain loop will do as well.
            assert [event.data for event in fastsse.iter_events(response)] == EVENTS

        loop(main)

    def test_made_from_bytes(self, library: Any) -> None:
        headers = {"content-type": "text/event-stream"}
        response = library.Response(200, headers=headers, content=server.event(0))
        assert [event.data for event in fastsse.iter_events(response, idle_timeout=1)] == EVENTS[:1]

    def test_consumed_and_not_kept_is_the_client_s_error(self, library: Any, url: str) -> None:
        with library.Client(base_url=url) as client, client.stream("GET", "/events") as response:
            assert b"".join(response.iter_raw())
            with pytest.raises(library.StreamConsumed):
                list(fastsse.iter_events(response))


def client_response(library: Any, url: str, path: str) -> Any:
    with library.Client(base_url=url) as client:
        return client.get(path)


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


class TestStamps:
    def test_received_at_is_taken_when_the_chunk_lands(self, library: Any, url: str) -> None:
        stamps = []
        with (
            library.Client(base_url=url) as client,
            client.stream("GET", "/events?delay=0.1") as response,
        ):
            stream = fastsse.iter_events(response)
            assert stream.received_at_ns == 0
            before = perf_counter_ns()
            for _ in stream:
                assert before < stream.received_at_ns < perf_counter_ns()
                stamps.append(stream.received_at_ns)
        gaps = [(later - earlier) / 1e9 for earlier, later in pairwise(stamps)]
        # On a loaded machine one may come late, and the next right after it.
        assert 0.05 < max(gaps) < 5

    def test_stats(self, reader: Reader) -> None:
        read = reader.read("/stall?n=2", idle_timeout=0.2)
        stats = read.stream.stats
        size = len(server.event(0) + server.event(1))
        assert (stats.events, stats.bytes, stats.chunks_without_event) == (2, size, 0)
        assert 1 <= stats.chunks <= 2
        assert stats.first_event is not None
        assert 0 < stats.first_event < stats.elapsed
        assert 0.2 <= stats.elapsed <= read.seconds
        assert read.stream.stats == stats

    def test_chunks_without_an_event_are_counted(self, reader: Reader) -> None:
        stats = reader.read("/drip", total_timeout=0.3).stream.stats
        assert stats.chunks == stats.chunks_without_event > 2
        assert stats.events == 0
        assert stats.first_event is None
