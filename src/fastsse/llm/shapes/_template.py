"""Templates: chunks that equal an earlier one up to their text, as most of an answer do."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from ..._errors import SSEError
from ..._parser import ServerSentEvent
from ..decode import Done
from ..types import Delta

Read = Callable[[ServerSentEvent], Sequence[Delta | Done]]

# Templates to try before giving up.
MAX_TEMPLATES = 8
PROBE = "\x00probe"

# OpenAI pads each chunk with letters, to hide the length of the text.
PADDING = re.compile(rb'"obfuscation": ?"()[0-9A-Za-z]*')

_text = msgspec.json.Decoder(str).decode
_literal = msgspec.json.encode


class TemplateReader:
    """Matches a chunk against a template. If only the text differs, decodes only the text.

    A template is the bytes before and after the one JSON string that changes. The bytes after it
    may contain padding, which no field that is read contains.

    Args:
        read: reads any chunk, and keeps no state.
    """

    def __init__(self, read: Read) -> None:
        self._read_any = read
        self._templates_left = MAX_TEMPLATES
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
        if self._templates_left and len(deltas) == 1:
            self._learn(event, data, deltas[0])
        return deltas

    def _learn(self, event: ServerSentEvent, data: bytes, delta: Delta | Done) -> None:
        if not isinstance(delta, Delta) or not delta.text:
            return
        literal = _literal(delta.text)
        head, found, tail = data.partition(literal)
        if not found or not tail:
            return
        self._templates_left -= 1
        # The probe shows that the string is the text, and that nothing else depends on it.
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
