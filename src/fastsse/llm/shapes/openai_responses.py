"""OpenAI's responses: the API that follows chat completions."""

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
    IncompleteDetails,
    OpenAIUsage,
    PromptDetails,
    Shape,
    Struct,
    Typed,
    finish_reason,
    tool_call_delta,
)

# Words for why a response is incomplete.
FINISH_REASONS = {
    "max_completion_tokens": "length",
    "max_output_tokens": "length",
    "max_prompt_tokens": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "sensitive": "content_filter",
}


class _ResponseUsage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: PromptDetails | None = None
    output_tokens_details: CompletionDetails | None = None

    def to_usage(self) -> Usage:
        return OpenAIUsage(
            prompt_tokens=self.input_tokens,
            completion_tokens=self.output_tokens,
            total_tokens=self.total_tokens,
            prompt_tokens_details=self.input_tokens_details,
            completion_tokens_details=self.output_tokens_details,
        ).to_usage()


class _Item(Typed):
    call_id: str | None = None
    name: str | None = None


class _Response(Struct):
    output: list[Typed] | None = None
    usage: _ResponseUsage | None = None
    incomplete_details: IncompleteDetails | None = None
    error: Any = None


class _ResponseChunk(Chunk):
    type: str = ""
    delta: Any = None
    output_index: int = 0
    logprobs: Any = None
    item: _Item | None = None
    response: _Response | None = None


_decode_chunk = msgspec.json.Decoder(_ResponseChunk).decode
# Calls for the client to run; the server itself runs the calls of all other types.
_CLIENT_CALLS = {"function_call", "custom_tool_call"}


def read_chunk(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _decode_chunk)
    if chunk is DONE:
        return END
    match chunk.type:
        case "response.output_text.delta" | "response.refusal.delta":
            return (Delta(text=_text_in(chunk, event), logprobs=chunk.logprobs or None),)
        case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
            return (Delta(reasoning=_text_in(chunk, event)),)
        case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
            return (tool_call_delta(index=chunk.output_index, arguments=_text_in(chunk, event)),)
        case "response.output_item.added":
            item = chunk.item or _Item()
            if item.type in _CLIENT_CALLS:
                return (tool_call_delta(index=chunk.output_index, id=item.call_id, name=item.name),)
        case "response.completed" | "response.incomplete":
            return _last_deltas(chunk.response or _Response())
        case "response.failed":
            raise stream_error((chunk.response or _Response()).error, event)
        case "error":
            # A server sends the type `error` too, but a gateway may drop the type of an event.
            raise stream_error(event.json(msgspec.json.decode), event)
    return ()


def _text_in(chunk: _ResponseChunk, event: ServerSentEvent) -> str:
    """The `delta` of an event that adds text; `delta` may be any value in other events."""
    if not isinstance(chunk.delta, str | None):
        raise DecodeError(event, f"expected a text in `delta`, got {type(chunk.delta).__name__}")
    return chunk.delta or ""


def _last_deltas(response: _Response) -> Deltas:
    incomplete = response.incomplete_details
    if incomplete is not None:
        reason = finish_reason(incomplete.reason, FINISH_REASONS)
    else:
        calls = any(item.type in _CLIENT_CALLS for item in response.output or ())
        reason = "tool_calls" if calls else "stop"
    usage = None if response.usage is None else response.usage.to_usage()
    return Delta(finish_reason=reason, usage=usage), DONE


def recognises(event_type: str, value: dict[str, Any]) -> bool:
    return str(value.get("type")).startswith("response.")


SHAPE = Shape("openai-responses", recognises, lambda: read_chunk)
