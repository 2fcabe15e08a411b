"""The shapes of answers: by hand, as recorded, and beside what the SDKs accumulate."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from mistralai.client import Mistral
from mistralai.client.models import TextChunk
from recorded import recorded_streams
from sdk_servers import ANTHROPIC, AZURE, OPENAI, Replay, Sdk, call_of
from serving import serve

import fastsse
from fastsse import ServerSentEvent
from fastsse.llm import (
    DONE,
    DecodeError,
    Delta,
    Done,
    Message,
    StreamError,
    ToolCallDelta,
    Usage,
    accumulate,
)
from fastsse.llm.shapes import SHAPES, Shape, recognise


def event_of(data: Any, event: str = "message") -> ServerSentEvent:
    return ServerSentEvent(event=event, data=data if isinstance(data, str) else json.dumps(data))


def read(shape: str, *data: Any) -> list[Delta | Done]:
    """What the events of one stream add, each given by its data, or by its type and its data."""
    reader = SHAPES[shape].reader()
    events = [
        event_of(each[1], each[0]) if type(each) is tuple else event_of(each) for each in data
    ]
    return [delta for event in events for delta in reader(event)]


def chat(delta: Any, **choice: Any) -> dict[str, Any]:
    """A chunk of a chat."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None} | choice]}


def call(index: int | None = 0, **fields: Any) -> Delta:
    return Delta(tool_calls=(ToolCallDelta(index=index, **fields),))


def usage_of(prompt: int, completion: int, **others: int) -> Usage:
    total = others.pop("total_tokens", prompt + completion)
    return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=total, **others)


