"""`iter_json` stops at the end of a stream, and leaves no cycle, timer or task behind."""

import asyncio
import gc
import json
import weakref
from typing import Any

import pytest
from reading import LOOPS
from reading_values import Arriving, adrain, drain, event, read, sse
from value_streams import SOURCES, STREAM, VALUES, parsed, pieces

from fastsse import iter_events
from fastsse.llm import IncompleteStreamError, iter_json


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

    @pytest.mark.parametrize("data", ["[DONE]x", "[DONE]\ndata: x", "[ DONE ]"])
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
