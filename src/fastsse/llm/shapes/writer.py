"""Writer's own format: text only, without finish reasons."""

from typing import Any

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk
from ..types import Delta
from ._wire_types import END, Chunk, Deltas, Shape


class _WriterChunk(Chunk):
    value: str | None = None


_decode_chunk = msgspec.json.Decoder(_WriterChunk).decode


def read_chunk(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _decode_chunk)
    if chunk is DONE:
        return END
    return (Delta(text=chunk.value),) if chunk.value else ()


def recognises(event_type: str, value: dict[str, Any]) -> bool:
    return value.keys() == {"value"} and isinstance(value["value"], str)


SHAPE = Shape("writer", recognises, lambda: read_chunk)
