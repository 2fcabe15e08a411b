"""`iter_json`: the values of a stream, from everything that has one."""

import asyncio
import gc
import io
import itertools
import json
import logging
import time
import weakref
from collections.abc import Iterator
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import anyio
import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opening import ASYNC, SYNC
from reading import CLIENTS, LOOPS, WAYS, Reader, connections_of
from reading_values import Arriving, Got, adrain, drain, event, read, sse
from strategies import chunkings

import fastsse
from fastsse import ServerSentEvent, iter_events
from fastsse._reader import StreamReader
from fastsse.event_source import EventSource
from fastsse.llm import (
    DecodeError,
    IncompleteStreamError,
    JsonEvent,
    StreamError,
    ValueStream,
    iter_json,
)
from fastsse.llm.values import EventReader, JsonReader, json_decoder

VALUES: list[Any] = [1, "zwei ü", None, {"three": [3.5, True]}, []]
DATA = [json.dumps(value, ensure_ascii=False) for value in VALUES]
STREAM = sse(*DATA)


class Chunk(msgspec.Struct):
    text: str


def pieces(stream: bytes, size: int = 7) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def parsed(stream: bytes) -> list[ServerSentEvent]:
    return list(iter_events([stream]))


SOURCES: dict[str, Any] = {
    "bytes at once": lambda stream: [stream],
    "bytes in pieces": pieces,
    "bytes one by one, some of none": lambda stream: [b"", *pieces(stream, 1), b""],
    "bytearrays": lambda stream: [bytearray(piece) for piece in pieces(stream)],
    "views of bytes": lambda stream: tuple(memoryview(piece) for piece in pieces(stream)),
    "events": parsed,
    "events of an iterator": lambda stream: iter(parsed(stream)),
}
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
        with httpx.Client() as client, pytest.raises(TypeError, match="enter it with"):
            iter_json(client.stream("GET", "http://127.0.0.1:1/"))

    def test_one_that_raises(self, way: str) -> None:
        def items(first: Any) -> Iterator[Any]:
            yield from first
            raise ZeroDivisionError("mine")

        for first, values in (([], []), ([STREAM], VALUES), (parsed(STREAM), VALUES)):
            got = read(way, iter_json, items(first))
            assert got.values == values
            assert repr(got.error) == "ZeroDivisionError('mine')"


class TestTheEnd:
    def test_nothing_is_read_after_it(self, way: str) -> None:
        for items in ([STREAM, sse("[DONE]", "99"), sse("100")], [*parsed(STREAM + sse("[DONE]"))]):
            left = iter([*items, event("101") if len(items) > 3 else sse("101")])
            got = read(way, iter_json, left)
            assert (got.values, got.error) == (VALUES, None)
            assert list(left) != []

    def test_is_the_end_for_good(self, way: str) -> None:
        got = read(way, iter_json, [sse("1", "[DONE]", "2")])
        again = drain(got.stream) if way == "sync" else LOOPS[way](lambda: adrain(got.stream))
        assert (got.values, again.values, again.error) == ([1], [], None)

    @pytest.mark.parametrize(
        "line", [b"data:[DONE]\n\n", b"data: [DONE]\r\n\r\n", b"event: end\rdata: [DONE]\r\r"]
    )
    def test_in_every_framing(self, way: str, line: bytes) -> None:
        for size in (1, 100):
            got = read(way, iter_json, pieces(sse("1") + line + sse("2"), size))
            assert (got.values, got.error) == ([1], None)

    def test_is_no_text_that_says_it(self, way: str) -> None:
        told = ["[DONE]", ["[DONE]"], {"text": "[DONE]"}, "[DONE] and more"]
        got = read(way, iter_json, [sse(*map(json.dumps, told))])
        assert got.values == told

    @pytest.mark.parametrize("data", [" [DONE]", "[DONE] ", "[DONE]x", "[DONE]\ndata:"])
    def test_is_nothing_like_it(self, way: str, data: str) -> None:
        got = read(way, iter_json, [sse("1", data, "2")], on_error="skip")
        assert (got.values, got.error) == ([1, 2], None)
        assert got.stream.parse_failures == 1

    @pytest.mark.parametrize("end", [True, False])
    @pytest.mark.parametrize("source", ["bytes in pieces", "events"])
    def test_can_be_required(self, way: str, source: str, end: bool) -> None:
        stream = STREAM + (sse("[DONE]") if end else b"")
        got = read(way, iter_json, SOURCES[source](stream), require_end=True)
        assert got.values == VALUES
        if end:
            assert got.error is None
        else:
            assert isinstance(got.error, IncompleteStreamError)
            assert got.error.events == len(VALUES)

    def test_of_nothing_can_be_required(self, way: str) -> None:
        error = read(way, iter_json, [], require_end=True).error
        assert isinstance(error, IncompleteStreamError)
        assert error.events == 0


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
        stream = sse("1", "{half", "2", b'"\xff"', "[DONE] ", "3", "[DONE]")
        got = read(way, iter_json, [stream], on_error="skip", require_end=True)
        assert (got.values, got.error) == ([1, 2, 3], None)
        assert got.stream.parse_failures == 3
        records = [record for record in caplog.records if record.name.startswith("fastsse")]
        assert [record.levelname for record in records] == ["WARNING", "DEBUG", "DEBUG"]
        assert [vars(record)["parse_failures"] for record in records] == [1, 2, 3]
        assert "{half" in records[0].message
        assert "skipped" in records[0].message

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


