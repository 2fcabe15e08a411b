"""Anthropic's messages, which other providers offer too."""

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
    add_counts,
    finish_reason,
    tool_call_delta,
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


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _ThinkingDetails | None = None

    def update(self, later: "_Usage") -> None:
        for name in self.__struct_fields__:
            value = getattr(later, name)
            if value is not None:
                setattr(self, name, value)

    def to_usage(self) -> Usage:
        read, written = self.cache_read_input_tokens, self.cache_creation_input_tokens
        prompt = add_counts(self.input_tokens, (read or 0) + (written or 0))
        details = self.output_tokens_details or _ThinkingDetails()
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=self.output_tokens,
            total_tokens=add_counts(prompt, self.output_tokens),
            cached_tokens=read,
            cache_write_tokens=written,
            reasoning_tokens=details.thinking_tokens,
        )


class _Message(Struct):
    usage: _Usage | None = None


class _Delta(Text):
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Block(Typed):
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None


class _MessagesChunk(Chunk):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: _Usage | None = None


_decode_chunk = msgspec.json.Decoder(_MessagesChunk).decode


class _Reader:
    """Keeps the blocks that are calls for the client to run, and the usage so far.

    The deltas of calls that the server runs look the same. A later usage has only changed numbers.
    """

    def __init__(self) -> None:
        self._usage = _Usage()
        # By the index of a call's block: whether the call has arguments yet.
        self._calls: dict[int, bool] = {}

    def __call__(self, event: ServerSentEvent) -> Deltas:
        chunk = decode_chunk(event, _decode_chunk)
        if chunk is DONE:
            return END
        match chunk.type:
            case "content_block_delta":
                return self._block_delta(chunk.index, chunk.delta or _Delta())
            case "content_block_start":
                return self._block_start(chunk.index, chunk.content_block or _Block())
            case "content_block_stop":
                # Without arguments, the JSON text of the arguments is an empty object.
                if self._calls.get(chunk.index) is False:
                    return (tool_call_delta(index=chunk.index, arguments="{}"),)
            case "message_start":
                return self._usage_deltas((chunk.message or _Message()).usage, None)
            case "message_delta":
                return self._usage_deltas(chunk.usage, (chunk.delta or _Delta()).stop_reason)
            case "message_stop":
                return END
        return ()

    def _block_start(self, index: int, block: _Block) -> Deltas:
        if block.type == "tool_use":
            self._calls[index] = False
            return (tool_call_delta(index=index, id=block.id, name=block.name),)
        if block.text or block.thinking:
            return (Delta(text=block.text or "", reasoning=block.thinking or ""),)
        return ()

    def _block_delta(self, index: int, delta: _Delta) -> Deltas:
        if delta.text:
            return (Delta(text=delta.text),)
        if delta.thinking:
            return (Delta(reasoning=delta.thinking),)
        if delta.partial_json and index in self._calls:
            self._calls[index] = True
            return (tool_call_delta(index=index, arguments=delta.partial_json),)
        return ()

    def _usage_deltas(self, usage: _Usage | None, stop_reason: str | None) -> Deltas:
        self._usage.update(usage or _Usage())
        reason = finish_reason(stop_reason, FINISH_REASONS)
        return (Delta(finish_reason=reason, usage=self._usage.to_usage()),)


_TYPES = {
    "message_start", "message_delta", "message_stop", "content_block_start",
    "content_block_delta", "content_block_stop",
}  # fmt: skip


def recognises(event_type: str, value: dict[str, Any]) -> bool:
    return str(value.get("type")) in _TYPES


SHAPE = Shape("anthropic", recognises, _Reader)
