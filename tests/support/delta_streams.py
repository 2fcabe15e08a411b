"""Chunks and streams of each shape."""

import json
from typing import Any

from reading_values import Got, sse

USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def chat(text: str | None = None, index: int = 0, end: str | None = None, **delta: Any) -> str:
    said = delta if text is None else {"content": text, **delta}
    choice = {"index": index, "delta": said, "finish_reason": end}
    return json.dumps({"object": "chat.completion.chunk", "choices": [choice]})


def completion(text: str, **more: Any) -> str:
    choice = {"index": 0, "text": text, "finish_reason": None, **more}
    return json.dumps({"object": "text_completion", "choices": [choice]})


def texts(got: Got) -> list[str]:
    return [delta.text for delta in got.values]


# Of each shape, a stream that says "Hi".
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