class TestWhatIsLeft:
    """No cycle, no timer, no task."""

    def test_nothing_of_a_stream_that_is_dropped(self) -> None:
        gc.collect()
        gc.disable()
        try:
            for source in ([STREAM], parsed(STREAM)):
                stream = iter_json(source)
                for _ in stream:
                    break
                alive = weakref.ref(stream)
                del stream
                assert alive() is None
        finally:
            gc.enable()

    @pytest.mark.parametrize("data", ["[DONE]", '{"error": "busy"}', "{", "2"])
    def test_no_task(self, data: str) -> None:
        async def main() -> None:
            for items in ([sse("1", data, "3"), b": end\n"], parsed(sse("1", data, "3"))):
                await adrain(iter_json(Arriving(items)))
                assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())

    @pytest.mark.parametrize("data", ["[DONE]", '{"error": "busy"}', "{", "2"])
    def test_no_timer(self, data: str) -> None:
        async def main() -> None:
            loop: Any = asyncio.get_running_loop()
            for _ in range(3):
                chunks = Arriving([sse("1", data, "3"), b": end\n"])
                await adrain(iter_json(iter_events(chunks, total_timeout=3600)))
            gc.collect()
            # A guard that is dropped ends in the loop's next turn.
            await asyncio.sleep(0.01)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert not [timer for timer in loop._scheduled if not timer.cancelled()]

        asyncio.run(main())

    def test_no_task_of_next(self) -> None:
        async def main() -> None:
            for items in (pieces(STREAM), parsed(STREAM)):
                stream = iter_json(Arriving(items))
                for _ in range(3):
                    await anext(stream)
                    assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())


