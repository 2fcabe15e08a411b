"""The three timeouts over httpx and httpx2, in each way of waiting, against a real server."""

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from reading import LOOPS, Reader, connections_of

import fastsse
from fastsse._reader import StreamReader
from fastsse.clients import source_of
from fastsse.deadlines import Deadlines

# After a break, trio finds the async generators of the client and ours where they stand.
pytestmark = [
    pytest.mark.net,
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]

# A passed deadline is reported not before its time, and long before a machine would be stuck.
LATE = 2.0
# Seconds before a stream that its clocks started: more than a deadline may be late.
SPENT = 5.0


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


class TestClocksThatStartedBefore:
    """A stream may be told when its clocks started, such as when its request was sent."""

    @pytest.mark.parametrize(
        ("given", "deadline", "left"),
        [
            ((SPENT + 0.2, None, None), "first_event", 0.2),
            ((None, None, SPENT + 0.2), "total", 0.2),
            ((0.3, None, None), "first_event", 0.0),
            ((None, None, 0.3), "total", 0.0),
            # A wait for bytes begins when it begins.
            ((None, 0.5, None), "idle", 0.5),
            ((None, 0.5, 30), "idle", 0.5),
        ],
    )
    def test_count_what_was_spent(
        self, reader: Reader, given: Any, deadline: str, left: float
    ) -> None:
        got = read_since(reader, "/stall?n=0", Deadlines(*given))
        error = got.error
        assert isinstance(error, fastsse.StreamTimeout)
        assert (error.timeout, error.seconds) == (deadline, given[ORDER.index(deadline)])
        assert left <= got.seconds < left + LATE
        assert error.elapsed >= SPENT + left
        assert got.connections == 0

    def test_count_until_the_first_event(self, reader: Reader) -> None:
        got = read_since(reader, "/events?n=2", Deadlines(30, None, None))
        assert (got.error, got.events) == (None, 2)
        assert got.first_event is not None
        assert got.first_event >= SPENT

    def test_count_for_the_total_after_the_first_event_too(self, reader: Reader) -> None:
        got = read_since(reader, "/trickle?delay=0.01", Deadlines(30, 30, SPENT + 0.3))
        assert isinstance(got.error, fastsse.StreamTimeout)
        assert got.error.timeout == "total"
        assert got.events > 0
        assert got.seconds < 0.3 + LATE
        assert got.error.elapsed >= SPENT + 0.3


ORDER = ["first_event", "idle", "total"]


class ReadSince(NamedTuple):
    """What came of reading a path with clocks that had started."""

    events: int
    error: Exception | None
    seconds: float
    first_event: int
    connections: int


def read_since(reader: Reader, path: str, deadlines: Deadlines) -> ReadSince:
    def stream_of(response: Any) -> fastsse.EventStream:
        started_ns = time.perf_counter_ns() - int(SPENT * 1e9)
        return fastsse.EventStream(
            source_of(response),
            StreamReader(fastsse.Parser(), started_ns=started_ns),
            deadlines,
        )

    def result(stream: Any, error: Any, began: float, client: Any) -> ReadSince:
        stats = stream.stats
        seconds = time.perf_counter() - began
        connections = connections_of(client)
        return ReadSince(stats.events, error, seconds, stats.first_event or 0, connections)

    def main() -> ReadSince:
        error = None
        with reader.library.Client(base_url=reader.url) as client:
            with client.stream("GET", path) as response:
                began = time.perf_counter()
                stream = stream_of(response)
                try:
                    for _ in stream:
                        pass
                except fastsse.StreamTimeout as caught:
                    error = caught
            return result(stream, error, began, client)

    async def amain() -> ReadSince:
        error = None
        async with reader.library.AsyncClient(base_url=reader.url) as client:
            async with client.stream("GET", path) as response:
                began = time.perf_counter()
                stream = stream_of(response)
                try:
                    async for _ in stream:
                        pass
                except fastsse.StreamTimeout as caught:
                    error = caught
            return result(stream, error, began, client)

    got: ReadSince = main() if reader.way == "sync" else LOOPS[reader.way](amain)
    return got


class TestClientTimeout:
    """Ours take the place of the client's own read timeout, which is 5 seconds by default."""

    @pytest.mark.parametrize(
        "options",
        [{"idle_timeout": 5}, {"total_timeout": 5}, {"first_event_timeout": 5}],
        ids=lambda options: next(iter(options)),
    )
    def test_a_longer_one_of_ours_wins(self, library: Any, url: str, options: Any) -> None:
        timeout = library.Timeout(5, read=0.1)
        with (
            library.Client(base_url=url, timeout=timeout) as client,
            client.stream("GET", "/events?n=2&delay=0.3") as response,
        ):
            assert len(list(fastsse.iter_events(response, **options))) == 2
            extensions = response.request.extensions["timeout"]
            assert extensions["connect"] == 5

    def test_a_longer_one_of_ours_wins_async(self, library: Any, loop: Any, url: str) -> None:
        async def main() -> None:
            async with (
                library.AsyncClient(base_url=url, timeout=library.Timeout(5, read=0.1)) as client,
                client.stream("GET", "/events?n=2&delay=0.3") as response,
            ):
                stream = fastsse.iter_events(response, total_timeout=5)
                assert len([event async for event in stream]) == 2

        loop(main)

    def test_without_ours_it_is_the_client_s(self, library: Any, url: str) -> None:
        with (
            library.Client(base_url=url, timeout=library.Timeout(5, read=0.2)) as client,
            client.stream("GET", "/stall?n=1") as response,
        ):
            events = iter(fastsse.iter_events(response))
            assert next(events).data == "event 0 ü"
            with pytest.raises(library.ReadTimeout):
                next(events)

    def test_the_caller_s_own_timeouts_are_not_changed(self, library: Any, url: str) -> None:
        timeouts = {"connect": 5, "read": 5, "write": 5, "pool": 5}
        with (
            library.Client(base_url=url) as client,
            client.stream("GET", "/events", extensions={"timeout": timeouts}) as response,
        ):
            list(fastsse.iter_events(response, idle_timeout=2))
        assert timeouts["read"] == 5


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
