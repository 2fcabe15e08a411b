"""`iter_json` raises errors or skips events, and continues after a break."""

import logging
from typing import Any

import pytest
from reading import LOOPS
from reading_values import Arriving, adrain, drain, read, sse
from value_streams import SOURCES, STREAM, VALUES, parsed, pieces

import fastsse
from fastsse import iter_events
from fastsse.llm import DecodeError, StreamError, ValueStream, iter_json


class TestErrors:
    @pytest.mark.parametrize("source", ["bytes at once", "bytes in pieces", "events"])
    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            ('{"text": "half', DecodeError),
            (b'"\xff"', DecodeError),
            ('{"error": {"message": "busy"}}', StreamError),
        ],
    )
    def test_come_after_the_values_before_them_and_again(
        self, way: str, source: str, data: Any, kind: type[Exception]
    ) -> None:
        got = read(way, iter_json, SOURCES[source](STREAM + sse(data, "99")))
        again = drain(got.stream) if way == "sync" else LOOPS[way](lambda: adrain(got.stream))
        assert got.values == VALUES
        assert type(got.error) is kind
        assert (again.values, again.error) == ([], got.error)

    def test_of_an_event_s_type(self, way: str) -> None:
        got = read(way, iter_json, [sse("1") + b"event: error\ndata: the server is busy\n\n"])
        assert got.values == [1]
        assert isinstance(got.error, StreamError)
        assert got.error.message == "the server is busy"

    def test_of_the_events_themselves(self, way: str) -> None:
        def make(source: Any) -> ValueStream[Any]:
            return iter_json(iter_events(source, max_event_size=3))

        got = read(way, make, [sse("1", "2", "12345", "3")])
        assert got.values == [1, 2]
        assert isinstance(got.error, fastsse.EventTooLargeError)

    def test_that_are_null_are_none(self, way: str) -> None:
        assert read(way, iter_json, [sse('{"error": null}')]).values == [{"error": None}]

    @pytest.mark.parametrize("option", ["", "ignore", None, True])
    def test_what_to_do_with_them(self, option: Any) -> None:
        with pytest.raises(ValueError, match='on_error: expected "raise" or "skip", got'):
            iter_json([], on_error=option)


class TestSkipping:
    def test_passes_over_what_is_no_value(self, way: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, "fastsse.llm")
        stream = sse("1", "{half", "2", b'"\xff"', "[DONE", "3", "[DONE]")
        got = read(way, iter_json, [stream], on_error="skip", require_end=True)
        assert (got.values, got.error) == ([1, 2, 3], None)
        assert got.stream.parse_failures == 3
        records = [record for record in caplog.records if record.name.startswith("fastsse")]
        assert [record.levelname for record in records] == ["WARNING", "DEBUG", "DEBUG"]
        assert [vars(record)["parse_failures"] for record in records] == [1, 2, 3]
        assert "{half" in records[0].message
        assert "skipped" in records[0].message

    @pytest.mark.parametrize("on_error", ["raise", "skip"])
    def test_an_empty_event_keeps_alive_and_is_no_failure(self, way: str, on_error: Any) -> None:
        stream = b"data:\n\n" + sse("1") + b"data: \n\ndata: \ndata:\n\n" + sse("2", "[DONE]")
        got = read(way, iter_json, [stream], on_error=on_error, require_end=True)
        assert (got.values, got.error) == ([1, 2], None)
        assert got.stream.parse_failures == 0

    def test_counts_nothing_where_all_are_values(self, way: str) -> None:
        assert read(way, iter_json, [STREAM], on_error="skip").stream.parse_failures == 0

    def test_counts_nothing_where_it_raises(self, way: str) -> None:
        assert read(way, iter_json, [sse("{")]).stream.parse_failures == 0

    def test_shows_no_more_than_a_preview(self, way: str, caplog: pytest.LogCaptureFixture) -> None:
        read(way, iter_json, [sse("{" + "x" * 100_000)], on_error="skip")
        assert len(caplog.records[0].message) < 700

    def test_does_not_pass_over_other_errors(self, way: str) -> None:
        got = read(way, iter_json, [sse('{"error": "busy"}')], on_error="skip")
        assert isinstance(got.error, StreamError)
        got = read(way, iter_json, [sse("1"), "2"], on_error="skip")
        assert isinstance(got.error, TypeError)


class TestGoingOn:
    @pytest.mark.parametrize("source", SOURCES)
    def test_after_a_break(self, way: str, source: str) -> None:
        items = SOURCES[source](STREAM + sse("[DONE]", "99"))

        def take() -> list[Any]:
            stream = iter_json(items)
            taken = []
            while True:
                for value in stream:
                    taken.append(value)
                    break
                else:
                    return taken

        async def atake() -> list[Any]:
            stream = iter_json(Arriving(items))
            taken = []
            while True:
                values = aiter(stream)
                try:
                    taken.append(await anext(values))
                except StopAsyncIteration:
                    return taken
                finally:
                    await values.aclose()

        assert (take() if way == "sync" else LOOPS[way](atake)) == VALUES

    @pytest.mark.parametrize("source", SOURCES)
    def test_with_next(self, way: str, source: str) -> None:
        items = SOURCES[source](STREAM + sse("[DONE]", "99"))

        def take() -> list[Any]:
            stream = iter_json(items)
            taken = [next(stream), next(stream), *stream]
            with pytest.raises(StopIteration):
                next(stream)
            return taken

        async def atake() -> list[Any]:
            stream = iter_json(Arriving(items))
            taken = [await anext(stream), await anext(stream)]
            taken += [value async for value in stream]
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            return taken

        assert (take() if way == "sync" else LOOPS[way](atake)) == VALUES

    def test_closing(self) -> None:
        source = iter(pieces(STREAM))
        generator = (piece for piece in source)
        with iter_json(generator) as stream:
            assert next(stream) == 1
        with pytest.raises(RuntimeError, match="closed before"):
            next(stream)
        assert next(generator, None) is None
        stream.close()

    def test_closing_events(self) -> None:
        generator = (each for each in parsed(STREAM))
        with iter_json(generator) as stream:
            assert next(stream) == 1
        for _ in range(2):
            with pytest.raises(RuntimeError, match="closed before"):
                next(stream)

    def test_closing_after_the_end(self) -> None:
        for source in ([STREAM], parsed(STREAM)):
            with iter_json(source) as stream:
                assert list(stream) == VALUES
            assert list(stream) == []

    @pytest.mark.parametrize("way", LOOPS)
    def test_closing_what_arrives(self, way: str) -> None:
        async def main() -> None:
            for items in (pieces(STREAM), parsed(STREAM)):
                source = Arriving(items)
                async with iter_json(source) as stream:
                    assert await anext(stream) == 1
                assert source.closed == 1
                with pytest.raises(RuntimeError, match="closed before"):
                    await anext(stream)

        LOOPS[way](main)
