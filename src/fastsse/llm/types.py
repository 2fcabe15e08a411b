"""What a chunk of an answer adds, in the same words whoever answers."""

from typing import Any, NamedTuple

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """How many tokens it took, as far as the server says; None for what it does not.

    Attributes:
        prompt_tokens: those of the prompt, with those from a cache and those written to one.
        completion_tokens: those of the answer, with those of reasoning.
        total_tokens: both, as the server adds them, or as we do where it does not.
        cached_tokens: of the prompt, from a cache.
        cache_write_tokens: of the prompt, written to a cache.
        reasoning_tokens: of the answer, for reasoning.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    def updated(self, later: "Usage") -> "Usage":
        """This usage, with what a later one says."""
        said = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(later, name)) is not None
        }
        updated = msgspec.structs.replace(self, **said)
        prompt, completion = updated.prompt_tokens, updated.completion_tokens
        if later.total_tokens is None and prompt is not None and completion is not None:
            return msgspec.structs.replace(updated, total_tokens=prompt + completion)
        return updated


class ToolCallDelta(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False
):
    """A part of a call of a tool.

    Attributes:
        index: which call of the choice it belongs to; None if it is a whole call by itself.
        id, name: of the call, in the part that has them.
        arguments: what it adds to the JSON text of the arguments.
    """

    index: int | None = None
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Delta(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False
):
    """What a chunk adds to one choice of an answer.

    Attributes:
        text: of the answer; a refusal too.
        reasoning: text of the thinking before it.
        tool_calls: parts of calls of tools.
        finish_reason: why the choice ended: "stop", "length", "tool_calls" or "content_filter",
            whatever the server calls these; another reason as it came. None before.
        usage: of the whole answer so far; a later one completes it.
        token_ids: of the text, from servers that send them.
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
        """Whether the choice ends with it."""
        return self.finish_reason is not None


class Token(NamedTuple):
    """One token of a completion.

    Attributes:
        text: of the token; of all of its chunk's where the server does not tell them apart, and
            empty for the others then.
        id: of the token; None where the server sends none.
    """

    text: str
    id: int | None
