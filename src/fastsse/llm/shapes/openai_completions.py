"""OpenAI's completions of a prompt, which inference servers offer too."""

from typing import Any

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk
from ..types import Delta
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
from ._wire_types import END, Chunk, Deltas, OpenAIUsage, Shape

FINISH_REASONS = COMPATIBLE_FINISH_REASONS


class _CompletionChoice(Choice):
    text: str | None = None


class _CompletionChunk(Chunk):
    choices: list[_CompletionChoice] | None = None
    usage: OpenAIUsage | None = None


_decode_chunk = msgspec.json.Decoder(_CompletionChunk).decode


def read_chunk(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _decode_chunk)
    if chunk is DONE:
        return END
    expect_no_error_in(chunk.choices or (), event)
    deltas: list[Delta] = []
    for choice in chunk.choices or ():
        append_delta(deltas, choice, FINISH_REASONS, text=choice.text or "")
    if chunk.choices is None and chunk.usage is None:
        skip_chunk(event)
    append_usage(deltas, chunk.usage)
    return deltas


def recognises(event_type: str, value: dict[str, Any]) -> bool:
    return value.get("object") == "text_completion" or has_choice_with(value, "text")


SHAPE = Shape("openai-completions", recognises, lambda: TemplateReader(read_chunk).read)
