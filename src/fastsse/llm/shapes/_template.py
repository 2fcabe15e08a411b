"""Chunks that differ in nothing but the text that they add, as nearly all of an answer do."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from .._errors import SSEError
from .._parser import ServerSentEvent
from ._decode import Done
from ._delta import Delta

Read = Callable[[ServerSentEvent], Sequence[Delta | Done]]

# How often it learns anew; an answer whose chunks differ in more would only pay for it.
LESSONS = 8
PROBE = "\x00probe"

# OpenAI has letters in each chunk, so that its length does not tell the text.
PADDING = re.compile(rb'"obfuscation": ?"()[0-9A-Za-z]*')

_text = msgspec.json.Decoder(str).decode
_literal = msgspec.json.encode


class Alike:
    """Reads a chunk by what is between the head and the tail that it shares with an earlier one.

    That is half of the work, and the same to the byte: where both are as before, and a JSON
    string stands between them, all that is read of a chunk is as before, but for that string.
    The tail may have padding, which is in no word that is read.

    Args:
        read: reads any chunk, and keeps nothing of it.
    """

    def __init__(self, read: Read) -> None:
        self._read_any = read
        self._lessons = LESSONS
        self._kind = ""
        self._head = self._before_padding = self._tail = b""
        self._end = 0
        self._index = 0

    def read(self, event: ServerSentEvent) -> Sequence[Delta | Done]:
        """The deltas of an event."""
        data = event.data_bytes
        head = self._head
        if (
            head
            and data.startswith(head)
            and data.endswith(self._tail)
            and event.event == self._kind
        ):
            middle = data[len(head) : self._end]
            if self._before_padding:
                middle, _, padding = middle.rpartition(self._before_padding)
                if padding and not padding.isalnum():
                    middle = b""
            try:
                text = _text(middle)
            except ValueError:
                text = ""
            if text:
                return (Delta(text=text, index=self._index),)
        deltas = self._read_any(event)
        if self._lessons and len(deltas) == 1:
            self._learn(event, data, deltas[0])
        return deltas

    def _learn(self, event: ServerSentEvent, data: bytes, delta: Delta | Done) -> None:
        if not isinstance(delta, Delta) or not delta.text:
            return
        literal = _literal(delta.text)
        head, found, tail = data.partition(literal)
        if not found or not tail:
            return
        self._lessons -= 1
        # It may be another string, or none, or not all that is read: of no such does this hold.
        probe = ServerSentEvent(event=event.event, data_bytes=head + _literal(PROBE) + tail)
        with suppress(SSEError):
            if list(self._read_any(probe)) == [Delta(text=PROBE, index=delta.index)]:
                self._kind, self._head, self._index = event.event, head, delta.index
                self._before_padding, self._tail = _around_padding(tail)
                self._end = -len(self._tail)


def _around_padding(tail: bytes) -> tuple[bytes, bytes]:
    """What is before the padding of a tail, and after it; nothing and all where it has none."""
    found = PADDING.search(tail)
    return (b"", tail) if found is None else (tail[: found.end(1)], tail[found.end() :])
