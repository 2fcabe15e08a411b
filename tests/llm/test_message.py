"""Whole answers: of deltas put together, and as a server sends them at once."""

import json
from typing import Any

import msgspec
import pytest

from fastsse.llm import (
    Choice,
    DecodeError,
    Delta,
    Message,
    StreamError,
    ToolCall,
    ToolCallDelta,
    Usage,
    accumulate,
    message_of,
)


def part(index: int | None = 0, **fields: Any) -> Delta:
    return Delta(tool_calls=(ToolCallDelta(index=index, **fields),))


class TestAccumulate:
    def test_everything_of_one_choice(self) -> None:
        message = accumulate(
            [
                Delta(reasoning="let "),
                Delta(reasoning="me see"),
                Delta(text="a", token_ids=(1, 2)),
                Delta(text="b", token_ids=(3,)),
                part(id="i", name="f", arguments="{"),
                part(arguments="}"),
                Delta(finish_reason="tool_calls"),
                Delta(usage=Usage(prompt_tokens=1)),
            ]
        )
        assert message == Message(
            choices=(
                Choice(
                    text="ab",
                    reasoning="let me see",
                    tool_calls=(ToolCall(id="i", name="f", arguments="{}"),),
                    finish_reason="tool_calls",
                    token_ids=(1, 2, 3),
                ),
            ),
            usage=Usage(prompt_tokens=1),
        )
        assert (message.text, message.reasoning) == ("ab", "let me see")
        assert message.tool_calls == message.choices[0].tool_calls
        assert message.finish_reason == "tool_calls"
        assert message.token_ids == (1, 2, 3)

    def test_nothing(self) -> None:
        assert accumulate([]) == Message(choices=(Choice(),))
        assert accumulate([]).text == ""

    def test_choices_that_take_turns(self) -> None:
        message = accumulate(
            [
                Delta(text="c", index=1),
                Delta(text="a"),
                Delta(text="d", index=1, finish_reason="length"),
                Delta(text="b", finish_reason="stop"),
            ]
        )
        assert message.choices == (
            Choice(text="ab", finish_reason="stop"),
            Choice(text="cd", finish_reason="length", index=1),
        )
        assert message.text == "ab"

    def test_parallel_calls_that_take_turns(self) -> None:
        calls = accumulate(
            [
                Delta(
                    tool_calls=tuple(ToolCallDelta(index=n, id=f"i{n}", name="f") for n in (3, 1))
                ),
                part(1, arguments="1"),
                part(3, arguments="3"),
                part(1, arguments="1"),
            ]
        ).tool_calls
        assert calls == (
            ToolCall(id="i3", name="f", arguments="3"),
            ToolCall(id="i1", name="f", arguments="11"),
        )

    def test_calls_without_index_are_whole(self) -> None:
        calls = accumulate([part(None, name="f", arguments="{}"), part(None, name="f")]).tool_calls
        assert calls == (
            ToolCall(id="", name="f", arguments="{}"),
            ToolCall(id="", name="f", arguments=""),
        )

    def test_calls_of_which_all_have_one_index(self) -> None:
        calls = accumulate(
            [part(id="i", name="f", arguments="1"), part(id="j", name="f", arguments="2")]
        ).tool_calls
        assert calls == (
            ToolCall(id="i", name="f", arguments="1"),
            ToolCall(id="j", name="f", arguments="2"),
        )

    @pytest.mark.parametrize(
        "parts",
        [
            [part(0, id="i", name="f"), part(None, arguments="12"), part(None, arguments="34")],
            [part(None, id="i", name="f"), part(None, arguments="12"), part(None, arguments="34")],
            [part(None, id="i", name="f"), part(None, id="i", arguments="1234")],
            [part(0, id="i", name="f"), part(1, arguments="12"), part(2, arguments="34")],
            [part(0, id="i", name="f"), part(1, id="i", name="f", arguments="1234")],
            [part(0, id="i", arguments="12"), part(0, name="f", arguments="34")],
            [part(None, id="i", name="f", arguments="12"), part(None, name="f", arguments="34")],
        ],
        ids=[
            "index once",
            "no index",
            "id again",
            "index of the part",
            "all again",
            "a late name",
            "name again",
        ],
    )
    def test_a_part_continues_the_call_that_it_names_or_the_open_one(
        self, parts: list[Delta]
    ) -> None:
        assert accumulate(parts).tool_calls == (ToolCall(id="i", name="f", arguments="1234"),)

    def test_a_part_with_the_id_of_an_earlier_call_is_of_that(self) -> None:
        calls = accumulate(
            [part(None, id=i, name="f", arguments="1") for i in ("a", "b")]
            + [part(None, id="a", arguments="2"), part(None, arguments="3")]
        ).tool_calls
        assert [(call.id, call.arguments) for call in calls] == [("a", "123"), ("b", "1")]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ({"index": 0}, {"index": 0}),
            ({"index": 0, "id": "i"}, {"index": 0, "id": "i"}),
            ({"index": 0, "id": "i"}, {"index": 1, "id": "i"}),
        ],
        ids=["an index", "an index and an id", "an id"],
    )
    def test_whole_calls_that_share_something_are_two(self, first: Any, second: Any) -> None:
        parts = [
            part(**first, name="f", arguments='{"a": '),
            part(first["index"], arguments="1}"),
            part(**second, name="g", arguments='{"b": 2}'),
        ]
        found = [(call.name, call.arguments) for call in accumulate(parts).tool_calls]
        assert found == [("f", '{"a": 1}'), ("g", '{"b": 2}')]

    def test_a_name_in_parts_is_joined(self) -> None:
        parts = [part(id="i", name="get_"), part(name="weather"), part(arguments="{}")]
        again = [*parts, part(name="weather", arguments=" ")]
        assert accumulate(again).tool_calls == (
            ToolCall(id="i", name="get_weather", arguments="{} "),
        )

    def test_what_is_told_again_is_the_same_call(self) -> None:
        again = [
            part(id="i", name="f", arguments="1"),
            part(id="i", name="f", arguments="2"),
            part(id="other", arguments="3"),
            part(id="", name="", arguments="4"),
        ]
        assert accumulate(again).tool_calls == (ToolCall(id="i", name="f", arguments="1234"),)

    def test_a_later_usage_completes_an_earlier_one(self) -> None:
        message = accumulate(
            [
                Delta(usage=Usage(prompt_tokens=5, completion_tokens=1, total_tokens=6)),
                Delta(usage=Usage(completion_tokens=3, reasoning_tokens=0)),
            ]
        )
        assert message.usage == Usage(
            prompt_tokens=5, completion_tokens=3, total_tokens=8, reasoning_tokens=0
        )

    def test_a_total_that_the_server_says_is_kept(self) -> None:
        earlier = Usage(prompt_tokens=5, completion_tokens=1)
        assert earlier.updated(Usage(total_tokens=9)).total_tokens == 9

    def test_as_json(self) -> None:
        message = accumulate([Delta(text="a"), Delta(usage=Usage(prompt_tokens=1))])
        assert msgspec.json.decode(msgspec.json.encode(message), type=Message) == message


