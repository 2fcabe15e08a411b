"""Cohere's chat, version 2."""

from typing import Any

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk, stream_error
from ..types import Delta, Usage
from ._wire_types import (
    END,
    Chunk,
    Deltas,
    OpenAIToolCall,
    Shape,
    Struct,
    Text,
    add_counts,
    finish_reason,
)

# Servers that speak as OpenAI does pass on these words too: see `_choices.py`.
FINISH_REASONS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}


class _Content(Text):
    thinking: str | None = None


class _Message(Struct):
    # Empty lists in the first event, one object each in later events.
    content: _Content | list[Any] | None = None
    tool_calls: OpenAIToolCall | list[Any] | None = None
    tool_plan: str | None = None


class _Tokens(Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None


class _Usage(Struct):
    tokens: _Tokens | None = None
    cached_tokens: float | None = None

    def to_usage(self) -> Usage:
        tokens = self.tokens or _Tokens()
        prompt, completion = _to_int(tokens.input_tokens), _to_int(tokens.output_tokens)
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=add_counts(prompt, completion),
            cached_tokens=_to_int(self.cached_tokens),
        )


class _Delta(Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None
    error: Any = None


class _CohereChunk(Chunk):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None


_decode_chunk = msgspec.json.Decoder(_CohereChunk).decode


def _to_int(number: float | None) -> int | None:
    return None if number is None else int(number)


def read_chunk(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _decode_chunk)
    if chunk is DONE:
        return END
    delta = chunk.delta or _Delta()
    if chunk.type == "message-end":
        if delta.error is not None:
            raise stream_error(delta.error, event)
        usage = None if delta.usage is None else delta.usage.to_usage()
        reason = finish_reason(delta.finish_reason, FINISH_REASONS)
        return Delta(finish_reason=reason, usage=usage), DONE
    message = delta.message or _Message()
    if isinstance(message.tool_calls, OpenAIToolCall):
        message.tool_calls.index = chunk.index
        return (Delta(tool_calls=(message.tool_calls.to_delta(),)),)
    content = message.content if isinstance(message.content, _Content) else _Content()
    text, reasoning = content.text or "", content.thinking or message.tool_plan or ""
    return (Delta(text=text, reasoning=reasoning),) if text or reasoning else ()


_TYPES = {
    "message-start", "message-end", "content-start", "content-delta", "content-end",
    "tool-plan-delta", "tool-call-start", "tool-call-delta", "tool-call-end",
}  # fmt: skip


def recognises(event_type: str, value: dict[str, Any]) -> bool:
    return str(value.get("type")) in _TYPES


SHAPE = Shape("cohere", recognises, lambda: read_chunk)
