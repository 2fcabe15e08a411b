"""Cohere's chat."""

from typing import Any

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk, stream_error
from ..types import Delta, Usage
from ._wire_types import (
    END,
    Chunk,
    Deltas,
    Shape,
    Struct,
    Text,
    WireToolCall,
    finish_reason,
    sum_known,
)

FINISH_REASONS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}


class _CohereContent(Text):
    thinking: str | None = None


class _CohereMessage(Struct):
    # Empty lists where the message begins, one thing each after that.
    content: _CohereContent | list[Any] | None = None
    tool_calls: WireToolCall | list[Any] | None = None
    tool_plan: str | None = None


class _CohereTokens(Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None


class _CohereUsage(Struct):
    tokens: _CohereTokens | None = None
    cached_tokens: float | None = None

    def to_ours(self) -> Usage:
        tokens = self.tokens or _CohereTokens()
        prompt, completion = _whole_number(tokens.input_tokens), _whole_number(tokens.output_tokens)
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=sum_known(prompt, completion),
            cached_tokens=_whole_number(self.cached_tokens),
        )


class _CohereDelta(Struct):
    message: _CohereMessage | None = None
    finish_reason: str | None = None
    usage: _CohereUsage | None = None
    error: Any = None


class _CohereChunk(Chunk):
    type: str = ""
    index: int = 0
    delta: _CohereDelta | None = None


_cohere = msgspec.json.Decoder(_CohereChunk).decode


def _whole_number(number: float | None) -> int | None:
    return None if number is None else int(number)


def _read_cohere(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _cohere)
    if chunk is DONE:
        return END
    delta = chunk.delta or _CohereDelta()
    if chunk.type == "message-end":
        if delta.error is not None:
            raise stream_error(delta.error, event)
        usage = None if delta.usage is None else delta.usage.to_ours()
        return Delta(
            finish_reason=finish_reason(delta.finish_reason, FINISH_REASONS), usage=usage
        ), DONE
    message = delta.message or _CohereMessage()
    if isinstance(message.tool_calls, WireToolCall):
        message.tool_calls.index = chunk.index
        return (Delta(tool_calls=(message.tool_calls.to_ours(),)),)
    content = message.content if isinstance(message.content, _CohereContent) else _CohereContent()
    text, reasoning = content.text or "", content.thinking or message.tool_plan or ""
    return (Delta(text=text, reasoning=reasoning),) if text or reasoning else ()


_COHERE_TYPES = {
    "message-start", "message-end", "content-start", "content-delta", "content-end",
    "tool-plan-delta", "tool-call-start", "tool-call-delta", "tool-call-end",
}  # fmt: skip


def recognises(kind: str, value: dict[str, Any]) -> bool:
    return str(value.get("type")) in _COHERE_TYPES


SHAPE = Shape("cohere", recognises, lambda: _read_cohere)