class TestMessageOf:
    """What a server of OpenAI's API sends where no stream is asked for."""

    @staticmethod
    def chat(**message: Any) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        return json.dumps(
            {"object": "chat.completion", "choices": [choice], "usage": usage}
        ).encode()

    @pytest.mark.parametrize(
        "body",
        [
            {"choices": [{"message": {"content": "hi"}, "error": {"message": "busy"}}]},
            {"choices": [{"message": {"content": "hi"}}], "x_groq": {"error": "busy"}},
        ],
    )
    def test_errors_beside_the_message(self, body: dict[str, Any]) -> None:
        with pytest.raises(StreamError, match="busy"):
            message_of(json.dumps(body).encode())

    def test_chat(self) -> None:
        assert message_of(self.chat(content="a", reasoning_content="r", refusal=None)) == Message(
            choices=(Choice(text="a", reasoning="r", finish_reason="stop"),),
            usage=Usage(prompt_tokens=3, completion_tokens=4, total_tokens=7),
        )

    def test_calls(self) -> None:
        calls = [
            {"id": f"i{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            for n in (0, 1)
        ]
        assert message_of(self.chat(content=None, tool_calls=calls)).tool_calls == (
            ToolCall(id="i0", name="f", arguments="{}"),
            ToolCall(id="i1", name="f", arguments="{}"),
        )

    def test_choices(self) -> None:
        body = json.dumps(
            {"choices": [
                {"index": 1, "message": {"content": "b"}, "finish_reason": "length"},
                {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"},
            ]}
        )  # fmt: skip
        assert message_of(body.encode()).choices == (
            Choice(text="a", finish_reason="stop"),
            Choice(text="b", finish_reason="length", index=1),
        )

    def test_completion(self) -> None:
        body = json.dumps(
            {"object": "text_completion",
             "choices": [
                 {"index": 0, "text": "ab", "finish_reason": "length", "token_ids": [7, 8]}],
             "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
        )  # fmt: skip
        message = message_of(body.encode())
        assert (message.text, message.token_ids) == ("ab", (7, 8))
        assert message.finish_reason == "length"
        assert message.usage == Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)

    def test_error(self) -> None:
        with pytest.raises(StreamError, match="no such model"):
            message_of(b'{"error": {"message": "no such model", "code": 404}}')

    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b'{"detail": "x"}', b'{"choices": null}', b"[]", b"[DONE]",
                 b'{"choices": [], "id": "\xff"}'],
    )  # fmt: skip
    def test_no_answer(self, body: bytes) -> None:
        with pytest.raises(DecodeError):
            message_of(body)
