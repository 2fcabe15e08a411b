"""`deltas`: which shape a stream has, what is held until that is known, and where it ends."""

import json
import logging
from typing import Any

import pytest
from reading import LOOPS, Reader
from reading_values import Arriving, Got, adrain, drain, event, read, sse

from fastsse import Parser, iter_events
from fastsse._reader import StreamReader
from fastsse.llm import (
    DecodeError,
    Delta,
    IncompleteStreamError,
    StreamError,
    Token,
    UnknownShapeError,
    Usage,
    deltas,
)
from fastsse.llm.deltas import MAX_HELD_EVENTS, DeltaReader, TokenReader, tokens_of
from fastsse.llm.shapes import SHAPES

NEUTRAL = {"choices": []}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def chat(text: str | None = None, index: int = 0, end: str | None = None, **delta: Any) -> str:
    said = delta if text is None else {"content": text, **delta}
    choice = {"index": index, "delta": said, "finish_reason": end}
    return json.dumps({"object": "chat.completion.chunk", "choices": [choice]})


def completion(text: str, **more: Any) -> str:
    choice = {"index": 0, "text": text, "finish_reason": None, **more}
    return json.dumps({"object": "text_completion", "choices": [choice]})


def recorded(reader: Any) -> Any:
    """When each token was received, from a reader that reads single events."""
    reader.read_from(StreamReader(Parser()))
    return reader.record()


def texts(got: Got) -> list[str]:
    return [delta.text for delta in got.values]


# A stream of each, which says "Hi".
HI: dict[str, bytes] = {
    "openai-chat": sse(chat("Hi")),
    "openai-completions": sse(completion("Hi")),
    "openai-responses": sse('{"type": "response.output_text.delta", "delta": "Hi"}'),
    "openai-assistants": b"event: thread.message.delta\n"
    + sse('{"delta": {"content": [{"type": "text", "text": {"value": "Hi"}}]}}'),
    "anthropic": sse('{"type": "content_block_delta", "delta": {"text": "Hi"}}'),
    "gemini": sse('{"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}'),
    "cohere": sse('{"type": "content-delta", "delta": {"message": {"content": {"text": "Hi"}}}}'),
    "watsonx": sse('{"results": [{"generated_text": "Hi", "stop_reason": "not_finished"}]}'),
    "writer": sse('{"value": "Hi"}'),
}


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
        assert (got.values, got.error) == ([], None)
        assert next(left) == b"unread"

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


class TestSkipping:
    @pytest.mark.parametrize(
        "data", ["ping", '"ping"', "[]", "{", '{"choices": 7}', b'{"a":"\xff"}']
    )
    @pytest.mark.parametrize("at", [0, 1])
    def test_passes_over_what_is_no_chunk(
        self, way: str, data: Any, at: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, "fastsse.llm")
        chunks: list[Any] = [chat("a"), chat("b", end="stop")]
        chunks.insert(at, data)
        got = read(way, deltas, [sse(*chunks)], on_error="skip", require_end=True)
        assert (texts(got), got.error) == (["a", "b"], None)
        skipped = 0 if (data, at) == ('{"choices": 7}', 0) else 1
        assert got.stream.parse_failures == skipped == len(caplog.records)

    def test_is_not_the_default(self, way: str) -> None:
        got = read(way, deltas, [sse(chat("a"), "ping", chat("b"))])
        assert texts(got) == ["a"]
        assert isinstance(got.error, DecodeError)

    def test_is_no_use_against_errors(self, way: str) -> None:
        stream = sse(chat("a")) + b"event: error\ndata: busy\n\n" + sse(chat("b"))
        got = read(way, deltas, [stream], on_error="skip")
        assert texts(got) == ["a"]
        assert isinstance(got.error, StreamError)


