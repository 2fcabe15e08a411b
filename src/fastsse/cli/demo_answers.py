"""The answers of the demo's server: random words, as a chat or as a completion."""

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

TEXT = (
    "a stream of events is read line by line and each blank line sends what has come before it "
    "so an answer grows word by word while it is still being thought of"
)
# The id of a token is its index here.
VOCABULARY = [f"{word} " for word in dict.fromkeys(TEXT.split())]
THINKING_SECONDS = (0.05, 0.3)
# The numbers of tokens in the chunks of a completion, repeated until it ends.
CHUNK_SIZES = (1, 1, 1, 2, 1, 3)

_numbers = itertools.count(1)

Json = dict[str, Any]


class Generated:
    """Random words in answer to a request, to be sent whole or streamed."""

    kind: str
    kind_of_chunk: str

    def __init__(self, body: Json, prompt_tokens: int, tokens: int) -> None:
        self._head = {
            "id": f"demo-{next(_numbers)}",
            "created": int(time.time()),
            "model": body.get("model", "demo"),
        }
        self._body = body
        self._ids = random.choices(range(len(VOCABULARY)), k=tokens)
        self._usage = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": prompt_tokens + tokens,
        }

    def whole(self) -> Json:
        """The answer as one JSON object."""
        choice = {"index": 0, "finish_reason": "stop", **self._content_of(self._ids)}
        return {**self._head, "object": self.kind, "choices": [choice], "usage": self._usage}

    async def stream(self, rate: float) -> AsyncIterator[dict[str, str]]:
        """Yield the events of the answer, at a rate in tokens per second."""
        await asyncio.sleep(random.uniform(*THINKING_SECONDS))
        for choice, tokens in self._choices():
            yield self._event(choices=[{"index": 0, "finish_reason": None, **choice}])
            await asyncio.sleep(tokens / rate)
        if (self._body.get("stream_options") or {}).get("include_usage"):
            yield self._event(choices=[], usage=self._usage)
        yield {"data": "[DONE]"}

    def _event(self, **fields: Any) -> dict[str, str]:
        return {"data": json.dumps({**self._head, "object": self.kind_of_chunk, **fields})}

    def _content_of(self, ids: list[int]) -> Json:
        """The fields of a choice with these tokens."""
        raise NotImplementedError

    def _choices(self) -> Iterator[tuple[Json, int]]:
        """Yield the choice of each chunk, and its number of tokens."""
        raise NotImplementedError


class GeneratedChat(Generated):
    """An answer in the format of OpenAI's chat completions."""

    kind = "chat.completion"
    kind_of_chunk = "chat.completion.chunk"

    def _content_of(self, ids: list[int]) -> Json:
        return {"message": {"role": "assistant", "content": _text(ids)}}

    def _choices(self) -> Iterator[tuple[Json, int]]:
        yield {"delta": {"role": "assistant", "content": ""}}, 0
        for token in self._ids:
            yield {"delta": {"content": VOCABULARY[token]}}, 1
        yield {"delta": {}, "finish_reason": "stop"}, 0


class GeneratedCompletion(Generated):
    """An answer in the format of vLLM's completions, with token ids if requested."""

    kind = kind_of_chunk = "text_completion"

    def _content_of(self, ids: list[int]) -> Json:
        tokens = {"tokens": [VOCABULARY[token] for token in ids]}
        return {
            "text": _text(ids),
            "token_ids": ids if self._body.get("return_token_ids") else None,
            "logprobs": tokens if self._body.get("logprobs") is not None else None,
        }

    def _choices(self) -> Iterator[tuple[Json, int]]:
        ids = iter(self._ids)
        for size in itertools.cycle(CHUNK_SIZES):
            chunk = list(itertools.islice(ids, size))
            if not chunk:
                break
            yield self._content_of(chunk), len(chunk)
        yield {**self._content_of([]), "finish_reason": "stop"}, 0


def _text(ids: list[int]) -> str:
    return "".join(VOCABULARY[token] for token in ids)
