"""IBM's watsonx: text generation."""

from typing import Any

import msgspec

from ..._parser import ServerSentEvent
from ..decode import DONE, decode_chunk
from ..types import Delta, Usage
from ._wire_types import END, Chunk, Deltas, Shape, Struct, finish_reason, objects_in

FINISH_REASONS = {
    "eos_token": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "max_tokens": "length",
    "token_limit": "length",
}


class _Result(Struct):
    generated_text: str | None = None
    generated_token_count: int | None = None
    input_token_count: int | None = None
    stop_reason: str | None = None

    def to_delta(self, index: int) -> Delta:
        has_ended = self.stop_reason != "not_finished"
        return Delta(
            text=self.generated_text or "",
            finish_reason=finish_reason(self.stop_reason, FINISH_REASONS) if has_ended else None,
            # The first chunk counts the prompt; later chunks report 0.
            usage=Usage(
                prompt_tokens=self.input_token_count or None,
                completion_tokens=self.generated_token_count,
            ),
            index=index,
        )


class _WatsonxChunk(Chunk):
    results: list[_Result] | None = None


_decode_chunk = msgspec.json.Decoder(_WatsonxChunk).decode


def read_chunk(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _decode_chunk)
    if chunk is DONE:
        return END
    return [result.to_delta(index) for index, result in enumerate(chunk.results or ())]


def recognises(event_type: str, value: dict[str, Any]) -> bool:
    return any("generated_text" in result for result in objects_in(value.get("results")))


SHAPE = Shape("watsonx", recognises, lambda: read_chunk)
