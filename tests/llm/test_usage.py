"""Usage of any form costs nothing of the answer that it is beside."""

import json
from typing import Any

import pytest

from fastsse.llm import DecodeError, StreamError, Usage, accumulate, deltas

CHAT: dict[str, Any] = {
    "object": "chat.completion.chunk",
    "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}],
}


def message_of(*values: Any) -> Any:
    return accumulate(deltas([b"".join(b"data: %s\n\n" % json.dumps(v).encode() for v in values)]))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"prompt_tokens": 14417.92, "completion_tokens": 57, "total_tokens": 14474.92},
            Usage(prompt_tokens=14417, completion_tokens=57, total_tokens=14474),
        ),
        ({"prompt_tokens": 12.0, "cost": 0.5}, Usage(prompt_tokens=12)),
        ({"prompt_tokens": "12", "completion_tokens": 3}, Usage(completion_tokens=3)),
        (
            {"completion_tokens": 3.0, "completion_tokens_details": {"reasoning_tokens": 1.0}},
            Usage(completion_tokens=3, reasoning_tokens=1),
        ),
        ({"prompt_tokens": 1, "prompt_tokens_details": []}, Usage(prompt_tokens=1)),
        ({"prompt_tokens": True}, Usage()),
        ("", None),
        ([], None),
        (7, None),
    ],
)
@pytest.mark.parametrize("place", ["usage", "x_groq"])
def test_of_a_chat(usage: Any, expected: Usage | None, place: str) -> None:
    found = {"usage": usage} if place == "usage" else {"x_groq": {"usage": usage}}
    message = message_of(CHAT | found)
    assert (message.text, message.finish_reason) == ("hi", "stop")
    assert message.usage == expected


@pytest.mark.parametrize(
    "number", ["1e400", "9" * 400, "NaN", "-Infinity", '{"a":' * 300 + "1" + "}" * 300]
)
def test_of_numbers_that_no_count_is(number: str) -> None:
    data = json.dumps(CHAT | {"usage": {"prompt_tokens": "?", "completion_tokens": 3.0}})
    stream = f"data: {data}\n\n".replace('"?"', number).encode()
    message = accumulate(deltas([stream], shape="openai-chat"))
    assert (message.text, message.usage.completion_tokens) == ("hi", 3)


def test_of_other_shapes() -> None:
    message = message_of(
        {"type": "message_start", "message": {"usage": {"input_tokens": 2.0}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": "none"},
    )
    assert (message.text, message.usage.prompt_tokens) == ("hi", 2)
    part = {"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}
    message = message_of(part | {"usageMetadata": {"promptTokenCount": 5.5}})
    assert (message.text, message.usage.prompt_tokens) == ("hi", 5)


def test_what_is_wrong_elsewhere_is_an_error_still() -> None:
    with pytest.raises(DecodeError, match="Expected `array"):
        message_of(CHAT, {"object": "chat.completion.chunk", "choices": 7, "usage": {}})
    with pytest.raises(StreamError, match="busy"):
        message_of(CHAT, CHAT | {"usage": "none", "error": {"message": "busy"}})
