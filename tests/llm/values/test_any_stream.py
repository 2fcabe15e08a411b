"""`iter_json` decodes random streams as `json` does, in any chunks and after any breaks."""

import itertools
import json
from contextlib import aclosing, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import LOOPS, WAYS
from reading_values import Arriving, Got, adrain, drain, read
from strategies import chunkings
from value_streams import parsed

import fastsse
from fastsse import iter_events
from fastsse.llm import DecodeError, StreamError, ValueStream, iter_json

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
        if isinstance(value, dict) and value.get("error"):
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