class TestOpenAIChat:
    @pytest.mark.parametrize(
        ("delta", "expected"),
        [
            ({"content": "a"}, Delta(text="a")),
            ({"content": "", "refusal": "no"}, Delta(text="no")),
            ({"content": None, "reasoning_content": "r"}, Delta(reasoning="r")),
            ({"content": "", "reasoning": "r"}, Delta(reasoning="r")),
            ({"reasoning_content": "r", "reasoning": "r"}, Delta(reasoning="r")),
            (
                {"reasoning": "r", "reasoning_details": [{"text": "again"}]},
                Delta(reasoning="r"),
            ),
            (
                {"reasoning_details": [{"text": "r", "index": 0}, {"data": "x"}, {"summary": "s"}]},
                Delta(reasoning="rs"),
            ),
            (
                {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}]},
                Delta(reasoning="r"),
            ),
            (
                {"content": [{"type": "text", "text": "a"}, {"type": "reference", "ids": [1]}]},
                Delta(text="a"),
            ),
            (
                {"function_call": {"name": "f", "arguments": "{"}},
                call(name="f", arguments="{"),
            ),
            (
                {"tool_calls": [{"index": 1, "id": "i", "function": {"name": "f"}}]},
                call(1, id="i", name="f"),
            ),
            (
                {"tool_calls": [
                    {"index": 1, "id": None, "function": {"name": None, "arguments": "{}"}}]},
                call(1, arguments="{}"),
            ),
            ({"tool_calls": [{"id": "i", "function": None}]}, call(None, id="i")),
        ],
    )  # fmt: skip
    def test_delta(self, delta: Any, expected: Delta) -> None:
        assert read("openai-chat", chat(delta)) == [expected]

    @pytest.mark.parametrize(
        "delta",
        [{}, None, {"role": "assistant", "content": ""}, {"content": None, "tool_calls": None},
         {"content": [], "tool_calls": []}, {"reasoning": "", "reasoning_details": []},
         {"audio": {"data": "x"}}],
    )  # fmt: skip
    def test_nothing(self, delta: Any) -> None:
        assert read("openai-chat", chat(delta)) == []

    def test_parallel_calls(self) -> None:
        calls = [{"index": i, "id": str(i), "function": {"name": "f"}} for i in (0, 1)]
        expected = tuple(ToolCallDelta(index=i, id=str(i), name="f") for i in (0, 1))
        assert read("openai-chat", chat({"tool_calls": calls})) == [Delta(tool_calls=expected)]

    def test_choices(self) -> None:
        chunk = chat({"content": "a"})
        chunk["choices"] += chat({"content": "b"}, index=1, finish_reason="stop")["choices"]
        assert read("openai-chat", chunk) == [
            Delta(text="a"),
            Delta(text="b", index=1, finish_reason="stop"),
        ]

    @pytest.mark.parametrize(
        ("others", "expected"),
        [
            ({"reasoning_content": "r"}, {"reasoning": "r"}),
            ({"reasoning": "r"}, {"reasoning": "r"}),
            ({"reasoning_details": [{"text": "r"}]}, {"reasoning": "r"}),
            ({"tool_calls": [{"index": 0}]}, {"tool_calls": (ToolCallDelta(index=0),)}),
            ({"function_call": {}}, {"tool_calls": (ToolCallDelta(index=0),)}),
        ],
    )
    def test_text_and_more(self, others: Any, expected: Any) -> None:
        assert read("openai-chat", chat({"content": "a"} | others)) == [Delta(text="a", **expected)]

    @pytest.mark.parametrize("content", ["a", ""])
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            # Ids without a text: of a character of which the rest is to come.
            ("token_ids", (7, 8)),
            ("logprobs", {"content": [{"token": "a", "logprob": -1.5, "top_logprobs": []}]}),
            ("finish_reason", "length"),
        ],
    )
    def test_what_a_choice_adds(self, content: str, name: str, value: Any) -> None:
        assert read("openai-chat", chat({"content": content}, **{name: value})) == [
            Delta(text=content, **{name: value})
        ]

    def test_text_of_a_later_choice(self) -> None:
        assert read("openai-chat", chat({"content": "a"}, index=1)) == [Delta(text="a", index=1)]

    @pytest.mark.parametrize(
        ("usage", "expected"),
        [
            (
                {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
                usage_of(3, 4),
            ),
            (
                {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9,
                 "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
                 "completion_tokens_details": {"reasoning_tokens": 1}},
                usage_of(3, 4, total_tokens=9, cached_tokens=2, cache_write_tokens=1,
                         reasoning_tokens=1),
            ),
            (
                {"prompt_tokens": 3, "prompt_token_details": {"cached_tokens": 2},
                 "prompt_tokens_details": None, "completion_tokens_details": None},
                Usage(prompt_tokens=3, cached_tokens=2),
            ),
        ],
    )  # fmt: skip
    def test_usage(self, usage: Any, expected: Usage) -> None:
        end = chat({}, finish_reason="stop")
        both = [Delta(finish_reason="stop"), Delta(usage=expected)]
        assert read("openai-chat", end | {"usage": usage}) == both
        assert read("openai-chat", end | {"usage": None, "x_groq": {"usage": usage}}) == both
        assert read("openai-chat", end, {"choices": [], "usage": usage}) == both
        assert read("openai-chat", end | {"x_groq": {"id": "x"}}) == both[:1]
        both[0] = Delta(text="a")
        assert read("openai-chat", chat({"content": "a"}) | {"usage": usage}) == both
        groq = {"x_groq": {"usage": usage}}
        assert read("openai-chat", chat({"content": "a"}) | groq) == both

    def test_end(self) -> None:
        assert read("openai-chat", chat({"content": "[DONE]"}), "[DONE]") == [
            Delta(text="[DONE]"),
            DONE,
        ]

    def test_an_error_among_other_things(self) -> None:
        with pytest.raises(StreamError, match="Token limit") as caught:
            read("openai-chat", chat({}) | {"error": {"code": 400, "message": "Token limit"}})
        assert caught.value.code == 400

    def test_an_error_in_place_of_choices(self) -> None:
        with pytest.raises(StreamError, match="no room"):
            read("openai-chat", {"error": {"message": "no room"}, "choices": "none"})

    @pytest.mark.parametrize(
        "data", ['{"choices": [{"delta": {"con', '{"choices": 3}', "[]", "null"]
    )
    def test_what_is_no_chunk(self, data: str) -> None:
        with pytest.raises(DecodeError):
            read("openai-chat", data)

    def test_bad_utf8_in_what_is_not_read(self) -> None:
        event = ServerSentEvent(data_bytes=b'{"id": "\xff", "choices": []}')
        with pytest.raises(DecodeError, match="utf-8"):
            SHAPES["openai-chat"].reader()(event)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"), ("end_turn", "stop"), ("STOP", "stop"), ("COMPLETE", "stop"),
        ("eos_token", "stop"), ("stop_sequence", "stop"),
        ("length", "length"), ("max_tokens", "length"), ("MAX_TOKENS", "length"),
        ("max_output_tokens", "length"), ("model_length", "length"),
        ("tool_calls", "tool_calls"), ("tool_use", "tool_calls"), ("TOOL_CALL", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"), ("refusal", "content_filter"),
        ("SAFETY", "content_filter"),
        ("insufficient_system_resource", "insufficient_system_resource"),
    ],
)  # fmt: skip
def test_finish_reason(word: str, reason: str) -> None:
    assert read("openai-chat", chat({}, finish_reason=word)) == [Delta(finish_reason=reason)]


def test_openai_completions() -> None:
    def chunk(**choice: Any) -> dict[str, Any]:
        return {"object": "text_completion", "choices": [{"index": 0} | choice], "usage": None}

    logprobs = {"tokens": ["a", "b"], "token_logprobs": [-1.0, -2.0]}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert read(
        "openai-completions",
        chunk(text="ab", token_ids=[7, 8], logprobs=logprobs, prompt_token_ids=[1]),
        chunk(text="c", index=1),
        chunk(text="", finish_reason=None),
        chunk(text="", finish_reason="length"),
        {"object": "text_completion", "choices": [], "usage": usage},
        "[DONE]",
    ) == [
        Delta(text="ab", token_ids=(7, 8), logprobs=logprobs),
        Delta(text="c", index=1),
        Delta(finish_reason="length"),
        Delta(usage=usage_of(1, 2)),
        DONE,
    ]


