"""The three timeouts work over httpx and httpx2, in each way of waiting and over HTTP/2."""

import time
from typing import Any

import pytest
from reading import DROPS, LATE, Reader

import fastsse

pytestmark = [pytest.mark.net, DROPS]


def expect_timeout(read: Any, deadline: str, seconds: float, events: int | None) -> None:
    error = read.error
    assert isinstance(error, fastsse.StreamTimeout)
    assert isinstance(error, TimeoutError)
    assert (error.timeout, error.seconds) == (deadline, seconds)
    assert seconds <= error.elapsed <= read.seconds < seconds + LATE
    stats = read.stream.stats
    assert (error.events, error.chunks, error.bytes) == (stats.events, stats.chunks, stats.bytes)
    assert events in (None, error.events)
    assert error.events == len(read.events)
    assert read.closed
    assert read.connections == 0


class TestEachDeadline:
    def test_idle(self, reader: Reader) -> None:
        expect_timeout(reader.read("/stall?n=2", idle_timeout=0.2), "idle", 0.2, 2)

    def test_idle_at_the_start(self, reader: Reader) -> None:
        expect_timeout(reader.read("/stall?n=0", idle_timeout=0.2), "idle", 0.2, 0)

    def test_idle_in_a_coded_stream(self, reader: Reader) -> None:
        read = reader.read("/stall?n=2&coding=gzip", idle_timeout=0.2)
        expect_timeout(read, "idle", 0.2, 2)

    def test_any_byte_ends_an_idle_wait(self, reader: Reader) -> None:
        read = reader.read("/drip", idle_timeout=0.3, total_timeout=0.7)
        expect_timeout(read, "total", 0.7, 0)

    def test_any_byte_ends_an_idle_wait_though_it_decodes_to_nothing(self, reader: Reader) -> None:
        read = reader.read("/gzip-drip", idle_timeout=0.5)
        assert read.error is None
        assert read.data == ["event 0 ü"]
        assert read.seconds > 0.5

    @pytest.mark.parametrize(
        ("deadline", "options"),
        [
            ("idle", {"idle_timeout": 0.3}),
            ("first_event", {"first_event_timeout": 0.3, "idle_timeout": 5}),
            ("total", {"total_timeout": 0.3}),
        ],
    )
    def test_each_over_tls(
        self, library: Any, way: str, tls_url: str, deadline: str, options: dict[str, float]
    ) -> None:
        read = Reader(library, way, tls_url).read("/stall?n=0", **options)
        expect_timeout(read, deadline, 0.3, 0)

    def test_first_event_in_a_stream_that_stalls(self, reader: Reader) -> None:
        read = reader.read("/stall?n=0", first_event_timeout=0.2)
        expect_timeout(read, "first_event", 0.2, 0)

    def test_first_event_in_a_stream_of_comments(self, reader: Reader) -> None:
        read = reader.read("/drip", first_event_timeout=0.3, idle_timeout=5)
        expect_timeout(read, "first_event", 0.3, 0)

    def test_first_event_is_off_once_it_came(self, reader: Reader) -> None:
        read = reader.read("/stall?n=1", first_event_timeout=0.2, total_timeout=0.5)
        expect_timeout(read, "total", 0.5, 1)

    def test_first_event_alone_does_not_let_the_stream_hang_after_it(self, reader: Reader) -> None:
        read = reader.read("/stall?n=1", read_timeout=0.1, first_event_timeout=0.3)
        expect_timeout(read, "idle", 0.3, 1)
        read = reader.read("/stall?n=1", read_timeout=0.4, first_event_timeout=0.1)
        expect_timeout(read, "idle", 0.4, 1)

    def test_total_in_a_stream_that_stalls(self, reader: Reader) -> None:
        expect_timeout(reader.read("/stall?n=2", total_timeout=0.2), "total", 0.2, 2)

    def test_total_in_a_stream_that_flows(self, reader: Reader) -> None:
        read = reader.read("/trickle?delay=0.01", total_timeout=0.3, idle_timeout=5)
        expect_timeout(read, "total", 0.3, None)
        assert len(read.events) > 3

    def test_all_of_them_in_a_stream_in_time(self, reader: Reader) -> None:
        read = reader.read(
            "/events?delay=0.05", first_event_timeout=5, idle_timeout=5, total_timeout=5
        )
        assert read.error is None
        assert len(read.events) == 3


