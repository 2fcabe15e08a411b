"""`iter_json` reports statistics of the stream that it reads."""

import time
from collections.abc import Iterator

from reading_values import event, read, sse
from value_streams import STREAM, VALUES, parsed, pieces

from fastsse import ServerSentEvent, iter_events
from fastsse.llm import iter_json


class TestStats:
    def test_of_bytes_are_those_of_their_stream(self, way: str) -> None:
        began = time.perf_counter_ns()
        got = read(way, iter_json, pieces(STREAM))
        stats = got.stream.stats
        assert (stats.bytes, stats.chunks) == (len(STREAM), len(pieces(STREAM)))
        assert began < got.stream.received_at_ns < time.perf_counter_ns()
        assert stats == got.stream.stats

    def test_of_events_count_these(self, way: str) -> None:
        began = time.perf_counter_ns()
        got = read(way, iter_json, parsed(STREAM))
        stats = got.stream.stats
        assert stats[:5] == (0, 0, 0, len(VALUES), 0)
        assert 0 <= stats.first_event <= stats.elapsed
        assert began < got.stream.received_at_ns < time.perf_counter_ns()
        assert stats == got.stream.stats

    def test_before(self) -> None:
        for source in ([STREAM], parsed(STREAM), iter_events([STREAM])):
            stream = iter_json(source)
            assert stream.stats == (0, 0, 0, 0, 0, None, 0)
            assert (stream.received_at_ns, stream.parse_failures) == (0, 0)

    def test_are_of_the_value_last_yielded(self) -> None:
        def chunks() -> Iterator[bytes]:
            yield sse("1", "2")
            time.sleep(0.02)
            yield sse("3")

        came = []
        stream = iter_json(chunks())
        for _ in stream:
            came.append(stream.received_at_ns)
        assert came[0] == came[1]
        assert came[2] - came[1] >= 20_000_000

    def test_of_events_know_when_the_first_came(self) -> None:
        def events() -> Iterator[ServerSentEvent]:
            yield event("1")
            time.sleep(0.02)
            yield event("2")

        stream = iter_json(events())
        assert list(stream) == [1, 2]
        stats = stream.stats
        assert stats.first_event is not None
        assert stats.elapsed - stats.first_event >= 0.02

    def test_of_a_source_that_knows_when_its_events_came(self) -> None:
        events = iter_events([STREAM])

        class Source:
            received_at_ns = 7

            def __iter__(self) -> Iterator[ServerSentEvent]:
                return iter(events)

        stream = iter_json(Source())
        assert list(stream) == VALUES
        assert stream.received_at_ns == 7