class TestOpenAIResponses:
    USAGE: ClassVar = {
        "input_tokens": 5, "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 9,
    }  # fmt: skip
    END: ClassVar = usage_of(5, 4, cached_tokens=3, reasoning_tokens=2)

    @pytest.mark.parametrize(
        ("event", "expected"),
        [
            ({"type": "output_text.delta", "delta": "a", "logprobs": []}, Delta(text="a")),
            (
                {"type": "output_text.delta", "delta": "a", "logprobs": [{"token": "a"}]},
                Delta(text="a", logprobs=[{"token": "a"}]),
            ),
            ({"type": "refusal.delta", "delta": "no"}, Delta(text="no")),
            ({"type": "reasoning_text.delta", "delta": "r"}, Delta(reasoning="r")),
            ({"type": "reasoning_summary_text.delta", "delta": "r"}, Delta(reasoning="r")),
            (
                {"type": "output_item.added", "output_index": 2, "item": {
                    "type": "function_call", "id": "fc_1", "call_id": "i", "name": "f",
                    "arguments": ""}},
                call(2, id="i", name="f"),
            ),
            (
                {"type": "function_call_arguments.delta", "output_index": 2, "delta": "{"},
                call(2, arguments="{"),
            ),
            (
                {"type": "output_item.added", "output_index": 1, "item": {
                    "type": "custom_tool_call", "call_id": "i", "name": "f", "input": ""}},
                call(1, id="i", name="f"),
            ),
            (
                {"type": "custom_tool_call_input.delta", "output_index": 1, "delta": "x"},
                call(1, arguments="x"),
            ),
        ],
    )  # fmt: skip
    def test_event(self, event: Any, expected: Delta) -> None:
        event["type"] = f"response.{event['type']}"
        assert read("openai-responses", event) == [expected]

    @pytest.mark.parametrize(
        "event",
        [
            {"type": "response.created", "response": {"error": None, "usage": None, "output": []}},
            {"type": "response.output_text.done", "text": "whole"},
            {"type": "response.function_call_arguments.done", "arguments": "{}"},
            {"type": "response.mcp_call_arguments.delta", "delta": "{}"},
            {"type": "response.code_interpreter_call_code.delta", "delta": "x"},
            {"type": "response.output_item.added",
             "item": {"type": "tool_search_call", "arguments": {}, "call_id": "i"}},
            {"type": "response.new.kind", "delta": {"any": 1}},
        ],
    )  # fmt: skip
    def test_nothing(self, event: Any) -> None:
        assert read("openai-responses", event) == []

    @pytest.mark.parametrize(
        "kind", ["output_text", "reasoning_summary_text", "function_call_arguments"]
    )
    def test_what_adds_no_text(self, kind: str) -> None:
        event = {"type": f"response.{kind}.delta"}
        assert accumulate(read("openai-responses", event | {"delta": None})).text == ""
        for delta in (1, [], {"text": "a"}):
            with pytest.raises(DecodeError, match=f"`delta`, got {type(delta).__name__}"):
                read("openai-responses", event | {"delta": delta})

    @pytest.mark.parametrize(
        ("kind", "response", "reason"),
        [
            ("completed", {"output": [{"type": "reasoning"}, {"type": "message"}]}, "stop"),
            ("completed", {"output": [{"type": "message"}, {"type": "function_call"}]},
             "tool_calls"),
            ("completed", {"output": [{"type": "custom_tool_call"}]}, "tool_calls"),
            ("completed", {"output": [{"type": "mcp_call"}], "incomplete_details": None}, "stop"),
            ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
            ("incomplete", {"incomplete_details": {"reason": "content_filter"}},
             "content_filter"),
        ],
    )  # fmt: skip
    def test_end(self, kind: str, response: Any, reason: str) -> None:
        event = {"type": f"response.{kind}", "response": response | {"usage": self.USAGE}}
        assert read("openai-responses", event) == [
            Delta(finish_reason=reason, usage=self.END),
            DONE,
        ]

    @pytest.mark.parametrize(
        "event",
        [
            {"type": "response.failed",
             "response": {"error": {"code": "server_error", "message": "went wrong"}}},
            {"type": "error", "code": "server_error", "message": "went wrong"},
            ("error", {"type": "error", "code": "server_error", "message": "went wrong"}),
        ],
    )  # fmt: skip
    def test_error(self, event: Any) -> None:
        with pytest.raises(StreamError) as caught:
            read("openai-responses", event)
        assert (caught.value.message, caught.value.code) == ("went wrong", "server_error")


