"""What is measured: streams named by the branch of the parser that they exercise."""

from typing import NamedTuple

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


class Workload(NamedTuple):
    """The block of one event, what a parser should make of it, and how often it is repeated."""

    name: str
    block: bytes
    event: str
    data: str
    id: str = ""
    retry: int | None = None
    count: int = EVENTS


def message(name: str, block: str, data: str, **fields: int) -> Workload:
    return Workload(name, block.encode(), "message", data, **fields)


WORKLOADS = (
    message("one data line", f"data: {OPENAI}\n\n", OPENAI),
    Workload(
        "event and data",
        f"event: content_block_delta\ndata: {ANTHROPIC}\n\n".encode(),
        "content_block_delta",
        ANTHROPIC,
    ),
    message("tiny data", "data: x\n\n", "x"),
    Workload(
        "every field", b'id: 4711\nevent: delta\nretry: 3000\ndata: {"x": 1}\n\n',
        "delta", '{"x": 1}', "4711", 3000,
    ),
    message("several data lines", "data: one\ndata: two\ndata: three\n\n", "one\ntwo\nthree"),
    message("comments", ": keep-alive\n\n: keep-alive\n\ndata: x\n\n", "x"),
    message("not ASCII", f"data: {CHINESE}\n\n", CHINESE),
    message("CRLF", f"data: {OPENAI}\r\n\r\n", OPENAI),
    message("1 MiB of data", f"data: {'x' * 1048576}\n\n", "x" * 1048576, count=8),
)  # fmt: skip

CHUNK_SIZES = {"1 event": None, "64 KiB": 64 * 1024}


def chunks(workload: Workload, size: int | None) -> list[bytes]:
    """The stream of a workload in chunks of that size, or in one chunk per event."""
    if size is None:
        return [workload.block] * workload.count
    stream = workload.block * workload.count
    return [stream[at : at + size] for at in range(0, len(stream), size)]
