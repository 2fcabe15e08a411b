"""OpenAI's responses."""

from typing import Any

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk, stream_error
from ..errors import DecodeError
from ..types import Delta, Usage
from ._wire_types import (
    END,
    Chunk,
    CompletionDetails,
    Deltas,
    Incomplete,
    OpenAIUsage,
    PromptDetails,
    Shape,
    Struct,
    Typed,
    call_delta,
    finish_reason,
)

FINISH_REASONS = {
    "max_output_tokens": "length",
    "max_completion_tokens": "length",
    "max_prompt_tokens": "length",
    "max_tokens": "length",
    "completed": "stop",
    "requires_action": "tool_calls",
}


class _ResponseUsage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: PromptDetails | None = None
    output_tokens_details: CompletionDetails | None = None

    def to_ours(self) -> Usage:
        return OpenAIUsage(
            prompt_tokens=self.input_tokens,
            completion_tokens=self.output_tokens,
            total_tokens=self.total_tokens,
            prompt_tokens_details=self.input_tokens_details,
            completion_tokens_details=self.output_tokens_details,
        ).to_ours()


class _Item(Typed):
    call_id: str | None = None
    name: str | None = None


class _Response(Struct):
    output: list[Typed] | None = None
    usage: _ResponseUsage | None = None
    incomplete_details: Incomplete | None = None
    error: Any = None


class _ResponseChunk(Chunk):
    type: str = ""
    delta: Any = None
    output_index: int = 0
    logprobs: Any = None
    item: _Item | None = None
    response: _Response | None = None


_response = msgspec.json.Decoder(_ResponseChunk).decode
# Calls of the tools that the caller has; others the server makes itself.
_CALLS = {"function_call", "custom_tool_call"}


def _read_openai_responses(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _response)
    if chunk is DONE:
        return END
    match chunk.type:
        case "response.output_text.delta" | "response.refusal.delta":
            return (Delta(text=_added(chunk, event), logprobs=chunk.logprobs or None),)
        case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
            return (Delta(reasoning=_added(chunk, event)),)
        case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
            return (call_delta(index=chunk.output_index, arguments=_added(chunk, event)),)
        case "response.output_item.added":
            item = chunk.item or _Item()
            if item.type in _CALLS:
                return (call_delta(index=chunk.output_index, id=item.call_id, name=item.name),)
        case "response.completed" | "response.incomplete":
            return _end_of_response(chunk.response or _Response())
        case "response.failed":
            raise stream_error((chunk.response or _Response()).error, event)
        case "error":
            # Where the event's type was lost on the way.
            raise stream_error(event.json(msgspec.json.decode), event)
    return ()


def _added(chunk: _ResponseChunk, event: ServerSentEvent) -> str:
    """The delta of an event that adds to a text; that of another may be anything."""
    if not isinstance(chunk.delta, str | None):
        raise DecodeError(event, f"expected a text in `delta`, got {type(chunk.delta).__name__}")
    return chunk.delta or ""


def _end_of_response(response: _Response) -> Deltas:
    incomplete = response.incomplete_details
    if incomplete is not None:
        reason = finish_reason(incomplete.reason, FINISH_REASONS)
    else:
        calls = any(item.type in _CALLS for item in response.output or ())
        reason = "tool_calls" if calls else "stop"
    usage = None if response.usage is None else response.usage.to_ours()
    return Delta(finish_reason=reason, usage=usage), DONE


def recognises(kind: str, value: dict[str, Any]) -> bool:
    return str(value.get("type")).startswith("response.")


SHAPE = Shape("openai-responses", recognises, lambda: _read_openai_responses)
