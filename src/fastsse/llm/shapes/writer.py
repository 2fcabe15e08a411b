"""Writer."""

from typing import Any

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk
from ..types import Delta
from ._wire_types import END, Chunk, Deltas, Shape


class _WriterChunk(Chunk):
    value: str | None = None


_writer = msgspec.json.Decoder(_WriterChunk).decode


def _read_writer(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _writer)
    if chunk is DONE:
        return END
    return (Delta(text=chunk.value),) if chunk.value else ()


def recognises(kind: str, value: dict[str, Any]) -> bool:
    return value.keys() == {"value"} and isinstance(value["value"], str)


SHAPE = Shape("writer", recognises, lambda: _read_writer)