class TestOpenAIAssistants:
    def test_deltas(self) -> None:
        def step(*calls: Any) -> tuple[str, Any]:
            details = {"type": "tool_calls", "tool_calls": list(calls)}
            return "thread.run.step.delta", {"delta": {"step_details": details}}

        text = {"index": 0, "type": "text", "text": {"value": "a", "annotations": []}}
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        assert read(
            "openai-assistants",
            ("thread.run.created", {"status": "queued", "usage": None, "last_error": None}),
            step({"index": 0, "type": "code_interpreter", "code_interpreter": {"input": "x"}}),
            step({"index": 1, "id": "i", "function": {"name": "f", "arguments": "{}"}}),
            ("thread.message.delta", {"delta": {"content": [text]}}),
            ("thread.message.completed", {"content": [text]}),
            ("thread.run.step.completed", {"usage": usage}),
            ("thread.run.completed", {"usage": usage, "incomplete_details": None}),
            ("done", "[DONE]"),
        ) == [
            call(1, id="i", name="f", arguments="{}"),
            Delta(text="a"),
            Delta(finish_reason="stop", usage=usage_of(3, 4)),
            DONE,
        ]

    @pytest.mark.parametrize(
        ("kind", "details", "reason"),
        [
            ("requires_action", None, "tool_calls"),
            ("incomplete", {"reason": "max_completion_tokens"}, "length"),
        ],
    )
    def test_end(self, kind: str, details: Any, reason: str) -> None:
        event = (f"thread.run.{kind}", {"usage": None, "incomplete_details": details})
        assert read("openai-assistants", event) == [Delta(finish_reason=reason)]

    def test_error(self) -> None:
        run = {"last_error": {"code": "rate_limit_exceeded", "message": "slow down"}}
        with pytest.raises(StreamError, match="slow down"):
            read("openai-assistants", ("thread.run.failed", run))


class TestAnthropic:
    START: ClassVar = {"type": "message_start", "message": {"usage": {
        "input_tokens": 5, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 10,
        "output_tokens": 1}}}  # fmt: skip
    STARTED: ClassVar = Delta(usage=usage_of(45, 1, cached_tokens=30, cache_write_tokens=10))

    @staticmethod
    def start(index: int, **block: Any) -> dict[str, Any]:
        return {"type": "content_block_start", "index": index, "content_block": block}

    @staticmethod
    def delta(index: int, **delta: Any) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": delta}

    @staticmethod
    def stop(index: int) -> dict[str, Any]:
        return {"type": "content_block_stop", "index": index}

    def test_text_and_thinking(self) -> None:
        assert read(
            "anthropic",
            {"type": "ping"},
            self.start(0, type="thinking", thinking="", signature=""),
            self.delta(0, type="thinking_delta", thinking="r"),
            self.delta(0, type="signature_delta", signature="s"),
            self.stop(0),
            self.start(1, type="text", text="first"),
            self.delta(1, type="text_delta", text="a"),
            self.delta(1, type="citations_delta", citation={"cited_text": "c"}),
            self.stop(1),
            self.start(2, type="redacted_thinking", data="x"),
            self.start(3, type="compaction"),
            self.delta(3, type="compaction_delta", content="x"),
            {"type": "message_stop"},
        ) == [Delta(reasoning="r"), Delta(text="first"), Delta(text="a"), DONE]

    def test_calls(self) -> None:
        assert read(
            "anthropic",
            self.start(1, type="tool_use", id="i", name="f", input={}),
            self.delta(1, type="input_json_delta", partial_json=""),
            self.delta(1, type="input_json_delta", partial_json='{"a":'),
            self.delta(1, type="input_json_delta", partial_json="1}"),
            self.stop(1),
            self.start(2, type="tool_use", id="j", name="g", input={}),
            self.delta(2, type="input_json_delta", partial_json=""),
            self.stop(2),
        ) == [
            call(1, id="i", name="f"),
            call(1, arguments='{"a":'),
            call(1, arguments="1}"),
            call(2, id="j", name="g"),
            call(2, arguments="{}"),
        ]

    @pytest.mark.parametrize("kind", ["server_tool_use", "mcp_tool_use"])
    def test_calls_of_the_server(self, kind: str) -> None:
        assert read(
            "anthropic",
            self.start(0, type=kind, id="i", name="web_search", input={}),
            self.delta(0, type="input_json_delta", partial_json='{"query": "x"}'),
            self.stop(0),
            self.start(1, type="web_search_tool_result", tool_use_id="i", content=[{"a": 1}]),
            self.stop(1),
        ) == []  # fmt: skip

    def test_a_later_usage_completes_it(self) -> None:
        def end(**usage: Any) -> dict[str, Any]:
            delta = {"stop_reason": "end_turn", "stop_sequence": None}
            return {"type": "message_delta", "delta": delta, "usage": usage}

        assert read("anthropic", self.START, end(output_tokens=8)) == [
            self.STARTED,
            Delta(
                finish_reason="stop",
                usage=usage_of(45, 8, cached_tokens=30, cache_write_tokens=10),
            ),
        ]
        later = end(
            input_tokens=6,
            cache_read_input_tokens=None,
            output_tokens=8,
            output_tokens_details={"thinking_tokens": 2},
        )
        assert read("anthropic", self.START, later) == [
            self.STARTED,
            Delta(
                finish_reason="stop",
                usage=usage_of(46, 8, cached_tokens=30, cache_write_tokens=10, reasoning_tokens=2),
            ),
        ]

    def test_streams_do_not_share(self) -> None:
        assert read("anthropic", self.START) == read("anthropic", self.START)
        assert read("anthropic", self.start(0, type="tool_use", id="i", name="f"))
        assert read("anthropic", self.delta(0, type="input_json_delta", partial_json="{")) == []

    @pytest.mark.parametrize("event", ["error", "message"])
    def test_error(self, event: str) -> None:
        error = {"type": "overloaded_error", "message": "Overloaded"}
        with pytest.raises(StreamError, match="Overloaded") as caught:
            read("anthropic", (event, {"type": "error", "error": error}))
        assert caught.value.type == "overloaded_error"


