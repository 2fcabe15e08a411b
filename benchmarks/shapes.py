"""Large events, as streams that do not exist all at once; run as a script it parses one of them.

python shapes.py TWIN SHAPE BYTES
"""

import sys
from collections.abc import Iterator
from importlib import import_module

TWINS = {"compiled": "fastsse._parser_c", "pure": "fastsse._parser_py"}
KIB, MIB = 1024, 1024 * 1024

# How an event begins, what is repeated, and in pieces of how many bytes.
SHAPES = {
    "one data line": (b"data: ", b"x" * KIB, KIB),
    "short data lines": (b"", b"data: 0123456\ndata: x\n" * 40, KIB),
    "one data line, byte by byte": (b"data: ", b"x" * KIB, 1),
    "short data lines, byte by byte": (b"", b"data: 0123456\ndata: x\n" * 40, 1),
}


def pieces(shape: str, size: int) -> Iterator[bytes]:
    """The stream of one event of so many bytes, as chunks that do not exist all at once."""
    begin, part, step = SHAPES[shape]
    yield begin
    for _ in range(size // len(part)):
        for at in range(0, len(part), step):
            yield part[at : at + step]
    yield b"\n\n"


def read(twin: str, shape: str, size: int) -> None:
    parser = import_module(TWINS[twin]).Parser(max_event_size=None)
    events = [event for piece in pieces(shape, size) for event in parser.feed(piece)]
    assert len(events) == 1
    assert len(events[0].data) > size // 3


if __name__ == "__main__":
    twin, shape, size = sys.argv[1:]
    read(twin, shape, int(size))