class TestTheEnd:
    @pytest.mark.parametrize(
        ("data", "is_whole"),
        [
            ([], False),
            ([chat("a")], False),
            ([chat("a"), "[DONE]"], True),
            ([chat("a", end="stop")], True),
            ([chat("a"), chat(end="stop")], True),
            ([chat("a"), chat("b", 1), chat(end="stop")], False),
            ([chat("a"), chat("b", 1), chat(end="stop"), chat(index=1, end="length")], True),
            ([chat("b", 1), chat(index=1, end="stop")], True),
            ([chat("a", end="stop"), chat(index=1, reasoning_content="hm")], False),
            (
                [chat("a", end="stop"), chat(index=1, tool_calls=[{"index": 0, "id": "x"}])],
                False,
            ),
            ([chat("a", end="stop"), json.dumps({"choices": [], "usage": USAGE})], True),
            (['{"type": "message_start"}'], False),
            (['{"type": "message_start"}', '{"type": "message_stop"}'], True),
            (['{"type": "response.created"}'], False),
            (['{"type": "response.completed", "response": {}}'], True),
            (['{"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}'], True),
            (['{"candidates": [{"finishReason": "STOP"}]}'], True),
            (['{"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}'], False),
        ],
    )
    def test_can_be_required(self, way: str, data: list[str], is_whole: bool) -> None:
        assert read(way, deltas, [sse(*data)]).error is None
        error = read(way, deltas, [sse(*data)], require_end=True).error
        if is_whole:
            assert error is None
        else:
            assert isinstance(error, IncompleteStreamError)
            assert error.events == len(data)

    def test_nothing_is_read_after_it(self, way: str) -> None:
        for end in ("[DONE]", '{"type": "message_stop"}'):
            left = iter([HI["anthropic"] + sse(end) + HI["anthropic"], b"unread"])
            assert texts(read(way, deltas, left)) == ["Hi"]
            assert next(left) == b"unread"

    def test_what_an_event_adds_comes_before_the_end_that_it_is(self, way: str) -> None:
        end = '{"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}'
        got = read(way, deltas, [HI["cohere"] + sse(end) + HI["cohere"]])
        assert [delta.finish_reason for delta in got.values] == [None, "stop"]

    def test_is_not_a_finish_reason(self, way: str) -> None:
        usage = json.dumps({"choices": [], "usage": USAGE})
        got = read(way, deltas, [sse(chat("a", end="stop"), usage, "[DONE]")])
        assert got.stream.finish_reason == "stop"
        assert got.stream.usage.total_tokens == 3


class TestWhatIsKept:
    def test_is_known_as_far_as_it_came(self) -> None:
        usage = json.dumps({"choices": [], "usage": USAGE})
        stream = deltas([sse(chat("a"), chat("b", end="length"), usage)])
        assert (stream.finish_reason, stream.usage) == (None, None)
        next(stream)
        assert (stream.finish_reason, stream.usage) == (None, None)
        next(stream)
        assert (stream.finish_reason, stream.usage) == ("length", None)
        next(stream)
        assert stream.usage == Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)

    def test_is_the_reason_of_the_first_choice(self, way: str) -> None:
        got = read(way, deltas, [sse(chat(index=1, end="length"), chat(end="stop"), chat("x", 1))])
        assert got.stream.finish_reason == "stop"
        assert read(way, deltas, [sse(chat(index=1, end="length"))]).stream.finish_reason is None

    def test_is_completed_by_a_later_usage(self, way: str) -> None:
        first = json.dumps({"choices": [], "usage": {"prompt_tokens": 5}})
        later = json.dumps({"choices": [], "usage": {"completion_tokens": 7}})
        got = read(way, deltas, [sse(chat("a"), first, later)])
        assert got.stream.usage == Usage(prompt_tokens=5, completion_tokens=7, total_tokens=12)


def test_a_break_between_two_deltas_of_one_event(way: str) -> None:
    both = json.dumps({**json.loads(chat("a", end="stop")), "usage": USAGE})
    source = [sse(both), sse(chat("b"))]

    def take() -> list[Delta]:
        stream = deltas(source)
        taken = []
        for delta in stream:
            taken.append(delta)
            break
        return [*taken, next(stream), *stream]

    async def atake() -> list[Delta]:
        stream = deltas(Arriving(source))
        taken = [await anext(stream), await anext(stream)]
        return taken + [delta async for delta in stream]

    taken = take() if way == "sync" else LOOPS[way](atake)
    assert [delta.text for delta in taken] == ["a", "", "b"]
    assert [delta.usage is None for delta in taken] == [True, False, True]


def test_a_break_before_the_end_of_one_event(way: str) -> None:
    end = '{"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}'
    source = [HI["cohere"] + sse(end), HI["cohere"]]

    def take() -> list[Delta]:
        stream = deltas(source)
        return [next(stream), next(stream), *stream, *stream]

    async def atake() -> list[Delta]:
        stream = deltas(Arriving(source))
        taken = [await anext(stream), await anext(stream)]
        taken += [delta async for delta in stream]
        return taken + [delta async for delta in stream]

    taken = take() if way == "sync" else LOOPS[way](atake)
    assert [delta.text for delta in taken] == ["Hi", ""]