class TestGemini:
    @staticmethod
    def chunk(*parts: Any, **candidate: Any) -> dict[str, Any]:
        content = {"role": "model", "parts": list(parts)}
        return {"candidates": [{"content": content} | candidate], "modelVersion": "m"}

    def test_parts(self) -> None:
        assert read(
            "gemini",
            self.chunk({"text": "r", "thought": True}, {"text": "a"}, {"text": "b"}),
            self.chunk({"executableCode": {"code": "x"}}, {"text": "", "thoughtSignature": "s"}),
            self.chunk({"text": "c"}, index=1, finishReason="MAX_TOKENS"),
            {"candidates": [{"finishReason": "STOP"}]},
        ) == [
            Delta(text="ab", reasoning="r"),
            Delta(text="c", index=1, finish_reason="length"),
            Delta(finish_reason="stop"),
        ]

    def test_calls(self) -> None:
        first = {"functionCall": {"name": "f", "args": {"city": "Zürich", "n": 1}, "id": "i"}}
        assert read(
            "gemini",
            self.chunk(first, {"functionCall": {"name": "g"}}),
            self.chunk({"text": ""}, finishReason="STOP"),
        ) == [
            Delta(
                tool_calls=(
                    ToolCallDelta(id="i", name="f", arguments='{"city": "Z\\u00fcrich", "n": 1}'),
                    ToolCallDelta(name="g", arguments="{}"),
                )
            ),
            Delta(finish_reason="tool_calls"),
        ]
        assert read("gemini", self.chunk({"text": ""}, finishReason="STOP")) == [
            Delta(finish_reason="stop")
        ]

    def test_usage(self) -> None:
        usage = {
            "promptTokenCount": 5, "candidatesTokenCount": 3, "thoughtsTokenCount": 2,
            "toolUsePromptTokenCount": 4, "cachedContentTokenCount": 1, "totalTokenCount": 14,
        }  # fmt: skip
        assert read("gemini", {"usageMetadata": usage}) == [
            Delta(usage=usage_of(9, 5, cached_tokens=1, reasoning_tokens=2))
        ]

    def test_a_prompt_that_is_refused(self) -> None:
        assert read("gemini", {"promptFeedback": {"blockReason": "OTHER"}}) == [
            Delta(finish_reason="content_filter")
        ]

    def test_error(self) -> None:
        with pytest.raises(StreamError, match="exhausted"):
            read("gemini", {"error": {"code": 429, "message": "exhausted", "status": "X"}})


