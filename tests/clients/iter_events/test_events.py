"""`iter_events` reads events, timestamps and statistics over httpx and httpx2."""

from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import pytest
import server
from reading import DROPS, EVENTS, Reader

import fastsse

pytestmark = DROPS


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
