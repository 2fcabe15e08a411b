"""OpenAI's assistants: the events of a run on a thread."""

from typing import Any

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk, stream_error
from ..types import Delta
from ._wire_types import (
    END,
    Chunk,
    Deltas,
    IncompleteDetails,
    OpenAIToolCall,
    OpenAIUsage,
    Shape,
    Struct,
    finish_reason,
)

# The names of a run's last events, and words for why a run is incomplete.
FINISH_REASONS = {
    "completed": "stop",
    "max_completion_tokens": "length",
    "max_prompt_tokens": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "requires_action": "tool_calls",
}


class _Value(Struct):
    value: str | None = None


class _Content(Struct):
    text: _Value | None = None


class _Step(Struct):
    tool_calls: list[OpenAIToolCall] | None = None


class _ThreadDelta(Struct):
    content: list[_Content] | None = None
    step_details: _Step | None = None


class _ThreadChunk(Chunk):
    delta: _ThreadDelta | None = None
    usage: OpenAIUsage | None = None
    incomplete_details: IncompleteDetails | None = None
    last_error: Any = None


_decode_chunk = msgspec.json.Decoder(_ThreadChunk).decode


def read_chunk(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _decode_chunk)
    if chunk is DONE:
        return END
    delta = chunk.delta or _ThreadDelta()
    match event.event:
        case "thread.message.delta":
            texts = [part.text.value or "" for part in delta.content or () if part.text]
            return (Delta(text="".join(texts)),)
        case "thread.run.step.delta":
            step = delta.step_details or _Step()
            # The server itself runs calls of its own tools, which have no `function`.
            calls = tuple(call.to_delta() for call in step.tool_calls or () if call.function)
            return (Delta(tool_calls=calls),) if calls else ()
        case "thread.run.completed" | "thread.run.incomplete" | "thread.run.requires_action":
            incomplete = chunk.incomplete_details or IncompleteDetails()
            reason = incomplete.reason or event.event.removeprefix("thread.run.")
            usage = None if chunk.usage is None else chunk.usage.to_usage()
            return (Delta(finish_reason=finish_reason(reason, FINISH_REASONS), usage=usage),)
        case "thread.run.failed":
            raise stream_error(chunk.last_error, event)
    return ()


def recognises(event_type: str, value: dict[str, Any]) -> bool:
    return event_type.startswith("thread.")


SHAPE = Shape("openai-assistants", recognises, lambda: read_chunk)
