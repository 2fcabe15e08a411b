"""`deltas` stops at the end of a stream, skips bad events, and keeps usage and finish reason."""

import json
import logging
from typing import Any

import pytest
from delta_streams import HI, USAGE, chat, texts
from reading import DROPS, LOOPS, Reader
from reading_values import Arriving, Got, adrain, drain, read, sse

from fastsse.llm import DecodeError, Delta, IncompleteStreamError, StreamError, Usage, deltas


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


class TestErrorsOfGateways:
    ERROR = {"message": "upstream is gone", "code": 502}  # noqa: RUF012

    @pytest.mark.parametrize(
        "last",
        [
            {"choices": [], "error": ERROR},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": ERROR}]},
            {"choices": [{"index": 0, "delta": {"content": "!"}, "error": "upstream is gone"}]},
            {"choices": [], "x_groq": {"id": "r", "error": "upstream is gone"}},
            {"object": "error", **ERROR},
        ],
        ids=["at the top", "on the choice", "with a text", "of Groq", "an error object"],
    )
    def test_come_after_the_text_before_them(self, way: str, last: dict[str, Any]) -> None:
        got = read(way, deltas, [sse(chat("half"), json.dumps(last), "[DONE]")])
        assert [delta.text for delta in got.values] == ["half"]
        assert isinstance(got.error, StreamError)
        assert got.error.message == "upstream is gone"

    def test_of_a_completion(self, way: str) -> None:
        chunks = [{"choices": [{"text": "half"}]}, {"choices": [{"text": "", "error": self.ERROR}]}]
        got = read(way, deltas, [sse(*map(json.dumps, chunks))])
        assert isinstance(got.error, StreamError)
        assert got.error.code == 502


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
            (['{"type": "message_start"}', '{"type": "message_stop"}'], False),
            (
                [
                    '{"type": "message_start"}',
                    '{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}',
                    '{"type": "message_stop"}',
                ],
                True,
            ),
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


@DROPS
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
