"""IBM's watsonx."""

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


class _WatsonxResult(Struct):
    generated_text: str | None = None
    generated_token_count: int | None = None
    input_token_count: int | None = None
    stop_reason: str | None = None


class _WatsonxChunk(Chunk):
    results: list[_WatsonxResult] | None = None


_watsonx = msgspec.json.Decoder(_WatsonxChunk).decode


def _read_watsonx(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _watsonx)
    if chunk is DONE:
        return END
    return [_watsonx_delta(*each) for each in enumerate(chunk.results or ())]


def _watsonx_delta(index: int, result: _WatsonxResult) -> Delta:
    ended = result.stop_reason not in (None, "", "not_finished")
    return Delta(
        text=result.generated_text or "",
        finish_reason=finish_reason(result.stop_reason, FINISH_REASONS) if ended else None,
        # The prompt's are counted in the first chunk, and zero from then on.
        usage=Usage(
            prompt_tokens=result.input_token_count or None,
            completion_tokens=result.generated_token_count,
        ),
        index=index,
    )


def recognises(kind: str, value: dict[str, Any]) -> bool:
    return any("generated_text" in result for result in objects_in(value.get("results")))


SHAPE = Shape("watsonx", recognises, lambda: _read_watsonx)