# After a break, trio finds the async generators of the client where they stand.
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
class TestResponses:
    """Over real ones."""

    @pytest.mark.parametrize("then", ["", "stall"])
    @pytest.mark.parametrize(
        ("client", "is_async"),
        [(client, is_async) for is_async, all in ((0, SYNC), (1, ASYNC)) for client in all],
    )
    def test_of_each_client(
        self, client: str, is_async: bool, then: str, url: str, certificate: Path
    ) -> None:
        library, opening, _ = (ASYNC if is_async else SYNC)[client]
        at = given_at(url, STREAM + sse("[DONE]"), size=11, then=then)
        opened = opening(library, at, certificate / "authority.pem", False)

        def read() -> Got:
            with opened as response:
                return drain(iter_json(response))

        async def aread() -> Got:
            async with opened as response:
                return await adrain(iter_json(response))

        got = asyncio.run(aread()) if is_async else read()
        assert (got.values, got.error) == (VALUES, None)
        assert got.stream.stats.events >= len(VALUES)
        assert got.stream.received_at_ns > 0

    def test_are_checked(self, reader: Reader) -> None:
        got, closed, connections = fetch(reader, f"{reader.url}/401")
        assert isinstance(got.error, fastsse.ResponseError)
        assert (got.error.status_code, got.values, closed, connections) == (401, [], True, 0)
        got, closed, connections = fetch(reader, f"{reader.url}/json")
        assert isinstance(got.error, fastsse.ContentTypeError)
        assert (closed, connections) == (True, 0)

    @pytest.mark.parametrize("data", ['{"error": "busy"}', "{", b'{"a": "\xff"}'])
    def test_are_closed_by_what_ends_them(self, reader: Reader, data: Any) -> None:
        at = given_at(reader.url, STREAM + sse(data), then="stall")
        got, closed, connections = fetch(reader, at)
        assert got.values == VALUES
        assert isinstance(got.error, fastsse.SSEError)
        assert (closed, connections) == (True, 0)

    def test_that_break_give_the_client_s_own_error(self, reader: Reader) -> None:
        got, _, connections = fetch(reader, given_at(reader.url, STREAM, then="cut"))
        assert got.values == VALUES
        assert isinstance(got.error, reader.library.RemoteProtocolError)
        assert connections == 0

    def test_that_stall_run_into_the_deadline_of_their_events(self, reader: Reader) -> None:
        at = given_at(reader.url, STREAM + b'data: {"half', then="stall")
        got, closed, connections = fetch(reader, at, idle_timeout=0.2)
        assert got.values == VALUES
        assert isinstance(got.error, fastsse.StreamTimeout)
        assert (got.error.timeout, got.error.buffered) == ("idle", b'{"half')
        assert (closed, connections) == (True, 0)

    @pytest.mark.parametrize(
        ("rest", "error"), [(b"", IncompleteStreamError), (b'data: {"half', DecodeError)]
    )
    def test_that_end_too_soon(self, reader: Reader, rest: bytes, error: type[Exception]) -> None:
        at = given_at(reader.url, STREAM + rest)
        got, closed, connections = fetch(reader, at, require_end=True)
        assert got.values == VALUES
        assert isinstance(got.error, error)
        assert (closed, connections) == (True, 0)

    @pytest.mark.parametrize("library", CLIENTS)
    def test_of_a_source_that_asks_again(self, library: str, way: str, url: str) -> None:
        """Each connection gives two values; the source goes on until there is [DONE]."""
        first = given_at(url, b"retry: 0\n" + sse("1", "2"))
        last = given_at(url, sse("3", "[DONE]", "4"), then="stall")
        asked = []

        def turn(request: Any) -> None:
            asked.append(request.url)
            if len(asked) > 1:
                request.url = type(request.url)(last)

        async def aturn(request: Any) -> None:
            turn(request)

        def main() -> Got:
            hooks = {"request": [turn]}
            with CLIENTS[library].Client(event_hooks=hooks) as client:
                with iter_json(EventSource(client, "GET", first)) as stream:
                    got = drain(stream)
                assert connections_of(client) == 0
                return got

        async def amain() -> Got:
            hooks = {"request": [aturn]}
            async with CLIENTS[library].AsyncClient(event_hooks=hooks) as client:
                async with iter_json(EventSource(client, "GET", first)) as stream:
                    got = await adrain(stream)
                assert connections_of(client) == 0
                return got

        got = main() if way == "sync" else LOOPS[way](amain)
        assert (got.values, got.error) == ([1, 2, 3], None)
        assert len(asked) == 2

    @pytest.mark.parametrize("library", CLIENTS)
    @pytest.mark.parametrize("loop", LOOPS)
    def test_that_are_cancelled(self, library: str, loop: str, url: str) -> None:
        at = given_at(url, STREAM, then="stall")
        values = []

        async def main() -> None:
            async with CLIENTS[library].AsyncClient(verify=False) as client:
                async with client.stream("GET", at) as response:
                    stream = iter_json(response)
                    with anyio.move_on_after(0.3) as scope:
                        async for value in stream:
                            values.append(value)
                    assert scope.cancelled_caught
                    with pytest.raises(RuntimeError, match="interrupted the stream"):
                        await anext(stream)
                assert connections_of(client) == 0

        LOOPS[loop](main)
        assert values == VALUES

    @pytest.mark.parametrize("library", CLIENTS)
    def test_are_closed_with_their_stream(self, library: str, way: str, url: str) -> None:
        at = given_at(url, STREAM, then="stall")

        def main() -> None:
            with CLIENTS[library].Client(verify=False) as client:
                response = client.send(client.build_request("GET", at), stream=True)
                with iter_json(response) as stream:
                    assert next(stream) == 1
                assert response.is_closed
                assert connections_of(client) == 0

        async def amain() -> None:
            async with CLIENTS[library].AsyncClient(verify=False) as client:
                response = await client.send(client.build_request("GET", at), stream=True)
                async with iter_json(response) as stream:
                    assert await anext(stream) == 1
                assert response.is_closed
                assert connections_of(client) == 0

        main() if way == "sync" else LOOPS[way](amain)


def given_at(url: str, stream: bytes, **query: Any) -> str:
    """Where the server sends that stream."""
    return f"{url}/given?{urlencode({'hex': stream.hex(), **query})}"


