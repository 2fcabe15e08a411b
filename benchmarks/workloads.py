"""What is measured: streams named by the branch of the parser that they exercise."""

import json
import os
import random
from itertools import cycle, islice
from pathlib import Path
from string import ascii_letters, digits
from typing import Any, NamedTuple

from fastsse import _parser_py

EVENTS = 2000

OPENAI = (
    '{"id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG","object":"chat.completion.chunk",'
    '"created":1741570283,"model":"gpt-4o-mini-2024-07-18","service_tier":"default",'
    '"system_fingerprint":"fp_06737a9306","choices":[{"index":0,"delta":{"content":" word"},'
    '"logprobs":null,"finish_reason":null}]}'
)
ANTHROPIC = (
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" another"}}'
)
CHINESE = '{"choices":[{"index":0,"delta":{"content":"你好，世界。今天天气怎么样？🌤️"}}]}'

WORDS = "The quick brown fox jumps over the lazy dog , which sleeps , and is gone by mid night ."

CHUNK_SIZES = {"1 event": None, "64 KiB": 64 * 1024}
SMALL_CHUNK_SIZES = {"16 bytes": 16, "1 byte": 1}


class Fields(NamedTuple):
    """What a parser should make of an event."""

    event: str
    data: str
    id: str = ""
    retry: int | None = None


class Workload(NamedTuple):
    """Streams, each as the blocks of its events, and all events that should come of them."""

    name: str
    streams: list[list[bytes]]
    events: list[Fields]

    def chunks(self, size: int | None) -> list[list[bytes]]:
        """The streams in chunks of that size, or in one chunk per event."""
        if size is None:
            return self.streams
        return [
            [stream[at : at + size] for at in range(0, len(stream), size)]
            for stream in map(b"".join, self.streams)
        ]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(len(block) for blocks in self.streams for block in blocks)


def repeated(
    name: str, block: str, data: str, event: str = "message", *, count: int = EVENTS, **more: object
) -> Workload:
    fields = Fields(event, data, **more)  # type: ignore[arg-type]
    return Workload(name, [[block.encode()] * count], [fields] * count)


def chat(tokens: int, *, padded: bool) -> Workload:
    """The answer of a chat in that many words: a chunk for each, between a head and an end.

    Chunks of one answer are alike but for their text. Those of OpenAI are padded besides, each by
    letters of its own, so that its length does not tell the text.
    """
    chunks = [
        _chat_chunk([_choice({"role": "assistant", "content": ""})]),
        *(_chat_chunk([_choice({"content": word})]) for word in chat_words(tokens)),
        _chat_chunk([_choice({}, "stop")]),
        _chat_chunk([], {"prompt_tokens": 12, "completion_tokens": tokens}),
    ]
    if padded:
        letters = random.Random(tokens)
        for chunk in chunks:
            size = letters.randrange(16)
            chunk["obfuscation"] = "".join(letters.choices(ascii_letters + digits, k=size))
    texts = [*(json.dumps(chunk, separators=(",", ":")) for chunk in chunks), "[DONE]"]
    blocks = [f"data: {text}\n\n".encode() for text in texts]
    return Workload("chat", [blocks], [Fields("message", text) for text in texts])


def chat_words(tokens: int) -> list[str]:
    """What such an answer says."""
    return list(islice(cycle(f" {word}" for word in WORDS.split()), tokens))


def _chat_chunk(choices: list[Any], usage: dict[str, int] | None = None) -> dict[str, Any]:
    return json.loads(OPENAI) | {"choices": choices, "usage": usage}


def _choice(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


WORKLOADS = (
    repeated("one data line (OpenAI)", f"data: {OPENAI}\n\n", OPENAI),
    repeated(
        "event and data (Anthropic)",
        f"event: content_block_delta\ndata: {ANTHROPIC}\n\n",
        ANTHROPIC,
        "content_block_delta",
    ),
    repeated("tiny data", "data: x\n\n", "x"),
    repeated(
        "every field",
        'id: 4711\nevent: delta\nretry: 3000\ndata: {"x": 1}\n\n',
        '{"x": 1}',
        "delta",
        id="4711",
        retry=3000,
    ),
    repeated("several data lines", "data: one\ndata: two\ndata: three\n\n", "one\ntwo\nthree"),
    repeated("comments", ": keep-alive\n\n: keep-alive\n\ndata: x\n\n", "x"),
    repeated("not ASCII (Chinese, emoji)", f"data: {CHINESE}\n\n", CHINESE),
    repeated("CRLF", f"data: {OPENAI}\r\n\r\n", OPENAI),
    repeated("1 MiB of data", f"data: {'x' * 2**20}\n\n", "x" * 2**20, count=8),
)


def recorded() -> Workload | None:
    """The streams recorded in the folder that FASTSSE_STREAMS names, one after another.

    Their blocks and events are those of the pure twin, which the tests hold against the standard.
    """
    folder = os.environ.get("FASTSSE_STREAMS")
    files = sorted(Path(folder).rglob("*.sse")) if folder else []
    if not files:
        return None
    streams, events = [], []
    for file in files:
        parser, blocks, begun = _parser_py.Parser(), [], b""
        for line in file.read_bytes().splitlines(keepends=True):
            begun += line
            for event in parser.feed(line):
                events.append(Fields(event.event, event.data, event.id, event.retry))
                blocks.append(begun)
                begun = b""
        streams.append([*blocks, begun] if begun else blocks)
    return Workload("recorded streams", streams, events)


def workloads() -> list[Workload]:
    """All that can be measured here."""
    found = recorded()
    return [*WORKLOADS, *([found] if found else [])]
