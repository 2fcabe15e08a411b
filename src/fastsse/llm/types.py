"""The parts of an answer, in the same words for every provider.

A chunk adds a `Delta` to each choice. A `Message` is the whole answer.
"""

from typing import Any, NamedTuple

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """Numbers of tokens, as the server reports them; None for each that it does not report.

    Attributes:
        prompt_tokens: tokens of the prompt, including those read from or written to a cache.
        completion_tokens: tokens of the answer, including those of reasoning.
        total_tokens: the sum of both, from the server or computed if the server reports none.
        cached_tokens: tokens of the prompt that were read from a cache.
        cache_write_tokens: tokens of the prompt that were written to a cache.
        reasoning_tokens: tokens of the answer that were spent on reasoning.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    def updated(self, later: "Usage") -> "Usage":
        """Return this usage with each number that a later one reports."""
        reported = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(later, name)) is not None
        }
        updated = msgspec.structs.replace(self, **reported)
        prompt, completion = updated.prompt_tokens, updated.completion_tokens
        if later.total_tokens is None and prompt is not None and completion is not None:
            return msgspec.structs.replace(updated, total_tokens=prompt + completion)
        return updated


class ToolCallDelta(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False
):
    """A part of a tool call.

    Attributes:
        index: which call of the choice the part belongs to; None for a call in one part.
        id, name: of the call, in the part that has them.
        arguments: the text to append to the JSON text of the arguments.
    """

    index: int | None = None
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Delta(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False
):
    """The part of an answer that a chunk adds to one choice.

    Attributes:
        text: text of the answer, or of a refusal.
        reasoning: text of the reasoning before the answer.
        tool_calls: parts of tool calls.
        finish_reason: why the choice ended: "stop", "length", "tool_calls" or "content_filter",
            whichever word the provider uses for it; any other reason as received. None before.
        usage: of the whole answer so far; a later one completes it.
        token_ids: the ids of the text's tokens, from servers that send them.
        index: of the choice.
        logprobs: as the server sent them.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    token_ids: tuple[int, ...] = ()
    index: int = 0
    logprobs: Any = None

    @property
    def finished(self) -> bool:
        """Whether the choice ends with this delta."""
        return self.finish_reason is not None


class Token(NamedTuple):
    """One token of a completion.

    Attributes:
        text: of the token. If the server does not split a chunk's text, the chunk's first token
            has all of it, and the others are empty.
        id: of the token; None if the server sends none.
    """

    text: str
    id: int | None


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A tool call.

    Attributes:
        id, name: of the call; empty if the server sends none.
        arguments: the JSON text of the arguments.
    """

    id: str
    name: str
    arguments: str


class Choice(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One of the answers to a request.

    Attributes:
        index, text, reasoning, finish_reason, token_ids: see `Delta`.
        tool_calls: the tool calls, in the order in which they began.
    """

    index: int = 0
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    token_ids: tuple[int, ...] = ()


class Message(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A whole answer.

    Attributes:
        choices: ordered by index; never empty.
        usage: numbers of tokens; None if the server does not report them.
        text, reasoning, tool_calls, finish_reason, token_ids: of the first choice.
    """

    choices: tuple[Choice, ...]
    usage: Usage | None = None

    @property
    def text(self) -> str:
        return self.choices[0].text

    @property
    def reasoning(self) -> str:
        return self.choices[0].reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self.choices[0].tool_calls

    @property
    def finish_reason(self) -> str | None:
        return self.choices[0].finish_reason

    @property
    def token_ids(self) -> tuple[int, ...]:
        return self.choices[0].token_ids
