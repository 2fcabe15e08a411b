"""The choices of OpenAI's chats and completions, and of all compatible servers."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..._errors import preview
from ..._parser import ServerSentEvent
from ..decode import stream_error
from ..types import Delta, ToolCallDelta
from ._wire_types import OpenAIUsage, Struct, finish_reason, objects_in

logger = logging.getLogger(__name__)

# Compatible servers and gateways send the words of their engine or of the provider behind them.
COMPATIBLE_FINISH_REASONS = {
    "COMPLETE": "stop",
    "STOP": "stop",
    "STOP_SEQUENCE": "stop",
    "completed": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "MAX_TOKENS": "length",
    "max_completion_tokens": "length",
    "max_output_tokens": "length",
    "max_prompt_tokens": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "model_length": "length",
    "token_limit": "length",
    "TOOL_CALL": "tool_calls",
    "function_call": "tool_calls",
    "requires_action": "tool_calls",
    "tool_use": "tool_calls",
    "BLOCKLIST": "content_filter",
    "ERROR_TOXIC": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "RECITATION": "content_filter",
    "SAFETY": "content_filter",
    "SPII": "content_filter",
    "refusal": "content_filter",
    "sensitive": "content_filter",
}


class Choice(Struct):
    index: int | None = 0
    finish_reason: str | None = None
    logprobs: Any = None
    token_ids: tuple[int, ...] | None = None
    error: Any = None


def append_delta(
    deltas: list[Delta],
    choice: Choice,
    finish_reasons: Mapping[str, str],
    *,
    text: str,
    reasoning: str = "",
    tool_calls: tuple[ToolCallDelta, ...] = (),
) -> None:
    """Append the delta of a choice, unless the choice adds nothing."""
    word, ids, logprobs = choice.finish_reason, choice.token_ids, choice.logprobs
    if text or reasoning or tool_calls or word or ids or logprobs:
        deltas.append(
            Delta(
                text=text,
                reasoning=reasoning,
                tool_calls=tool_calls,
                finish_reason=finish_reason(word, finish_reasons),
                token_ids=ids or (),
                index=choice.index or 0,
                logprobs=logprobs,
            )
        )


def append_usage(deltas: list[Delta], usage: OpenAIUsage | None) -> None:
    """Append a delta with the usage, if the chunk has one."""
    if usage is not None:
        deltas.append(Delta(usage=usage.to_usage()))


def has_choice_with(value: dict[str, Any], key: str) -> bool:
    """Whether a choice of a chunk has this key."""
    return any(key in choice for choice in objects_in(value.get("choices")))


def expect_no_error_in(choices: Iterable[Choice], event: ServerSentEvent) -> None:
    """Raise the error that a gateway reports on a choice."""
    for choice in choices:
        if choice.error:
            raise stream_error(choice.error, event)


def skip_chunk(event: ServerSentEvent) -> None:
    """Log an event that has neither choices nor usage; raise it if it is an error object."""
    value = msgspec.json.decode(event.data_bytes)
    if value.get("object") == "error":
        raise stream_error(value, event)
    logger.debug("skipped an event without choices: %s", preview(event.data_bytes))
