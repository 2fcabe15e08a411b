"""`Shape`, and the parts of chunks that several wire formats share.

A struct declares only the fields that are read; all others are skipped. Every field may be null,
because some server sends null for it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, Done
from ..types import Delta, ToolCallDelta, Usage

Deltas = Sequence[Delta | Done]
Read = Callable[[ServerSentEvent], Deltas]

END: Final = (DONE,)


class Shape(NamedTuple):
    """A wire format.

    Attributes:
        name: of the format, such as "openai-chat".
        recognises: whether an event has the format, by the event's type and the JSON object in
            its data.
        reader: makes a function that reads the events of one stream, in order. It returns the
            deltas of an event, often one, maybe none, with DONE last if the event ends the stream.
    """

    name: str
    recognises: Callable[[str, dict[str, Any]], bool]
    reader: Callable[[], Read]


class Struct(msgspec.Struct, gc=False):
    """A part of a chunk. It is dropped once its event is read, and is never in a cycle."""


class Chunk(Struct):
    """The data of an event. `decode_chunk` raises the error, if it has one."""

    error: Any = None


class Text(Struct):
    text: str | None = None


class Typed(Struct):
    type: str | None = None


class PromptDetails(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(Struct):
    reasoning_tokens: int | None = None


class OpenAIUsage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    # The name that Writer and the assistants use.
    prompt_token_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    def to_usage(self) -> Usage:
        prompt = self.prompt_tokens_details or self.prompt_token_details or PromptDetails()
        completion = self.completion_tokens_details or CompletionDetails()
        return Usage(
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            total_tokens=self.total_tokens,
            cached_tokens=prompt.cached_tokens,
            cache_write_tokens=prompt.cache_write_tokens,
            reasoning_tokens=completion.reasoning_tokens,
        )


class OpenAIFunction(Struct):
    name: str | None = None
    arguments: str | None = None


class OpenAIToolCall(Struct):
    function: OpenAIFunction | None = None
    index: int | None = None
    id: str | None = None

    def to_delta(self) -> ToolCallDelta:
        function = self.function or OpenAIFunction()
        return ToolCallDelta(
            index=self.index, id=self.id, name=function.name, arguments=function.arguments or ""
        )


class IncompleteDetails(Struct):
    """Why a response or a run of OpenAI's ended before it was complete."""

    reason: str | None = None


def finish_reason(word: str | None, table: Mapping[str, str]) -> str | None:
    """fastsse's word for a provider's finish reason; a word that is not in the table is unchanged.

    An empty word is None, as a null is.
    """
    return table.get(word, word) if word else None


def add_counts(first: int | None, second: int | None) -> int | None:
    """The sum of two numbers of tokens; None if either is not known."""
    return None if first is None or second is None else first + second


def objects_in(value: Any) -> list[dict[str, Any]]:
    """The JSON objects in a JSON array; none if the value is not an array."""
    items = value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict)]


def tool_call_delta(**fields: Any) -> Delta:
    """A delta with one part of a tool call, which has these fields."""
    return Delta(tool_calls=(ToolCallDelta(**fields),))
