"""Reads chunks by a template: most chunks of an answer differ in their text only."""

import re
from contextlib import suppress

import msgspec

from ..._errors import SSEError
from ..._parser import ServerSentEvent
from ..decode import Done
from ..types import Delta
from ._wire_types import Deltas, Read

# Templates to try before giving up.
MAX_TEMPLATES = 8
# The text of a probe: a chunk made from a template, to check that only the text differs.
PROBE = "\x00probe"

# OpenAI pads chunks with letters, so that their length does not reveal the text.
PADDING = re.compile(rb'"obfuscation": ?"()[0-9A-Za-z]*')

_decode_text = msgspec.json.Decoder(str).decode
_encode_text = msgspec.json.encode


class TemplateReader:
    """Matches a chunk against a template. If only the text differs, decodes only the text.

    A template is an earlier chunk's bytes before and after its text. All other fields that are
    read are in those bytes, so a chunk that has the same bytes around a JSON string differs in that
    string only. The bytes after the text may contain padding, which is in no field that is read.

    Args:
        read: reads any chunk, and keeps no state.
    """

    def __init__(self, read: Read) -> None:
        self._read_any = read
        self._templates_left = MAX_TEMPLATES
        self._event_type = ""
        self._head = self._before_padding = self._tail = b""
        self._end = 0
        self._index = 0

    def read(self, event: ServerSentEvent) -> Deltas:
        """Return the deltas of an event, by the template if it matches."""
        data = event.data_bytes
        head = self._head
        if (
            head
            and data.startswith(head)
            and data.endswith(self._tail)
            and event.event == self._event_type
        ):
            middle = data[len(head) : self._end]
            if self._before_padding:
                middle, _, padding = middle.rpartition(self._before_padding)
                if padding and not padding.isalnum():
                    middle = b""
            try:
                text = _decode_text(middle)
            except ValueError:
                text = ""
            if text:
                return (Delta(text=text, index=self._index),)
        deltas = self._read_any(event)
        if self._templates_left and len(deltas) == 1:
            self._make_template(event, data, deltas[0])
        return deltas

    def _make_template(self, event: ServerSentEvent, data: bytes, delta: Delta | Done) -> None:
        if not isinstance(delta, Delta) or not delta.text:
            return
        literal = _encode_text(delta.text)
        head, found, tail = data.partition(literal)
        if not found or not tail:
            return
        self._templates_left -= 1
        # The probe must give its own text and nothing else. It does not if the string found belongs
        # to another field, or if the chunk adds more than its text.
        probe = ServerSentEvent(event=event.event, data_bytes=head + _encode_text(PROBE) + tail)
        with suppress(SSEError):
            if list(self._read_any(probe)) == [Delta(text=PROBE, index=delta.index)]:
                self._event_type, self._head, self._index = event.event, head, delta.index
                self._before_padding, self._tail = _around_padding(tail)
                self._end = -len(self._tail)


def _around_padding(tail: bytes) -> tuple[bytes, bytes]:
    """Split a tail into the bytes before and after its padding; without any, into b"" and all."""
    found = PADDING.search(tail)
    return (b"", tail) if found is None else (tail[: found.end(1)], tail[found.end() :])
