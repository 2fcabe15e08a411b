"""The whole answer, built from the deltas of a stream."""

from collections.abc import Iterable

import msgspec

from .types import Choice, Delta, Message, ToolCall, ToolCallDelta, Usage


class MessageBuilder:
    """Builds a message from deltas, in time linear in what they add."""

    def __init__(self) -> None:
        self._choices: dict[int, _ChoiceBuilder] = {}
        self._usage: Usage | None = None

    def add(self, delta: Delta) -> None:
        """Add the next delta of the answer."""
        if delta.usage is not None:
            self._usage = delta.usage if self._usage is None else self._usage.updated(delta.usage)
        choice = self._choices.get(delta.index)
        if choice is None:
            choice = self._choices[delta.index] = _ChoiceBuilder()
        choice.add(delta)

    def message(self) -> Message:
        """Return the message so far."""
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
        # The call of the last part.
        self._open_call: _CallBuilder | None = None
        # The latest call that has each index.
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
        call = self._known_call(part)
        if call is None:
            call = _CallBuilder()
            self._calls.append(call)
        self._open_call = call
        if part.index is not None:
            self._by_index[part.index] = call
        return call

    def _known_call(self, part: ToolCallDelta) -> "_CallBuilder | None":
        """The call that the part continues; None if the part begins one."""
        call = None
        if part.id:
            call = next((call for call in reversed(self._calls) if call.id == part.id), None)
        if call is None and part.index is not None:
            call = self._by_index.get(part.index)
        # Some servers send an index or an id with the first part of a call only, or count parts.
        if call is None and not part.id and self._open_call is not None:
            call = self._open_call if self._open_call.is_continued_by(part) else None
        return None if call is None or call.is_followed_by(part) else call

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

    @property
    def id(self) -> str:
        return self._id

    def is_followed_by(self, part: ToolCallDelta) -> bool:
        """Whether a part with the same index or ID begins another call, as some servers do."""
        if not part.name:
            return False
        has_other_id = bool(self._id and part.id and part.id != self._id)
        return has_other_id or (part.arguments.lstrip()[:1] == "{" and self._is_whole())

    def is_continued_by(self, part: ToolCallDelta) -> bool:
        """Whether a part with neither index nor ID can only be of this call."""
        if not part.name:
            return True
        return part.name == self._name and any(self._arguments) and not self._is_whole()

    def _is_whole(self) -> bool:
        # Most parts fail the cheap test, so that the work stays linear in the arguments.
        if not self._arguments or self._arguments[-1].rstrip()[-1:] != "}":
            return False
        try:
            return isinstance(msgspec.json.decode("".join(self._arguments)), dict)
        except (ValueError, RecursionError):
            return False

    def add(self, part: ToolCallDelta) -> None:
        self._id = self._id or part.id or ""
        # Servers send a name once, in parts before the arguments, or again with each part.
        if part.name and part.name != self._name and not (self._name and any(self._arguments)):
            self._name += part.name
        self._arguments.append(part.arguments)

    def call(self) -> ToolCall:
        return ToolCall(id=self._id, name=self._name, arguments="".join(self._arguments))


def accumulate(deltas: Iterable[Delta]) -> Message:
    """Build the message that the deltas of an answer add up to.

    Args:
        deltas: all of the answer's deltas, in order.

    Returns:
        The text of each choice, its tool calls with their arguments, and the usage.
    """
    builder = MessageBuilder()
    for delta in deltas:
        builder.add(delta)
    return builder.message()
