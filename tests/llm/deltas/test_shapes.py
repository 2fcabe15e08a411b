"""`deltas` detects the shape of a stream, and buffers events until it is known."""

import json
from typing import Any

import pytest
from delta_streams import HI, USAGE, chat, texts
from reading import LOOPS
from reading_values import adrain, drain, read, sse

from fastsse import iter_events
from fastsse.llm import (
    DecodeError,
    Delta,
    IncompleteStreamError,
    StreamError,
    UnknownShapeError,
    Usage,
    deltas,
)
from fastsse.llm.deltas import MAX_HELD_EVENTS
from fastsse.llm.shapes import SHAPES

NEUTRAL = {"choices": []}


class TestShapes:
    def test_there_is_a_stream_here_for_each(self) -> None:
        assert HI.keys() == SHAPES.keys()

    @pytest.mark.parametrize("shape", HI)
    def test_are_recognised(self, way: str, shape: str) -> None:
        got = read(way, deltas, [HI[shape]])
        assert (texts(got), got.error) == (["Hi"], None)

    @pytest.mark.parametrize("shape", HI)
    def test_are_recognised_after_what_may_be_of_any(self, way: str, shape: str) -> None:
        neutral = sse(json.dumps(NEUTRAL)) * MAX_HELD_EVENTS
        got = read(way, deltas, [neutral, HI[shape]])
        assert (texts(got), got.error) == (["Hi"], None)

    @pytest.mark.parametrize("shape", HI)
    def test_can_be_named(self, way: str, shape: str) -> None:
        for items in ([HI[shape]], list(iter_events([HI[shape]]))):
            got = read(way, deltas, items, shape=shape)
            assert (texts(got), got.error) == (["Hi"], None)

    def test_that_is_named_is_the_one_that_is_read(self, way: str) -> None:
        got = read(way, deltas, [sse(chat("Hi"))], shape="gemini")
        assert (got.values, got.error) == ([], None)

    @pytest.mark.parametrize("name", ["", "openai", "Gemini", 7])
    def test_names_that_are_none_are_told_those_that_are(self, name: Any) -> None:
        with pytest.raises(ValueError, match="expected one of") as caught:
            deltas([], shape=name)
        assert f"{', '.join(SHAPES)}, got {name!r}" in str(caught.value)


class TestUnknownShapes:
    def test_are_an_error_that_lists_those_known(self, way: str) -> None:
        data = ['{"hello": 1}', *['{"world": 2}'] * MAX_HELD_EVENTS]
        got = read(way, deltas, [sse(*data, chat("late"))])
        assert got.values == []
        assert isinstance(got.error, UnknownShapeError)
        assert got.error.known == tuple(SHAPES)
        assert got.error.event is not None
        assert got.error.event.data == '{"hello": 1}'
        assert all(name in str(got.error) for name in SHAPES)
        assert '{"hello": 1}' in str(got.error)

    def test_are_found_no_later_than_that(self, way: str) -> None:
        left = iter([sse(*['{"hello": 1}'] * (MAX_HELD_EVENTS + 1)), b"unread"])
        assert isinstance(read(way, deltas, left).error, UnknownShapeError)
        assert next(left) == b"unread"

    def test_at_the_end(self, way: str) -> None:
        for require_end in (False, True):
            got = read(way, deltas, [sse('{"hello": 1}')], require_end=require_end)
            assert isinstance(got.error, UnknownShapeError)

    def test_at_the_end_that_is_said(self, way: str) -> None:
        left = iter([sse('{"hello": 1}', "[DONE]"), b"unread"])
        assert isinstance(read(way, deltas, left).error, UnknownShapeError)
        assert next(left) == b"unread"

    def test_are_raised_again(self, way: str) -> None:
        got = read(way, deltas, [sse('{"hello": 1}')])
        again = drain(got.stream) if way == "sync" else LOOPS[way](lambda: adrain(got.stream))
        assert (again.values, again.error) == ([], got.error)

    def test_are_not_what_has_no_event(self, way: str) -> None:
        got = read(way, deltas, [b": comment\n\n"])
        assert (got.values, got.error) == ([], None)
        assert isinstance(read(way, deltas, [], require_end=True).error, IncompleteStreamError)

    def test_are_not_what_only_ends(self, way: str) -> None:
        left = iter([sse("[DONE]"), b"unread"])
        got = read(way, deltas, left, require_end=True)
        assert isinstance(got.error, IncompleteStreamError)
        assert str(got.error) == "the stream ended after 1 event, without an answer"
        assert (got.values, got.error.is_empty) == ([], True)
        assert next(left) == b"unread"
        assert read(way, deltas, [sse("[DONE]")]).error is None

    def test_are_not_what_is_no_object(self, way: str) -> None:
        for data in ('"ping"', "[]", "1", "null", "ping"):
            got = read(way, deltas, [sse(data, chat("Hi"))])
            assert isinstance(got.error, DecodeError)
            assert got.error.event.data == data

    def test_are_not_errors(self, way: str) -> None:
        for first in ([], [json.dumps(NEUTRAL)], [chat("Hi")]):
            got = read(way, deltas, [sse(*first, '{"error": {"message": "busy"}}')])
            assert isinstance(got.error, StreamError)
            assert got.error.message == "busy"
            assert len(got.values) == (first == [chat("Hi")])


class TestWhatIsHeld:
    def test_comes_first(self, way: str) -> None:
        held = json.dumps({"choices": [], "usage": USAGE})
        got = read(way, deltas, [sse(held, chat("Hi"))])
        usage = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)
        assert got.values == [Delta(usage=usage), Delta(text="Hi")]
        assert got.stream.usage == usage

    def test_comes_once(self, way: str) -> None:
        held = json.dumps({"choices": [], "usage": USAGE})
        got = read(way, deltas, [sse(held), sse(chat("a")), sse(chat("b"), "[DONE]")])
        assert texts(got) == ["", "a", "b"]

    def test_does_not_take_along_what_tells_the_shape(self, way: str) -> None:
        # An object, and of no shape: but not one that this shape can read.
        odd = '{"choices": 7}'
        for on_error in ("raise", "skip"):
            got = read(way, deltas, [sse(odd, chat("a"), chat("b"))], on_error=on_error)
            assert (texts(got), got.error) == (["a", "b"], None)


def test_sources_give_the_same(way: str) -> None:
    stream = sse(json.dumps(NEUTRAL), chat("a"), chat("b"), chat(end="stop"), "[DONE]", "never")
    events = list(iter_events([stream]))
    sources: list[Any] = [
        [stream],
        [stream[at : at + 3] for at in range(0, len(stream), 3)],
        events,
    ]
    for source in sources:
        assert texts(read(way, deltas, source, require_end=True)) == ["a", "b", ""]
    got = read(way, lambda source, **options: deltas(iter_events(source), **options), [stream])
    assert texts(got) == ["a", "b", ""]
