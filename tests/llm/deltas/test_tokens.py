"""`TokenReader` and `DeltaReader` count and yield tokens."""

import json
from typing import Any

import pytest
from delta_streams import USAGE, chat, completion
from reading_values import event

from fastsse import Parser
from fastsse._reader import StreamReader
from fastsse.llm import Delta, Token, Usage
from fastsse.llm.deltas import DeltaReader, TokenReader, tokens_of
from fastsse.llm.shapes import SHAPES


def recorded(reader: Any) -> Any:
    """When each token was received, from a reader that reads single events."""
    reader.read_from(StreamReader(Parser()))
    return reader.record()


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


def test_tokens_of_one_chunk_count_each() -> None:
    reader = TokenReader(SHAPES["openai-completions"])
    times = recorded(reader)
    chunk = '{"choices": [{"index": 0, "text": "abc", "token_ids": [1, 2, 3]}]}'
    tokens = list(reader.read(event(chunk)))
    assert tokens == [Token("abc", 1), Token("", 2), Token("", 3)]
    assert list(reader.read(event("[DONE]"))) == []
    assert reader.is_done
    assert len(times) == 3
