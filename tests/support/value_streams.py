"""A stream of values, and each form in which tests give it to `iter_json`."""

import json
from typing import Any

from reading_values import sse

from fastsse import ServerSentEvent, iter_events

VALUES: list[Any] = [1, "zwei ü", None, {"three": [3.5, True]}, []]
DATA = [json.dumps(value, ensure_ascii=False) for value in VALUES]
STREAM = sse(*DATA)


def pieces(stream: bytes, size: int = 7) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def parsed(stream: bytes) -> list[ServerSentEvent]:
    return list(iter_events([stream]))


SOURCES: dict[str, Any] = {
    "bytes at once": lambda stream: [stream],
    "bytes in pieces": pieces,
    "bytes one by one, some of none": lambda stream: [b"", *pieces(stream, 1), b""],
    "bytearrays": lambda stream: [bytearray(piece) for piece in pieces(stream)],
    "views of bytes": lambda stream: tuple(memoryview(piece) for piece in pieces(stream)),
    "events": parsed,
    "events of an iterator": lambda stream: iter(parsed(stream)),
}