def fetch(
    reader: Reader, url: str, *, idle_timeout: float | None = None, **options: Any
) -> tuple[Got, bool, int]:
    """What came, whether the response was closed then, and how many connections were not."""

    def source(response: Any) -> Any:
        return iter_events(response, idle_timeout=idle_timeout) if idle_timeout else response

    def main() -> tuple[Got, bool, int]:
        with reader.library.Client(verify=False) as client:
            with client.stream("GET", url) as response:
                got = drain(iter_json(source(response), **options))
                closed = response.is_closed
            return got, closed, connections_of(client)

    async def amain() -> tuple[Got, bool, int]:
        async with reader.library.AsyncClient(verify=False) as client:
            async with client.stream("GET", url) as response:
                got = await adrain(iter_json(source(response), **options))
                closed = response.is_closed
            return got, closed, connections_of(client)

    return main() if reader.way == "sync" else LOOPS[reader.way](amain)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('e"\\ü\n\r\u2028\ufeff\U0001f600[DONE]', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["error", "a", "ü", ""]), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def said(draw: st.DrawFn) -> tuple[list[str], list[bytes]]:
    """The data of some events, and their stream in some chunks."""
    data = []
    for value in draw(st.lists(JSON, max_size=6)):
        indent = draw(st.sampled_from([None, 1]))
        data.append(json.dumps(value, ensure_ascii=draw(st.booleans()), indent=indent))
    if draw(st.booleans()):
        data.insert(draw(st.integers(0, len(data))), "[DONE]")
    end = draw(st.sampled_from(["\n", "\r", "\r\n"]))
    blocks = [
        "".join(f"data: {line}{end}" for line in text.split("\n")) + ": between" + end + end
        for text in data
    ]
    return data, draw(chunkings("".join(blocks).encode()))


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=150, deadline=None)
@given(said())
def test_gives_what_json_gives_of_each_data(way: str, given: tuple[list[str], list[bytes]]) -> None:
    data, chunks = given
    expected = []
    error = None
    for text in data:
        if text == "[DONE]":
            break
        value = json.loads(text)
        if isinstance(value, dict) and value.get("error") is not None:
            error = value["error"]
            break
        expected.append(value)
    got = read(way, iter_json, chunks)
    # Equal numbers may be of different types.
    assert repr(got.values) == repr(expected)
    if error is None:
        assert got.error is None
    else:
        assert isinstance(got.error, StreamError)
        assert repr(got.error.error) == repr(error)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60, deadline=None)
@given(
    said(), st.lists(st.integers(1, 3), max_size=6), st.sampled_from(["chunks", "stream", "events"])
)
def test_loses_and_repeats_nothing_however_often_it_is_left(
    way: str, given: tuple[list[str], list[bytes]], takes: list[int], kind: str
) -> None:
    _, chunks = given
    whole = read(way, iter_json, chunks)

    def over(items: Any) -> ValueStream[Any]:
        return iter_json(iter_events(items) if kind == "stream" else items)

    def take() -> Got:
        stream = over(parsed(b"".join(chunks)) if kind == "events" else chunks)
        taken: list[Any] = []
        with suppress(fastsse.SSEError):
            for count in takes:
                taken += itertools.islice(stream, count)
        rest = drain(stream)
        return Got(taken + rest.values, rest.error, stream)

    async def atake() -> Got:
        stream = over(Arriving(parsed(b"".join(chunks)) if kind == "events" else chunks))
        taken: list[Any] = []
        with suppress(fastsse.SSEError, StopAsyncIteration):
            for count in takes:
                async with aclosing(aiter(stream)) as values:
                    for _ in range(count):
                        taken.append(await anext(values))
        rest = await adrain(stream)
        return Got(taken + rest.values, rest.error, stream)

    got = take() if way == "sync" else LOOPS[way](atake)
    assert repr(got.values) == repr(whole.values)
    assert repr(got.error) == repr(whole.error)


@pytest.mark.parametrize("rest", [b"data: 2", b"data: 2\n", b"data: [DONE]\n"])
def test_a_last_event_without_its_blank_line_counts(rest: bytes) -> None:
    values = list(iter_json([b"data: 1\n\n" + rest], require_end=b"DONE" in rest))
    assert values == ([1] if b"DONE" in rest else [1, 2])


def test_a_last_event_that_was_cut_off_is_seen() -> None:
    values = iter_json([b'data: 1\n\ndata: {"a": '])
    assert next(values) == 1
    with pytest.raises(DecodeError):
        next(values)