class TestCohere:
    @staticmethod
    def event(kind: str, message: Any = None, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "delta": {"message": message}} | fields

    def test_deltas(self) -> None:
        empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
        begun = {"id": "i", "type": "function", "function": {"name": "f", "arguments": ""}}
        more = {"function": {"arguments": "{}"}}
        tokens = {"tokens": {"input_tokens": 5.0, "output_tokens": 4}, "cached_tokens": 3}
        assert read(
            "cohere",
            self.event("message-start", empty, id="x"),
            self.event("tool-plan-delta", {"tool_plan": "r"}),
            self.event("tool-call-start", {"tool_calls": begun}, index=1),
            self.event("tool-call-delta", {"tool_calls": more}, index=1),
            {"type": "tool-call-end", "index": 1},
            self.event("content-start", {"content": {"type": "text", "text": ""}}, index=0),
            self.event("content-delta", {"content": {"thinking": "t"}}, index=0),
            self.event("content-delta", {"content": {"text": "a"}}, index=0),
            {"type": "content-end", "index": 0},
            {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": tokens}},
        ) == [
            Delta(reasoning="r"),
            call(1, id="i", name="f"),
            call(1, arguments="{}"),
            Delta(reasoning="t"),
            Delta(text="a"),
            Delta(finish_reason="tool_calls", usage=usage_of(5, 4, cached_tokens=3)),
            DONE,
        ]

    def test_error(self) -> None:
        delta = {"finish_reason": "ERROR", "error": "went wrong"}
        with pytest.raises(StreamError, match="went wrong"):
            read("cohere", {"type": "message-end", "delta": delta})


def test_watsonx() -> None:
    def chunk(text: str, count: int, prompt: int = 0, reason: str = "not_finished") -> Any:
        result = {"generated_text": text, "generated_token_count": count, "stop_reason": reason}
        return {"model_id": "m", "results": [result | {"input_token_count": prompt}]}

    deltas = read("watsonx", chunk("", 0, 8), chunk("a", 1), chunk("", 2, reason="max_tokens"))
    assert deltas == [
        Delta(usage=Usage(prompt_tokens=8, completion_tokens=0)),
        Delta(text="a", usage=Usage(completion_tokens=1)),
        Delta(finish_reason="length", usage=Usage(completion_tokens=2)),
    ]
    assert accumulate(deltas).usage == usage_of(8, 2)


def test_writer() -> None:
    assert read("writer", {"value": "a"}, {"value": ""}, "[DONE]") == [Delta(text="a"), DONE]


class TestRecognise:
    """What tells a shape, and what does not."""

    @pytest.mark.parametrize(
        ("event", "name"),
        [
            (chat({}), "openai-chat"),
            ({"choices": [{"delta": {}}]}, "openai-chat"),
            ({"choices": [], "object": "chat.completion.chunk"}, "openai-chat"),
            # Some send the text twice, as each of the two has it.
            (chat({"content": "a"}, text="a"), "openai-chat"),
            ({"choices": [], "object": "text_completion"}, "openai-completions"),
            ({"choices": [{"text": ""}]}, "openai-completions"),
            ({"type": "response.queued"}, "openai-responses"),
            (("thread.run.created", {"id": "run"}), "openai-assistants"),
            ({"type": "message_start"}, "anthropic"),
            ({"type": "content_block_delta"}, "anthropic"),
            ({"candidates": []}, "gemini"),
            ({"promptFeedback": {}}, "gemini"),
            ({"type": "message-start"}, "cohere"),
            ({"results": [{"generated_text": ""}]}, "watsonx"),
            ({"value": "a"}, "writer"),
        ],
    )  # fmt: skip
    def test_shape(self, event: Any, name: str) -> None:
        kind, data = event if type(event) is tuple else ("message", event)
        assert recognise(event_of(data, kind)) is SHAPES[name]

    @pytest.mark.parametrize(
        "data",
        [
            "[DONE]", {}, [], [{"choices": []}], 1, None, {"type": "ping"}, {"type": None},
            {"type": []}, {"type": {}},
            # The first of Azure's, of chats and completions alike.
            {"choices": [], "id": "", "object": "", "prompt_filter_results": [{}]},
            {"choices": None}, {"choices": [1]}, {"choices": {"delta": 1}},
            {"results": [1]}, {"value": 1}, {"value": "a", "other": 1},
            {"jsonrpc": "2.0", "id": 1, "result": {"content": []}},
        ],
    )  # fmt: skip
    def test_none(self, data: Any) -> None:
        assert recognise(event_of(data)) is None

    def test_error(self) -> None:
        with pytest.raises(StreamError, match="too many"):
            recognise(event_of({"error": {"message": "too many"}}))
        with pytest.raises(StreamError, match="too many"):
            recognise(event_of("too many", "error"))

    def test_no_json(self) -> None:
        with pytest.raises(DecodeError):
            recognise(event_of("Sure, here"))


class Read(NamedTuple):
    """What was made of a recorded stream, to its end or to its error."""

    shape: Shape | None
    deltas: list[Delta]
    is_done: bool
    error: StreamError | None

    @property
    def message(self) -> Message:
        return accumulate(self.deltas)


def read_recorded(path: Path) -> Read:
    parser = fastsse.Parser()
    events = parser.feed(path.read_bytes()) + parser.flush()
    shape = next(filter(None, map(recognise, events)), None)
    deltas: list[Delta] = []
    if shape is None:
        return Read(None, [], False, None)
    reader = shape.reader()
    try:
        for event in events:
            for delta in reader(event):
                if delta is DONE:
                    return Read(shape, deltas, True, None)
                assert type(delta) is Delta
                deltas.append(delta)
    except StreamError as error:
        return Read(shape, deltas, False, error)
    return Read(shape, deltas, False, None)


@cache
def expected_shape(path: Path) -> str | None:
    """That of a recorded stream, as its provider and its first event tell it."""
    provider = path.parent.name
    by_provider = {
        "anthropic": "anthropic",
        "cohere": "cohere",
        "gemini": "gemini",
        "google-vertex": "gemini",
        "mcp-deepwiki": None,
        "watsonx": "watsonx",
    }
    if provider in by_provider:
        return by_provider[provider]
    body = path.read_bytes()
    if body.startswith(b'data: {"value"'):
        return "writer"
    by_call = {"runs": "openai-assistants"}
    return by_call.get(call_of(body), f"openai-{call_of(body)}")


def recorded(*shapes: str | None) -> list[Any]:
    """The recorded streams of these shapes; all but Replicate's, which is not JSON, without."""
    cases = []
    for case in recorded_streams():
        (path,) = case.values
        if path is None or (
            path.parent.name != "replicate" and (not shapes or expected_shape(path) in shapes)
        ):
            cases.append(case)
    return cases


def of_provider(name: str) -> list[Any]:
    """The recorded streams of one provider."""
    return [
        case for case in recorded() if case.values[0] is None or case.values[0].parent.name == name
    ]


# What providers reported in the streams that were recorded.
ERRORS = {
    "25e988586b4d": ("Tool call validation failed", "tool_use_failed"),
    "baafd4cb5cec": ("Token limit reached", 400),
}
# Those that go on to their end without a word of it.
ENDLESS = {"gemini", "google-vertex", "watsonx", "writer"}


@pytest.mark.parametrize("path", recorded())
def test_recorded_stream(path: Path) -> None:
    found = read_recorded(path)
    expected = expected_shape(path)
    assert (found.shape and found.shape.name) == expected
    if expected is None:
        return
    message = found.message
    assert found.deltas
    assert all(delta != Delta() for delta in found.deltas)
    # A model that only searches has nothing to say yet.
    assert message.text or message.tool_calls or message.reasoning or message.usage
    if path.stem in ERRORS:
        assert found.error is not None
        text, code = ERRORS[path.stem]
        assert found.error.message.startswith(text)
        assert found.error.code == code
        return
    assert found.error is None
    assert found.is_done is (path.parent.name not in ENDLESS)
    # Two say nothing of why they end.
    if path.parent.name != "snowflake" and expected != "writer":
        assert message.finish_reason in {"stop", "length", "tool_calls", "pause_turn"}
    assert bool(message.tool_calls) is (message.finish_reason == "tool_calls")


def test_all_shapes_are_recorded() -> None:
    cases = recorded()
    if cases[0].values[0] is None:
        pytest.skip("FASTSSE_STREAMS names no folder of recorded streams (*.sse)")
    assert {expected_shape(case.values[0]) for case in cases} == {*SHAPES, None}


class Answer(NamedTuple):
    """What both sides are held to: ours, and what an SDK accumulates."""

    texts: list[str]
    calls: list[tuple[str, str, Any]]
    """Each by its id, its name and its arguments as JSON says."""
    usage: Usage | None


def ours(path: Path) -> Answer:
    message = read_recorded(path).message
    calls = [(call.id, call.name, json.loads(call.arguments)) for call in message.tool_calls]
    return Answer([choice.text for choice in message.choices], calls, message.usage)


@pytest.fixture(scope="module")
def provider() -> Iterator[Callable[[Sdk, Path], tuple[Any, dict[str, str]]]]:
    """Gives a client of an SDK, and headers for which its server sends what was recorded."""
    replay = Replay()
    with serve(replay) as url:
        yield lambda sdk, path: (sdk.client(url, "sync"), {"stream": replay.add(path.read_bytes())})


def chats_that_openai_reads() -> list[Any]:
    """Those of OpenAI, of Azure, and of all others that its SDK accumulates to the end."""
    # Parts as content, calls that a null follows, an end for length: its helper takes none.
    # Groq's usage has a place of its own at times.
    others = {"groq", "mistral", "vllm", "writer"}
    return [
        case
        for case in recorded("openai-chat")
        if case.values[0] is None
        or (case.values[0].parent.name not in others and case.values[0].stem not in ERRORS)
    ]


class TestBesideTheSDKs:
    """What we accumulate is what the providers' own SDKs do, from the same bytes."""

    @pytest.mark.parametrize("path", chats_that_openai_reads())
    def test_chat(self, provider: Any, path: Path) -> None:
        sdk = AZURE if path.parent.name == "azure-openai" else OPENAI
        client, headers = provider(sdk, path)
        with (
            client,
            client.chat.completions.stream(model="m", messages=[], extra_headers=headers) as stream,
        ):
            final = stream.get_final_completion()
        (message,) = (choice.message for choice in final.choices)
        calls = [
            (call.id, call.function.name, json.loads(call.function.arguments))
            for call in message.tool_calls or ()
        ]
        assert ours(path) == Answer([message.content or ""], calls, openai_usage(final.usage))
        assert read_recorded(path).message.finish_reason == final.choices[0].finish_reason

    @pytest.mark.parametrize("path", recorded("openai-completions"))
    def test_completions(self, provider: Any, path: Path) -> None:
        client, headers = provider(OPENAI, path)
        with client:
            chunks = list(
                client.completions.create(model="m", prompt="", stream=True, extra_headers=headers)
            )
        text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
        (usage,) = {openai_usage(chunk.usage) for chunk in chunks}
        assert ours(path) == Answer([text], [], usage)
        last = chunks[-1].choices[-1].finish_reason
        assert read_recorded(path).message.finish_reason == last

    @pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
    @pytest.mark.parametrize("path", recorded("openai-responses"))
    def test_responses(self, provider: Any, path: Path) -> None:
        client, headers = provider(OPENAI, path)
        with client:
            if path.read_bytes().startswith(b"event: response.created"):
                with client.responses.stream(model="m", input="", extra_headers=headers) as stream:
                    final = stream.get_final_response()
            else:
                *_, last = client.responses.create(
                    model="m", input="", stream=True, extra_headers=headers
                )
                final = last.response
        calls = [
            (item.call_id, item.name, json.loads(item.arguments))
            for item in final.output
            if item.type == "function_call"
        ]
        usage = Usage(
            prompt_tokens=final.usage.input_tokens,
            completion_tokens=final.usage.output_tokens,
            total_tokens=final.usage.total_tokens,
            cached_tokens=final.usage.input_tokens_details.cached_tokens,
            cache_write_tokens=final.usage.input_tokens_details.cache_write_tokens,
            reasoning_tokens=final.usage.output_tokens_details.reasoning_tokens,
        )
        assert ours(path) == Answer([final.output_text], calls, usage)
        reasoning = "".join(
            part.text for item in final.output if item.type == "reasoning" for part in item.summary
        )
        assert read_recorded(path).message.reasoning == reasoning

    @pytest.mark.filterwarnings("ignore:The Assistants API:DeprecationWarning")
    @pytest.mark.parametrize("path", recorded("openai-assistants"))
    def test_assistants(self, provider: Any, path: Path) -> None:
        client, headers = provider(OPENAI, path)
        stream = client.beta.threads.runs.stream(
            thread_id="t", assistant_id="a", extra_headers=headers
        )
        with client, stream as handler:
            (message,) = handler.get_final_messages()
            run = handler.current_run
        (content,) = message.content
        assert run is not None
        assert ours(path)[:2] == ([content.text.value], [])
        usage = ours(path).usage
        assert usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (
            run.usage.prompt_tokens,
            run.usage.completion_tokens,
            run.usage.total_tokens,
        )

    @pytest.mark.parametrize("path", recorded("anthropic"))
    def test_anthropic(self, provider: Any, path: Path) -> None:
        client, headers = provider(ANTHROPIC, path)
        stream = client.messages.stream(model="m", messages=[], max_tokens=1, extra_headers=headers)
        with client, stream as events:
            final = events.get_final_message()
        text = "".join(block.text for block in final.content if block.type == "text")
        calls = [
            (block.id, block.name, block.input)
            for block in final.content
            if block.type == "tool_use"
        ]
        found = final.usage
        read, written = found.cache_read_input_tokens, found.cache_creation_input_tokens
        prompt = found.input_tokens + (read or 0) + (written or 0)
        details = found.output_tokens_details
        usage = Usage(
            prompt_tokens=prompt,
            completion_tokens=found.output_tokens,
            total_tokens=prompt + found.output_tokens,
            cached_tokens=read,
            cache_write_tokens=written,
            reasoning_tokens=details and details.thinking_tokens,
        )
        assert ours(path) == Answer([text], calls, usage)
        reasoning = "".join(block.thinking for block in final.content if block.type == "thinking")
        assert read_recorded(path).message.reasoning == reasoning

    @pytest.mark.parametrize("path", of_provider("mistral"))
    def test_mistral(self, provider: Any, path: Path) -> None:
        # Its SDK has nothing that accumulates: these are its own objects, put together.
        client, headers = provider(OPENAI, path)
        with (
            client,
            Mistral(api_key="key", server_url=str(client.base_url)) as mistral,
            mistral.chat.stream(model="m", messages=[], http_headers=headers) as stream,
        ):
            chunks = [event.data for event in stream]
        texts, thoughts, calls, usage, reason = [], [], [], None, None
        for chunk in chunks:
            (choice,) = chunk.choices
            parts = choice.delta.content or []
            for part in [TextChunk(text=parts)] if isinstance(parts, str) else parts:
                if part.type == "thinking":
                    thoughts += [thought.text for thought in part.thinking]
                else:
                    texts.append(part.text)
            calls += choice.delta.tool_calls or ()
            reason = choice.finish_reason or reason
            if chunk.usage is not None:
                usage = Usage(
                    prompt_tokens=chunk.usage.prompt_tokens,
                    completion_tokens=chunk.usage.completion_tokens,
                    total_tokens=chunk.usage.total_tokens,
                )
        found = [(call.id, call.function.name, call.function.arguments) for call in calls]
        assert ours(path) == Answer(["".join(texts)], found, usage)
        message = read_recorded(path).message
        assert (message.reasoning, message.finish_reason) == ("".join(thoughts), reason)


def openai_usage(usage: Any) -> Usage | None:
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        cached_tokens=prompt and prompt.cached_tokens,
        cache_write_tokens=prompt and prompt.cache_write_tokens,
        reasoning_tokens=completion and completion.reasoning_tokens,
    )


@pytest.mark.parametrize("shape", ["openai-chat", "openai-completions"])
def test_what_is_no_chunk_is_told(shape: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "fastsse.llm")
    read = SHAPES[shape].reader()
    assert list(read(ServerSentEvent(data='{"foo": 1}'))) == []
    assert list(read(ServerSentEvent(data='{"choices": []}'))) == []
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
    assert '{"foo": 1}' in caplog.text


def test_an_index_may_be_null() -> None:
    chunk = '{"choices": [{"index": null, "delta": {"content": "a"}, "finish_reason": "stop"}]}'
    (delta,) = SHAPES["openai-chat"].reader()(ServerSentEvent(data=chunk))
    assert (delta.index, delta.text) == (0, "a")
