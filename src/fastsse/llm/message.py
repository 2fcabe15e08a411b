"""The whole answer: what the deltas of a stream come to, or what a server sends at once."""

from collections.abc import Iterable

import msgspec

from .._parser import ServerSentEvent
from .types import Delta, ToolCallDelta, Usage
from .shapes import read_whole


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A call of a tool.

    Attributes:
        id, name: of the call; empty where the server sends none.
        arguments: the JSON text of the arguments.
    """

    id: str
    name: str
    arguments: str


class Choice(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One of the answers to a request.

    Attributes:
        index, text, reasoning, finish_reason, token_ids: see `Delta`.
        tool_calls: the calls of tools, in the order in which they began.
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
        choices: by their index; never empty.
        usage: how many tokens it took; None if the server does not say.
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


class MessageBuilder:
    """Puts a message together, delta by delta; the work is linear in what they add."""

    def __init__(self) -> None:
        self._choices: dict[int, _ChoiceBuilder] = {}
        self._usage: Usage | None = None

    def add(self, delta: Delta) -> None:
        """Add what comes next."""
        if delta.usage is not None:
            self._usage = delta.usage if self._usage is None else self._usage.updated(delta.usage)
        choice = self._choices.get(delta.index)
        if choice is None:
            choice = self._choices[delta.index] = _ChoiceBuilder()
        choice.add(delta)

    def message(self) -> Message:
        """What has come until now."""
        choices = self._choices or {0: _ChoiceBuilder()}
        return Message(
            choices=tuple(choices[index].choice(index) for index in sorted(choices)),
            usage=self._usage,
        )


class _ChoiceBuilder:
    def __init__(self) -> None:
        self._texts: list[str] = []
        self._reasonings: list[str] = []
        self._calls: list[_CallBuilder] = []
        # The call that has each index, if any has.
        self._by_index: dict[int, _CallBuilder] = {}
        self._finish_reason: str | None = None
        self._token_ids: list[int] = []

    def add(self, delta: Delta) -> None:
        self._texts.append(delta.text)
        self._reasonings.append(delta.reasoning)
        for part in delta.tool_calls:
            self._call_of(part).add(part)
        if delta.finish_reason is not None:
            self._finish_reason = delta.finish_reason
        self._token_ids += delta.token_ids

    def _call_of(self, part: ToolCallDelta) -> "_CallBuilder":
        call = None if part.index is None else self._by_index.get(part.index)
        # Some servers give all calls of a choice the same index.
        if call is None or call.is_other_than(part):
            call = _CallBuilder()
            self._calls.append(call)
            if part.index is not None:
                self._by_index[part.index] = call
        return call

    def choice(self, index: int) -> Choice:
        return Choice(
            index=index,
            text="".join(self._texts),
            reasoning="".join(self._reasonings),
            tool_calls=tuple(call.call() for call in self._calls),
            finish_reason=self._finish_reason,
            token_ids=tuple(self._token_ids),
        )


class _CallBuilder:
    def __init__(self) -> None:
        self._id = self._name = ""
        self._arguments: list[str] = []

    def is_other_than(self, part: ToolCallDelta) -> bool:
        return bool(self._id and part.id and part.name and part.id != self._id)

    def add(self, part: ToolCallDelta) -> None:
        self._id = self._id or part.id or ""
        self._name = self._name or part.name or ""
        self._arguments.append(part.arguments)

    def call(self) -> ToolCall:
        return ToolCall(id=self._id, name=self._name, arguments="".join(self._arguments))


def accumulate(deltas: Iterable[Delta]) -> Message:
    """Put the deltas of an answer together.

    Args:
        deltas: all of them, in order.

    Returns:
        The text of each choice, its calls of tools with their arguments, and the usage.
    """
    builder = MessageBuilder()
    for delta in deltas:
        builder.add(delta)
    return builder.message()


def message_of(body: bytes) -> Message:
    """The answer that a server of OpenAI's API gives at once: of a chat, or of a completion.

    Raises:
        StreamError: the body is an error object.
        DecodeError: it is no such answer.
    """
    return accumulate(read_whole(ServerSentEvent(data_bytes=body)))
