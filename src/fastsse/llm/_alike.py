"""Chunks that differ in nothing but the text that they add, as nearly all of an answer do."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from string import ascii_letters, digits

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
PADDED = re.compile(rb'"obfuscation": ?"')
PADDING = (ascii_letters + digits).encode()

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
        self._head = self._tail = self._end = b""
        self._index = 0

    def read(self, event: ServerSentEvent) -> Sequence[Delta | Done]:
        """The deltas of an event."""
        data = event.data_bytes
        head, tail, end = self._head, self._tail, self._end
        if head and data.startswith(head) and event.event == self._kind:
            # A text with a quote in it is read as any.
            at = data.find(b'"', len(head) + 1) + 1
            if data.startswith(tail, at):
                rest = data[at + len(tail) :]
                if rest == end or (end and rest.lstrip(PADDING) == end):
                    try:
                        text = _text(data[len(head) : at])
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
                self._tail, self._end = _around_padding(tail)


def _around_padding(tail: bytes) -> tuple[bytes, bytes]:
    """What is before the padding of a tail, and after it; all and nothing where it has none."""
    found = PADDED.search(tail)
    if found is None:
        return tail, b""
    at = found.end()
    return tail[:at], tail[at:].lstrip(PADDING)
