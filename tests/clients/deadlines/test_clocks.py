"""Timeouts of a stream may start before the stream, such as with its request."""

import time
from typing import Any, NamedTuple

import pytest
from reading import DROPS, LATE, LOOPS, Reader, connections_of

import fastsse
from fastsse._reader import StreamReader
from fastsse.clients import source_of
from fastsse.deadlines import Deadlines

pytestmark = [pytest.mark.net, DROPS]

# Seconds before a stream that its clocks started: more than a deadline may be late.
SPENT = 5.0


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
