"""Parts of wire formats that several providers share.

A struct has only the fields that are read, so that other fields are ignored. Each may be null, as
some servers send null for each field that they do not use.
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
        recognises: whether an event has it, by the event's type and the JSON object in its data.
        reader: makes a function that reads the events of one stream, in order: the deltas of an
            event, often one, maybe none, with DONE last if the event ends the stream.
    """

    name: str
    recognises: Callable[[str, dict[str, Any]], bool]
    reader: Callable[[], Read]


def finish_reason(word: str | None, table: Mapping[str, str]) -> str | None:
    """Our word for a provider's finish reason; a word that is not in the table stays as it is."""
    return table.get(word, word) if word else None


def sum_known(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


class Struct(msgspec.Struct, gc=False):
    """A part of a chunk: read and dropped at once, and never in a cycle."""


class Chunk(Struct):
    """The data of an event."""

    error: Any = None


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
    # What Writer and the assistants call them.
    prompt_token_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    def to_ours(self) -> Usage:
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


class Function(Struct):
    name: str | None = None
    arguments: str | None = None


class WireToolCall(Struct):
    function: Function | None = None
    index: int | None = None
    id: str | None = None

    def to_ours(self) -> ToolCallDelta:
        function = self.function or Function()
        return ToolCallDelta(
            index=self.index, id=self.id, name=function.name, arguments=function.arguments or ""
        )


class Text(Struct):
    text: str | None = None


class Typed(Struct):
    type: str | None = None


class Incomplete(Struct):
    reason: str | None = None


def objects_in(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict)]


def call_delta(**fields: Any) -> Delta:
    return Delta(tool_calls=(ToolCallDelta(**fields),))
