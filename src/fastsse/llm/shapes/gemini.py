"""Google's Gemini, also on Vertex AI."""

from typing import Any

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk
from ..types import Delta, ToolCallDelta, Usage
from ._wire_types import END, Chunk, Deltas, Shape, Struct, add_counts, finish_reason

FINISH_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "BLOCKLIST": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "RECITATION": "content_filter",
    "SAFETY": "content_filter",
    "SPII": "content_filter",
}


class _Camel(Struct, rename="camel"):
    """A struct whose fields have names in camel case on the wire."""


class _FunctionCall(_Camel):
    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = msgspec.Raw(b"{}")

    def to_delta(self) -> ToolCallDelta:
        return ToolCallDelta(id=self.id, name=self.name, arguments=bytes(self.args).decode())


class _Part(_Camel):
    text: str | None = None
    thought: bool | None = None
    function_call: _FunctionCall | None = None


class _Content(_Camel):
    parts: list[_Part] | None = None


class _Candidate(_Camel):
    content: _Content | None = None
    finish_reason: str | None = None
    index: int = 0


class _Usage(_Camel):
    prompt_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    total_token_count: int | None = None

    def to_usage(self) -> Usage:
        return Usage(
            prompt_tokens=add_counts(
                self.prompt_token_count, self.tool_use_prompt_token_count or 0
            ),
            completion_tokens=(self.candidates_token_count or 0) + (self.thoughts_token_count or 0),
            total_tokens=self.total_token_count,
            cached_tokens=self.cached_content_token_count,
            reasoning_tokens=self.thoughts_token_count,
        )


class _PromptFeedback(_Camel):
    block_reason: str | None = None


class _GeminiChunk(Chunk, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _Usage | None = None
    prompt_feedback: _PromptFeedback | None = None


_decode_chunk = msgspec.json.Decoder(_GeminiChunk).decode


class _Reader:
    """Keeps the candidates that called a tool: they end with STOP, maybe some chunks later."""

    def __init__(self) -> None:
        self._called: set[int] = set()

    def __call__(self, event: ServerSentEvent) -> Deltas:
        chunk = decode_chunk(event, _decode_chunk)
        if chunk is DONE:
            return END
        deltas: list[Delta] = []
        for candidate in chunk.candidates or ():
            self._append_candidate(deltas, candidate)
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            deltas.append(Delta(finish_reason="content_filter"))
        if chunk.usage_metadata is not None:
            deltas.append(Delta(usage=chunk.usage_metadata.to_usage()))
        return deltas

    def _append_candidate(self, deltas: list[Delta], candidate: _Candidate) -> None:
        parts = (candidate.content or _Content()).parts or ()
        calls = tuple(part.function_call.to_delta() for part in parts if part.function_call)
        if calls:
            self._called.add(candidate.index)
        reason = finish_reason(candidate.finish_reason, FINISH_REASONS)
        if reason == "stop" and candidate.index in self._called:
            reason = "tool_calls"
        text = "".join(part.text or "" for part in parts if not part.thought)
        reasoning = "".join(part.text or "" for part in parts if part.thought)
        if text or reasoning or calls or reason:
            deltas.append(
                Delta(
                    text=text,
                    reasoning=reasoning,
                    tool_calls=calls,
                    finish_reason=reason,
                    index=candidate.index,
                )
            )


def recognises(event_type: str, value: dict[str, Any]) -> bool:
    return bool({"candidates", "promptFeedback", "usageMetadata"} & value.keys())


SHAPE = Shape("gemini", recognises, _Reader)
