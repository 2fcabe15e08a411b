"""Anthropic's messages."""

from typing import Any

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk
from ..types import Delta, Usage
from ._wire_types import (
    END,
    Chunk,
    Deltas,
    Shape,
    Struct,
    Text,
    Typed,
    call_delta,
    finish_reason,
    sum_known,
)

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "sensitive": "content_filter",
}


class _ThinkingDetails(Struct):
    thinking_tokens: int | None = None


class _AnthropicUsage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _ThinkingDetails | None = None

    def update(self, later: "_AnthropicUsage") -> None:
        for name in self.__struct_fields__:
            value = getattr(later, name)
            if value is not None:
                setattr(self, name, value)

    def to_ours(self) -> Usage:
        read, written = self.cache_read_input_tokens, self.cache_creation_input_tokens
        prompt = sum_known(self.input_tokens, (read or 0) + (written or 0))
        details = self.output_tokens_details or _ThinkingDetails()
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=self.output_tokens,
            total_tokens=sum_known(prompt, self.output_tokens),
            cached_tokens=read,
            cache_write_tokens=written,
            reasoning_tokens=details.thinking_tokens,
        )


class _AnthropicMessage(Struct):
    usage: _AnthropicUsage | None = None


class _AnthropicDelta(Text):
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Block(Typed):
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None


class _AnthropicChunk(Chunk):
    type: str = ""
    index: int = 0
    delta: _AnthropicDelta | None = None
    content_block: _Block | None = None
    message: _AnthropicMessage | None = None
    usage: _AnthropicUsage | None = None


_anthropic = msgspec.json.Decoder(_AnthropicChunk).decode


class _AnthropicReader:
    """Knows which blocks are calls of the caller's tools: the server's own have the same deltas.

    What a later usage leaves out, an earlier one said.
    """

    def __init__(self) -> None:
        self._usage = _AnthropicUsage()
        # The calls by their blocks, and whether they have arguments yet.
        self._calls: dict[int, bool] = {}

    def __call__(self, event: ServerSentEvent) -> Deltas:
        chunk = decode_chunk(event, _anthropic)
        if chunk is DONE:
            return END
        match chunk.type:
            case "content_block_delta":
                return self._block_delta(chunk.index, chunk.delta or _AnthropicDelta())
            case "content_block_start":
                return self._block_start(chunk.index, chunk.content_block or _Block())
            case "content_block_stop":
                # No arguments are an empty object to whoever reads them.
                if self._calls.get(chunk.index) is False:
                    return (call_delta(index=chunk.index, arguments="{}"),)
            case "message_start":
                return self._used((chunk.message or _AnthropicMessage()).usage, None)
            case "message_delta":
                return self._used(chunk.usage, (chunk.delta or _AnthropicDelta()).stop_reason)
            case "message_stop":
                return END
        return ()

    def _block_start(self, index: int, block: _Block) -> Deltas:
        if block.type == "tool_use":
            self._calls[index] = False
            return (call_delta(index=index, id=block.id, name=block.name),)
        if block.text or block.thinking:
            return (Delta(text=block.text or "", reasoning=block.thinking or ""),)
        return ()

    def _block_delta(self, index: int, delta: _AnthropicDelta) -> Deltas:
        if delta.text:
            return (Delta(text=delta.text),)
        if delta.thinking:
            return (Delta(reasoning=delta.thinking),)
        if delta.partial_json and index in self._calls:
            self._calls[index] = True
            return (call_delta(index=index, arguments=delta.partial_json),)
        return ()

    def _used(self, usage: _AnthropicUsage | None, stop_reason: str | None) -> Deltas:
        self._usage.update(usage or _AnthropicUsage())
        return (
            Delta(
                finish_reason=finish_reason(stop_reason, FINISH_REASONS),
                usage=self._usage.to_ours(),
            ),
        )


_ANTHROPIC_TYPES = {
    "message_start", "message_delta", "message_stop", "content_block_start",
    "content_block_delta", "content_block_stop",
}  # fmt: skip


def recognises(kind: str, value: dict[str, Any]) -> bool:
    return str(value.get("type")) in _ANTHROPIC_TYPES


SHAPE = Shape("anthropic", recognises, _AnthropicReader)
