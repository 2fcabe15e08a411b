"""`iter_json` reads every kind of source, and decodes the types that it is given."""

import asyncio
import io
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import msgspec
import pytest
from reading_values import Arriving, adrain, drain, event, read, sse
from value_streams import SOURCES, STREAM, VALUES, parsed, pieces

import fastsse
from fastsse import iter_events
from fastsse._reader import StreamReader
from fastsse.llm import DecodeError, JsonEvent, StreamError, ValueStream, iter_json
from fastsse.llm.values import EventReader, JsonReader, json_decoder


class Chunk(msgspec.Struct):
    text: str


TYPES = "a response of .*, or an iterable or async iterable of bytes"


class TestSources:
    @pytest.mark.parametrize("source", SOURCES)
    def test_iterables(self, way: str, source: str) -> None:
        got = read(way, iter_json, SOURCES[source](STREAM))
        assert (got.values, got.error) == (VALUES, None)
        assert got.stream.stats.events == len(VALUES)

    def test_a_file(self) -> None:
        assert list(iter_json(io.BytesIO(STREAM))) == VALUES

    def test_generators(self) -> None:
        async def events() -> Any:
            for each in parsed(STREAM):
                yield each

        async def chunks() -> Any:
            for piece in pieces(STREAM):
                yield piece

        async def main() -> None:
            for source in (events, chunks):
                assert [value async for value in iter_json(source())] == VALUES

        asyncio.run(main())
        assert list(iter_json(each for each in parsed(STREAM))) == VALUES

    def test_event_streams(self, way: str) -> None:
        streams = []

        def make(source: Any) -> ValueStream[Any]:
            streams.append(iter_events(source, last_event_id="7"))
            return iter_json(streams[0])

        got = read(way, make, [STREAM])
        assert got.values == VALUES
        assert got.stream.received_at_ns == streams[0].received_at_ns > 0
        assert got.stream.stats == streams[0].stats

    def test_nothing(self, way: str) -> None:
        for nothing in ([], [b""], [b": comment\n\n"]):
            got = read(way, iter_json, nothing)
            assert (got.values, got.error) == ([], None)

    @pytest.mark.parametrize("source", [STREAM, "x", 7, None, object(), event("1"), json, {"a": 1}])
    def test_what_is_none(self, source: Any) -> None:
        with pytest.raises(TypeError, match=f"expected {TYPES}, got {type(source).__name__}"):
            iter_json(source)

    @pytest.mark.parametrize("item", [None, 7, "data: 1\n\n", [1], {"a": 1}, object()])
    def test_items_of_none(self, way: str, item: Any) -> None:
        name = type(item).__name__
        for items in ([item], [STREAM, item]):
            got = read(way, iter_json, items)
            assert got.values == (VALUES if len(items) > 1 else [])
            assert isinstance(got.error, TypeError)
            assert f"bytes-like object, got {name}" in str(got.error)
        got = read(way, iter_json, [event("1"), item])
        assert got.values == [1]
        assert str(got.error) == f"expected an event, like the first item, got {name}"

    def test_events_after_bytes(self, way: str) -> None:
        got = read(way, iter_json, [STREAM, event("1")])
        assert got.values == VALUES
        assert "bytes-like object, got ServerSentEvent" in str(got.error)

    def test_the_events_of_others_are_told_as_what_they_are(self) -> None:
        import httpx_sse

        got = drain(iter_json([httpx_sse.ServerSentEvent(data="1")]))
        assert "bytes-like object, got ServerSentEvent" in str(got.error)

    def test_the_wrong_way(self) -> None:
        for items in ([STREAM], parsed(STREAM)):
            got = drain(iter_json(Arriving(items)))
            assert str(got.error) == "Arriving is asynchronous: expected `async for`, got `for`"
            got = asyncio.run(adrain(iter_json(items)))
            assert str(got.error) == "list is synchronous: expected `for`, got `async for`"

    def test_a_response_that_is_not_awaited(self) -> None:
        async def request() -> None:
            """Nothing."""

        with closing(request()) as waiting, pytest.raises(TypeError, match="await it first"):
            iter_json(waiting)
        with httpx.Client() as client, pytest.raises(TypeError, match="pass the response that"):
            iter_json(client.stream("GET", "http://127.0.0.1:1/"))

    def test_one_that_raises(self, way: str) -> None:
        def items(first: Any) -> Iterator[Any]:
            yield from first
            raise ZeroDivisionError("mine")

        for first, values in (([], []), ([STREAM], VALUES), (parsed(STREAM), VALUES)):
            got = read(way, iter_json, items(first))
            assert got.values == values
            assert repr(got.error) == "ZeroDivisionError('mine')"


class TestTypes:
    def test_a_struct(self, way: str) -> None:
        got = read(way, iter_json, [sse('{"text": "ü", "more": [1]}')], type=Chunk)
        assert got.values == [Chunk("ü")]

    @pytest.mark.parametrize(
        ("kind", "data", "value"),
        [
            (int, "1", 1),
            (list[int], "[1, 2]", [1, 2]),
            (dict[str, Chunk], '{"a": {"text": "x"}}', {"a": Chunk("x")}),
            (int | None, "null", None),
            (msgspec.Raw, "[ 1]", msgspec.Raw(b"[ 1]")),
        ],
    )
    def test_others(self, kind: Any, data: str, value: Any) -> None:
        assert list(iter_json([sse(data)], type=kind)) == [value]

    def test_another_value_is_an_error(self, way: str) -> None:
        got = read(way, iter_json, [sse('{"text": "a"}', '{"text": 7}')], type=Chunk)
        assert got.values == [Chunk("a")]
        assert isinstance(got.error, DecodeError)
        assert "Expected `str`, got `int` - at `$.text`" in str(got.error)

    def test_an_error_in_the_stream_is_one_whatever_the_type(self, way: str) -> None:
        for data in ('{"error": "busy"}', '{"text": "x", "error": "busy"}', '{"error": {"a": 1}}'):
            got = read(way, iter_json, [sse(data)], type=Chunk, on_error="skip")
            assert isinstance(got.error, StreamError)

    def test_bytes_that_are_not_utf8_in_what_is_skipped(self, way: str) -> None:
        data = b'{"text": "x", "other": "\xe2\x82"}'
        got = read(way, iter_json, [sse(data)], type=Chunk)
        assert isinstance(got.error, DecodeError)
        assert "'utf-8' codec can't decode" in got.error.reason
        assert got.error.event.data_bytes == data

    def test_what_is_no_type(self) -> None:
        with pytest.raises(TypeError):
            iter_json([], type=object())  # type: ignore[call-overload]


class TestEventReader:
    """What gives the name of each event too, for a client's `post`."""

    def test_names_each_event(self) -> None:
        reader = EventReader(json_decoder(Chunk))
        reader.read_from(StreamReader(fastsse.Parser()))
        assert reader.read(event('{"text": "a"}')) == [JsonEvent("message", Chunk("a"))]
        assert reader.read(event('{"text": "b"}', "delta")) == [JsonEvent("delta", Chunk("b"))]
        assert not reader.is_complete
        assert reader.read(event("[DONE]", "end")) == []
        assert reader.is_complete

    def test_counts_what_adds_something(self) -> None:
        for reader in (EventReader(json_decoder(None)), JsonReader(json_decoder(None))):
            reader.read_from(StreamReader(fastsse.Parser()))
            times = reader.record()
            counts = []
            for data in ("1", "null", "[DONE]", "2"):
                reader.read(event(data))
                counts.append(len(times))
            # Nothing counts after the end.
            assert counts == [1, 2, 2, 2]
