"""Hypothesis strategies: event streams which mostly dispatch and are full of what goes wrong."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

BOM = b"\xef\xbb\xbf"

LINE_ENDS = (b"\n", b"\r", b"\r\n")

NAMES = (b"data", b"event", b"id", b"retry")

# The common ones repeat, to come more often.
SEPARATORS = (b": ", b":") * 5 + (b":  ", b":\t", b"::", b":\xc2\xa0", b":" + BOM)

# What a value is made of, well formed first.
PIECES = (
    b"a",
    b" ",
    b":",
    b"data: a",
    b"\0",
    b"\t",
    b"\x0b",
    b"\x0c",
    b"\x1e",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xa9",
    b"\xc3\xa9",
    b"\xe2\x82\xac",
    b"\xf0\x9f\x98\x80",
    b"\xef\xbf\xbd",
    BOM,
    b"\x80",
    b"\xff",
    b"\xfe\xff",
    b"\xc3",
    b"\xe0",
    b"\xe2\x82",
    b"\xed",
    b"\xf0\x9f\x98",
    b"\xf4",
    b"\xef\xbb",
    b"\xc0\x80",
    b"\xc0\x8a",
    b"\xc0\xba",
    b"\xe0\x80\x80",
    b"\xf0\x8f\xbf\xbf",
    b"\xed\xa0\x80",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
)

LONG = (
    b"x" * 300,
    b"x" * 5000,
    b"\xe2\x82\xac" * 1500,
    b"\xf0\x9f\x98\x80" * 1100,
    b"\xff" * 4097,
    b'{"delta": "\xc3\xa9"} ' * 200,
)

RETRIES = (
    b"0",
    b"10",
    b"10",
    b"20",
    b"20",
    b"3000",
    b"03000",
    b"9223372036854775807",
    b"9223372036854775808",
    b"0" * 30 + b"7",
    b"9" * 4301,
    b"",
    b" 12",
    b"12 ",
    b"+1",
    b"-1",
    b"1_0",
    b"1.5",
    b"1e3",
    b"0x10",
    "１２".encode(),
    "٣".encode(),
    "²".encode(),
    b"12\xff",
    b"12\0",
    b"12\xe2\x82",
    BOM + b"12",
    b"9" * 4301 + b"x",
)

IDS = (
    b"",
    b"",
    b"1",
    b"1",
    b"2",
    b"42",
    b"a:b",
    b" ",
    b"\0",
    b"a\0b",
    b"1\0",
    b"\xc0\x80",
    b"\xff",
    b"\xe2\x82",
    BOM,
)

EVENTS = (b"", b"message", b"e", b"update", b" ", b"a\0b", b"\xff", b"\xed\xa0\x80", b"e" * 2000)

COMMENTS = (b":", b": c", b":data: x", b":id: x", b"::", b":\0", b": \xff", b":" + b"x" * 2049)

NEAR_MISSES = (
    b"dat",
    b"datax",
    b"data ",
    b" data",
    b"\tdata",
    b"Data",
    b"DATA",
    b"data\0",
    b"\0data",
    b"da\xffta",
    b"data\xe2\x82",
    b"data\xc0\xba",
    BOM + b"data",
    b"even",
    b"events",
    b"Event",
    b"i",
    b"ids",
    b"ID",
    BOM + b"id",
    b"retr",
    b"retryy",
    b"Retry",
    b"color",
    b" ",
    b"\0",
    b"\x0c",
    b"\xe2\x80\xa8",
)

# Whole blocks, each about a clause which lines drawn apart would seldom meet.
PINNED = (
    b"data\n\n",
    b"data\ndata\n\n",
    b"id: 1\n\n",
    b"id\n\n",
    b"id: 1\nid: 2\0\n\n",
    b"event: e\n\n",
    b"retry: 10\n\n",
    b"retry: 10\nretry: x\ndata\n\n",
    b"event: e\nevent:\ndata: a\n\n",
    b"data: a\r\ndata: b\r\n\r\n",
    b"data: a\n\r",
    b"data: a\r\r\n",
    b"data: a\r\n\n",
    b"data: \xe2\x82\ndata: \xac\n\n",
    b"data: a\n \ndata: b\n\n",
    b":\n\n",
    b"data: a\n" + BOM + b"data: b\n\n",
)

OPEN_LINES = (
    b"data",
    b"data:",
    b"data: a",
    b"data: a\r",
    b"id: 1",
    b"event: e",
    b"retry: 10",
    b":",
)

SOUP = (*LINE_ENDS, *LINE_ENDS, *NAMES, b":", b" ", b"1", BOM, b"\xe2")


def streams() -> SearchStrategy[bytes]:
    return _STREAMS


@st.composite
def chunkings(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """The stream cut anywhere, more likely where a cut could matter; chunks may be empty."""
    anywhere = st.integers(0, len(stream))
    inside_a_bom = st.integers(0, min(len(BOM), len(stream)))
    start = draw(anywhere)
    length = draw(st.sampled_from((0, 0, 4, 16, 64, len(stream))))
    byte_by_byte = range(start, min(start + length, len(stream)))
    cuts = draw(st.lists(anywhere | inside_a_bom | _delicate_cuts(stream), max_size=10))
    bounds = sorted([0, *cuts, *byte_by_byte, len(stream)])
    return [stream[begin:end] for begin, end in pairwise(bounds)]


def limits() -> SearchStrategy[int | None]:
    return st.integers(1, 12) | st.integers(1, 40) | st.none()


def _delicate_cuts(stream: bytes) -> SearchStrategy[int]:
    """Before a line end, a colon, a space, or a byte which is not ASCII."""
    cuts = [at for at, byte in enumerate(stream) if byte in b"\r\n: " or byte >= 0x80]
    return st.sampled_from(cuts) if cuts else st.nothing()


def _weighted(*choices: tuple[int, SearchStrategy[bytes]]) -> SearchStrategy[bytes]:
    # one_of() drops repeats, so that naming a choice twice there makes it no likelier.
    wheel = [choice for weight, choice in choices for _ in range(weight)]
    return st.sampled_from(range(len(wheel))).flatmap(wheel.__getitem__)


def _concatenated(*parts: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    return st.tuples(*parts).map(b"".join)


def _repeated(
    part: SearchStrategy[bytes], *, at_least: int = 0, at_most: int
) -> SearchStrategy[bytes]:
    return st.lists(part, min_size=at_least, max_size=at_most).map(b"".join)


def _fields(name: bytes, values: Sequence[bytes]) -> SearchStrategy[bytes]:
    # One draw of a whole line is quicker than one of each of its parts.
    lines = [name + separator + value for value in values for separator in SEPARATORS]
    alone = [name for _ in values]
    return st.sampled_from([*alone, *lines])


def _blocks(line_ends: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    line = _concatenated(_LINES, line_ends)
    with_data = _concatenated(
        _repeated(line, at_most=3), _DATA, line_ends, _repeated(line, at_most=2), line_ends
    )
    of_any_lines = _concatenated(_repeated(line, at_most=3), line_ends)
    return _weighted((6, with_data), (2, of_any_lines), (2, st.sampled_from(PINNED)))


@st.composite
def _cut_blocks(draw: st.DrawFn) -> bytes:
    block = draw(_ANY_BLOCKS)
    return block[: draw(st.integers(0, len(block)))]


_TEXTS = _repeated(st.sampled_from(PIECES), at_most=4)
_DATA = _weighted(
    (4, _fields(b"data", (b"", b"a", b"[DONE]"))),
    (5, _concatenated(_fields(b"data", (b"",)), _TEXTS)),
    (1, _fields(b"data", LONG)),
)
_LINES = _weighted(
    (6, _DATA),
    (3, _fields(b"event", EVENTS)),
    (3, _fields(b"id", IDS)),
    (3, _fields(b"retry", RETRIES)),
    (2, st.sampled_from(COMMENTS)),
    (3, st.one_of(*(_fields(name, (b"", b"a", b"1")) for name in NEAR_MISSES))),
    (2, _concatenated(st.one_of(*(_fields(name, (b"",)) for name in NAMES)), _TEXTS)),
    (1, _TEXTS),
)
_ANY_BLOCKS = _blocks(st.sampled_from(LINE_ENDS))
_STRUCTURED = _concatenated(
    st.sampled_from((b"", b"", b"", b"", BOM, BOM, BOM + BOM, BOM[:2], BOM[:1])),
    _weighted(
        *((1, _repeated(_blocks(st.just(end)), at_least=1, at_most=4)) for end in LINE_ENDS),
        (2, _repeated(_ANY_BLOCKS, at_least=1, at_most=4)),
    ),
    _weighted((3, st.just(b"")), (3, _cut_blocks()), (1, st.sampled_from(OPEN_LINES))),
)
_STREAMS = _weighted(
    (12, _STRUCTURED),
    (1, _repeated(st.sampled_from((*SOUP, *PIECES)), at_most=30)),
    (1, st.binary(max_size=60)),
)