# A comment at once, the first event half a second later, then silence.
COMMENT_AND_EVENT = b": wait a\n\ndata: a\n\n".hex()
LATE_FIRST_EVENT = f"/given?hex={COMMENT_AND_EVENT}&size=10&delay=0.5&then=stall"


class TestIdleBeforeTheFirstEvent:
    """`idle_timeout` counts from the first event on, or from the beginning if it is alone."""

    def test_does_not_count_beside_a_first_event_timeout(self, reader: Reader) -> None:
        read = reader.read(LATE_FIRST_EVENT, first_event_timeout=30, idle_timeout=0.2)
        expect_timeout(read, "idle", 0.2, 1)
        assert read.seconds >= 0.7

    def test_counts_alone(self, reader: Reader) -> None:
        read = reader.read(LATE_FIRST_EVENT, idle_timeout=0.2, total_timeout=30)
        expect_timeout(read, "idle", 0.2, 0)
        assert read.seconds < 0.5

    def test_counts_after_it_though_it_is_longer(self, reader: Reader) -> None:
        read = reader.read("/stall?n=1", first_event_timeout=0.2, idle_timeout=0.5)
        expect_timeout(read, "idle", 0.5, 1)

    def test_does_not_hold_up_the_total(self, reader: Reader) -> None:
        options = {"first_event_timeout": 30, "idle_timeout": 20, "total_timeout": 0.7}
        expect_timeout(reader.read(LATE_FIRST_EVENT, **options), "total", 0.7, 1)

    def test_each_wait_counts_for_itself(self, reader: Reader) -> None:
        read = reader.read("/events?n=5&delay=0.2", first_event_timeout=30, idle_timeout=0.8)
        assert (read.error, len(read.events)) == (None, 5)
        assert read.seconds > 0.8


class TestHttp2:
    """Over HTTP/2 the socket is not ours to shut: other streams share it."""

    @pytest.mark.parametrize(
        ("path", "deadline", "options"),
        [
            ("/stall?n=0", "first_event", {"first_event_timeout": 0.2, "idle_timeout": 5}),
            ("/stall?n=2", "total", {"first_event_timeout": 0.2, "total_timeout": 0.4}),
            ("/stall?n=2", "idle", {"idle_timeout": 0.2, "total_timeout": 5}),
            ("/drip", "first_event", {"first_event_timeout": 0.3}),
            ("/trickle?delay=0.01", "total", {"total_timeout": 0.3}),
            (LATE_FIRST_EVENT, "idle", {"first_event_timeout": 30, "idle_timeout": 0.2}),
        ],
    )
    def test_sync(
        self, library: Any, http2_url: str, path: str, deadline: str, options: dict[str, float]
    ) -> None:
        with library.Client(base_url=http2_url, http1=False, http2=True) as client:
            began = time.perf_counter()
            with client.stream("GET", path) as response:
                assert response.http_version == "HTTP/2"
                stream = fastsse.iter_events(response, **options)
                with pytest.raises(fastsse.StreamTimeout) as caught:
                    list(stream)
            seconds = options[f"{deadline}_timeout"]
            assert caught.value.timeout == deadline
            assert seconds <= time.perf_counter() - began < seconds + LATE

    def test_async_leaves_other_streams_alone(
        self, library: Any, loop: Any, http2_url: str
    ) -> None:
        async def main() -> None:
            async with (
                library.AsyncClient(base_url=http2_url, http1=False, http2=True) as client,
                client.stream("GET", "/events?delay=0.2") as other,
            ):
                async with client.stream("GET", "/stall?n=1") as response:
                    stream = fastsse.iter_events(response, idle_timeout=0.1)
                    with pytest.raises(fastsse.StreamTimeout):
                        async for _ in stream:
                            pass
                assert len([event async for event in fastsse.iter_events(other)]) == 3

        loop(main)
