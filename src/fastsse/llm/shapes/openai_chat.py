"""OpenAI's chat completions, which most servers offer; and answers that were not streamed."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk, stream_error
from ..errors import DecodeError
from ..message import accumulate
from ..types import Delta, Message, ToolCallDelta
from ._choices import (
    COMPATIBLE_FINISH_REASONS,
    Choice,
    append_delta,
    append_usage,
    expect_no_error_in,
    has_choice_with,
    skip_chunk,
)
from ._template import TemplateReader
from ._wire_types import (
    END,
    Chunk,
    Deltas,
    OpenAIFunction,
    OpenAIToolCall,
    OpenAIUsage,
    Shape,
    Struct,
    Text,
)

FINISH_REASONS = COMPATIBLE_FINISH_REASONS


class _ContentPart(Text):
    """A part of Mistral's content: text, or reasoning in `thinking`."""

    thinking: list[Text] | None = None


class _ReasoningDetail(Text):
    """Reasoning, as OpenRouter and others send it."""

    summary: str | None = None


class _Content(Struct):
    """The `delta` of a chunk's choice, or the `message` of a whole answer's."""

    content: str | list[_ContentPart] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[OpenAIToolCall] | None = None
    refusal: str | None = None
    reasoning_details: list[_ReasoningDetail] | None = None
    function_call: OpenAIFunction | None = None


class _ChatChoice(Choice):
    delta: _Content | None = None


class _Groq(Struct):
    usage: OpenAIUsage | None = None
    error: Any = None


class _ChatChunk(Chunk):
    choices: list[_ChatChoice] | None = None
    usage: OpenAIUsage | None = None
    x_groq: _Groq | None = None


class _WholeChoice(Choice):
    """A choice of a chat, with a message, or of a completion, with a text."""

    message: _Content | None = None
    text: str | None = None


class _WholeAnswer(Chunk, kw_only=True):
    choices: list[_WholeChoice]
    usage: OpenAIUsage | None = None
    x_groq: _Groq | None = None


_decode_chunk = msgspec.json.Decoder(_ChatChunk).decode
_decode_whole = msgspec.json.Decoder(_WholeAnswer).decode
_NO_CONTENT: Final = _Content()


def read_chunk(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _decode_chunk)
    if chunk is DONE:
        return END
    choices, usage = chunk.choices or (), chunk.usage
    if usage is None and chunk.x_groq is not None:
        usage = chunk.x_groq.usage
    if len(choices) == 1 and usage is None and (text := _only_text(choices[0])):
        # Most chunks have only text, and the code below takes three times as long.
        return (Delta(text=text, index=choices[0].index or 0),)
    _expect_no_error(choices, chunk.x_groq, event)
    deltas: list[Delta] = []
    for choice in choices:
        _append_content(deltas, choice, choice.delta or _NO_CONTENT)
    if chunk.choices is None and usage is None:
        skip_chunk(event)
    append_usage(deltas, usage)
    return deltas


def _expect_no_error(choices: Iterable[Choice], groq: _Groq | None, event: ServerSentEvent) -> None:
    expect_no_error_in(choices, event)
    if groq is not None and groq.error:
        raise stream_error(groq.error, event)


def _only_text(choice: _ChatChoice) -> str | None:
    """The text of a choice that adds nothing else; None if it adds anything else."""
    delta = choice.delta
    if (
        delta is not None
        and type(delta.content) is str
        and choice.finish_reason is None
        and choice.logprobs is None
        and choice.token_ids is None
        and not choice.error
        and delta.reasoning_content is None
        and delta.reasoning is None
        and delta.tool_calls is None
        and delta.reasoning_details is None
        and delta.function_call is None
    ):
        return delta.content
    return None


def _append_content(deltas: list[Delta], choice: Choice, added: _Content) -> None:
    content = added.content
    reasoning = added.reasoning_content or added.reasoning or ""
    calls: tuple[ToolCallDelta, ...] = ()
    if isinstance(content, list):
        reasoning = _join(thought for part in content for thought in part.thinking or ())
        content = _join(content)
    if not reasoning and added.reasoning_details:
        reasoning = "".join(part.text or part.summary or "" for part in added.reasoning_details)
    if added.tool_calls:
        calls = tuple(call.to_delta() for call in added.tool_calls)
    elif added.function_call is not None:
        calls = (OpenAIToolCall(added.function_call, index=0).to_delta(),)
    text = content or added.refusal or ""
    append_delta(deltas, choice, FINISH_REASONS, text=text, reasoning=reasoning, tool_calls=calls)


def _join(parts: Iterable[Text]) -> str:
    return "".join(part.text or "" for part in parts)


def message_of(body: bytes) -> Message:
    """The message of a chat or a completion that was not streamed.

    Args:
        body: of the response.

    Raises:
        StreamError: the body is an error object.
        DecodeError: the body is not JSON, or not a chat or completion.
    """
    event = ServerSentEvent(data_bytes=body)
    whole = decode_chunk(event, _decode_whole)
    if whole is DONE:
        raise DecodeError(event, "expected an answer, got the end of a stream")
    _expect_no_error(whole.choices, whole.x_groq, event)
    deltas: list[Delta] = []
    for choice in whole.choices:
        _append_content(deltas, choice, choice.message or _Content(choice.text))
    append_usage(deltas, whole.usage)
    return accumulate(deltas)


def recognises(event_type: str, value: dict[str, Any]) -> bool:
    return value.get("object") == "chat.completion.chunk" or has_choice_with(value, "delta")


SHAPE = Shape("openai-chat", recognises, lambda: TemplateReader(read_chunk).read)