# After the end, trio finds the async generators of the client where they stand.
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
@pytest.mark.parametrize("then", ["", "stall"])
def test_over_real_responses(reader: Reader, then: str) -> None:
    stream = sse(chat("a"), chat("ü"), chat(end="stop"), "[DONE]")
    url = f"{reader.url}/given?hex={stream.hex()}&size=50&then={then}"

    def main() -> Got:
        with reader.library.Client() as client, client.stream("GET", url) as response:
            return drain(deltas(response, require_end=True))

    async def amain() -> Got:
        client = reader.library.AsyncClient()
        async with client, client.stream("GET", url) as response:
            return await adrain(deltas(response, require_end=True))

    got = main() if reader.way == "sync" else LOOPS[reader.way](amain)
    assert (texts(got), got.error) == (["a", "ü", ""], None)
    assert got.stream.finish_reason == "stop"
    assert got.stream.stats.events >= 3


class TestTokens:
    @pytest.mark.parametrize(
        ("delta", "tokens"),
        [
            (Delta(), []),
            (Delta(text="a"), [("a", None)]),
            (Delta(text="a", token_ids=(7,)), [("a", 7)]),
            (Delta(token_ids=(7,)), [("", 7)]),
            (Delta(text="abc", token_ids=(7, 8, 9)), [("abc", 7), ("", 8), ("", 9)]),
            (
                Delta(text="abc", token_ids=(7, 8), logprobs={"tokens": ["a", "bc"]}),
                [("a", 7), ("bc", 8)],
            ),
            (
                Delta(text="abc", token_ids=(7, 8), logprobs={"tokens": ["ab", "", "c"]}),
                [("abc", 7), ("", 8)],
            ),
            (
                Delta(text="abc", token_ids=(7, 8), logprobs={"tokens": ["token_id:7", "x"]}),
                [("abc", 7), ("", 8)],
            ),
            (
                Delta(text="ab", token_ids=(7, 8), logprobs={"tokens": ["a", None]}),
                [("ab", 7), ("", 8)],
            ),
            (Delta(text="ab", token_ids=(7, 8), logprobs={"tokens": None}), [("ab", 7), ("", 8)]),
            (Delta(text="ab", token_ids=(7, 8), logprobs=["a", "b"]), [("ab", 7), ("", 8)]),
            (Delta(finish_reason="stop", usage=Usage(total_tokens=7)), []),
            (Delta(reasoning="hm"), []),
        ],
    )
    def test_of_a_delta(self, delta: Delta, tokens: list[Any]) -> None:
        assert list(tokens_of(delta)) == [Token(*token) for token in tokens]

    def test_of_a_stream(self) -> None:
        logprobs = {"tokens": ["Hel", "lo"]}
        data = [
            completion("Hello", token_ids=[1, 2], logprobs=logprobs),
            completion("", finish_reason="stop", token_ids=[3]),
            json.dumps({"choices": [], "usage": USAGE}),
            "[DONE]",
        ]
        reader = TokenReader(SHAPES["openai-completions"])
        recorded(reader)
        found = [reader.read(event(each)) for each in data]
        assert [list(map(str, each)) for each in found[:2]] == [
            [str(Token("Hel", 1)), str(Token("lo", 2))],
            [str(Token("", 3))],
        ]
        assert found[3:] == [[]]
        assert reader.is_done
        assert reader.finish_reason == "stop"
        assert reader.usage is not None
        assert reader.usage.completion_tokens == 2


def test_what_counts_as_a_token() -> None:
    reader = DeltaReader(SHAPES["openai-chat"])
    times = recorded(reader)
    call = {"index": 0, "id": "x", "function": {"name": "f", "arguments": ""}}
    said = [
        chat("a"),
        chat(reasoning_content="hm"),
        chat(tool_calls=[call]),
        chat(""),
        chat(end="stop"),
        json.dumps({"choices": [], "usage": USAGE}),
        "[DONE]",
    ]
    counts = []
    for data in said:
        reader.read(event(data))
        counts.append(len(times))
    assert counts == [1, 2, 3, 3, 3, 3, 3]


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


def test_tokens_of_one_chunk_count_each() -> None:
    reader = TokenReader(SHAPES["openai-completions"])
    times = recorded(reader)
    chunk = '{"choices": [{"index": 0, "text": "abc", "token_ids": [1, 2, 3]}]}'
    tokens = list(reader.read(event(chunk)))
    assert tokens == [Token("abc", 1), Token("", 2), Token("", 3)]
    assert list(reader.read(event("[DONE]"))) == []
    assert reader.is_done
    assert len(times) == 3
