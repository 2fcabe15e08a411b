"""OpenAI's chat completions and completions, which most servers speak."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ..._errors import preview
from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk
from ..errors import DecodeError
from ..message import accumulate
from ..types import Delta, Message, ToolCallDelta
from ._template import TemplateReader
from ._wire_types import (
    END,
    Chunk,
    Deltas,
    Function,
    OpenAIUsage,
    Shape,
    Struct,
    Text,
    WireToolCall,
    finish_reason,
    objects_in,
)

logger = logging.getLogger(__name__)

FINISH_REASONS = {
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


class _Groq(Struct):
    usage: OpenAIUsage | None = None


class _Part(Text):
    """Of a content that has several, as Mistral's."""

    thinking: list[Text] | None = None


class _ReasoningDetail(Text):
    """Of OpenRouter, and of those that speak like it."""

    summary: str | None = None


class _Said(Struct):
    """The delta of a chunk, or the message of a whole answer."""

    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[WireToolCall] | None = None
    refusal: str | None = None
    reasoning_details: list[_ReasoningDetail] | None = None
    function_call: Function | None = None


class _Choice(Struct):
    index: int | None = 0
    finish_reason: str | None = None
    logprobs: Any = None
    token_ids: tuple[int, ...] | None = None


class _ChatChoice(_Choice):
    delta: _Said | None = None


class _CompletionChoice(_Choice):
    text: str | None = None


class _WholeChoice(_CompletionChoice):
    message: _Said | None = None


class _ChatChunk(Chunk):
    choices: list[_ChatChoice] | None = None
    usage: OpenAIUsage | None = None
    x_groq: _Groq | None = None


class _CompletionChunk(Chunk):
    choices: list[_CompletionChoice] | None = None
    usage: OpenAIUsage | None = None


class _Whole(Chunk, kw_only=True):
    choices: list[_WholeChoice]
    usage: OpenAIUsage | None = None


_chat = msgspec.json.Decoder(_ChatChunk).decode
_completion = msgspec.json.Decoder(_CompletionChunk).decode
_whole = msgspec.json.Decoder(_Whole).decode
_NOTHING_SAID: Final = _Said()


def _read_openai_chat(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _chat)
    if chunk is DONE:
        return END
    choices, usage = chunk.choices or (), chunk.usage
    if usage is None and chunk.x_groq is not None:
        usage = chunk.x_groq.usage
    if len(choices) == 1 and usage is None and (text := _plain_text(choices[0])):
        # Nearly all are such; the rest of the way would take three times as long.
        return (Delta(text=text, index=choices[0].index or 0),)
    deltas: list[Delta] = []
    for choice in choices:
        _said(choice, choice.delta or _NOTHING_SAID, deltas)
    if chunk.choices is None and usage is None:
        _pass_over(event)
    return _with_usage(deltas, usage)


def _pass_over(event: ServerSentEvent) -> None:
    logger.debug("passed over an event that is no chunk: %s", preview(event.data_bytes))


def _plain_text(choice: _ChatChoice) -> str | None:
    """The text of a choice that adds nothing else."""
    said = choice.delta
    if (
        said is not None
        and type(said.content) is str
        and choice.finish_reason is None
        and choice.logprobs is None
        and choice.token_ids is None
        and said.reasoning_content is None
        and said.reasoning is None
        and said.tool_calls is None
        and said.reasoning_details is None
        and said.function_call is None
    ):
        return said.content
    return None


def _read_openai_completions(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _completion)
    if chunk is DONE:
        return END
    deltas: list[Delta] = []
    for choice in chunk.choices or ():
        _chosen(choice, choice.text or "", "", (), deltas)
    if chunk.choices is None and chunk.usage is None:
        _pass_over(event)
    return _with_usage(deltas, chunk.usage)


def read_whole(event: ServerSentEvent) -> list[Delta]:
    """The deltas of a whole answer of a chat or a completion, which is the data of the event."""
    whole = decode_chunk(event, _whole)
    if whole is DONE:
        raise DecodeError(event, "expected an answer, got the end of a stream")
    deltas: list[Delta] = []
    for choice in whole.choices:
        if choice.message is None:
            _chosen(choice, choice.text or "", "", (), deltas)
        else:
            _said(choice, choice.message, deltas)
    return _with_usage(deltas, whole.usage)


def _said(choice: _Choice, said: _Said, deltas: list[Delta]) -> None:
    content = said.content
    reasoning = said.reasoning_content or said.reasoning or ""
    calls: tuple[ToolCallDelta, ...] = ()
    if isinstance(content, list):
        reasoning = "".join(_texts(thought for part in content for thought in part.thinking or ()))
        content = "".join(_texts(content))
    if not reasoning and said.reasoning_details:
        reasoning = "".join(part.text or part.summary or "" for part in said.reasoning_details)
    if said.tool_calls:
        calls = tuple(call.to_ours() for call in said.tool_calls)
    elif said.function_call is not None:
        calls = (WireToolCall(said.function_call, index=0).to_ours(),)
    _chosen(choice, content or said.refusal or "", reasoning, calls, deltas)


def _texts(parts: Iterable[Text]) -> Iterator[str]:
    return (part.text or "" for part in parts)


def _chosen(
    choice: _Choice,
    text: str,
    reasoning: str,
    calls: tuple[ToolCallDelta, ...],
    deltas: list[Delta],
) -> None:
    reason, ids, logprobs = choice.finish_reason, choice.token_ids, choice.logprobs
    if text or reasoning or calls or reason or ids or logprobs:
        deltas.append(
            Delta(
                text=text,
                reasoning=reasoning,
                tool_calls=calls,
                finish_reason=finish_reason(reason, FINISH_REASONS),
                token_ids=ids or (),
                index=choice.index or 0,
                logprobs=logprobs,
            )
        )


def _with_usage(deltas: list[Delta], usage: OpenAIUsage | None) -> list[Delta]:
    if usage is not None:
        deltas.append(Delta(usage=usage.to_ours()))
    return deltas


def _recognises_chat(kind: str, value: dict[str, Any]) -> bool:
    return value.get("object") == "chat.completion.chunk" or _chooses(value, "delta")


def _recognises_completions(kind: str, value: dict[str, Any]) -> bool:
    return value.get("object") == "text_completion" or _chooses(value, "text")


def _chooses(value: dict[str, Any], key: str) -> bool:
    return any(key in choice for choice in objects_in(value.get("choices")))


CHAT = Shape("openai-chat", _recognises_chat, lambda: TemplateReader(_read_openai_chat).read)
COMPLETIONS = Shape(
    "openai-completions",
    _recognises_completions,
    lambda: TemplateReader(_read_openai_completions).read,
)


def message_of(body: bytes) -> Message:
    """The message of a chat or completion that did not stream.

    Raises:
        StreamError: the body is an error object.
        DecodeError: the body is not such an answer.
    """
    return accumulate(read_whole(ServerSentEvent(data_bytes=body)))
