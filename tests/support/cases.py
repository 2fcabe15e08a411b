"""Event streams with what they say, worked out by hand from the standard.

Each row names the clause of the WHATWG HTML standard, section 9.2, that it shows, or the decision
of this library where the standard leaves one to take.
"""

from typing import NamedTuple

from reference import Event


class Case(NamedTuple):
    name: str
    clause: str
    stream: bytes
    events: tuple[Event, ...]
    """What feeding the stream returns."""
    flushed: tuple[Event, ...] = ()
    """What a flush at its end returns."""
    last_event_id: str = ""
    """Of the parser once fed, before the flush; so is `retry`."""
    retry: int | None = None


class LimitCase(NamedTuple):
    name: str
    clause: str
    stream: bytes
    limit: int | None
    events: tuple[Event, ...]
    """Those completed by feeding, before it overflows if it does."""
    too_large: bool
    flush_too_large: bool = False


def ev(
    data: str,
    *,
    event: str = "message",
    id: str = "",
    retry: int | None = None,
    data_bytes: bytes | None = None,
) -> Event:
    return Event(event, data, id, retry, data.encode() if data_bytes is None else data_bytes)


def names_no_field(name: str, line: bytes) -> Case:
    """The line is of no field which the standard knows, so that only the other line tells."""
    return Case(name, UNKNOWN, line + b"\ndata: kept\n\n", (ev("kept"),))


def decodes(name: str, raw: bytes, text: str) -> Case:
    return Case(name, DECODE, b"data: " + raw + b"\n\n", (ev(text, data_bytes=raw),))


def retries(name: str, value: bytes, milliseconds: int) -> Case:
    stream = b"retry:" + value + b"\ndata\n\n"
    return Case(name, RETRY, stream, (ev("", retry=milliseconds),), retry=milliseconds)


def refuses_retry(name: str, value: bytes) -> Case:
    return Case(name, RETRY, b"retry:" + value + b"\ndata\n\n", (ev(""),))


# The clauses of the standard.
LINE_END = "9.2.6: a line ends at CRLF, at LF or at CR, and nowhere else"
BLANK = "9.2.6: an empty line dispatches the event"
BOM = "9.2.6: UTF-8 decode strips one leading BOM"
DECODE = "9.2.6: streams are decoded as UTF-8, what is malformed becoming U+FFFD"
COMMENT = "9.2.6: a line that starts with a colon is ignored"
COLON = "9.2.6: the first colon ends the field name"
SPACE = "9.2.6: one leading U+0020 SPACE is removed from the value"
NO_COLON = "9.2.6: a line with no colon is a field name, its value empty"
LITERAL = "9.2.6: field names are compared literally"
UNKNOWN = "9.2.6: any other field is ignored"
DATA = "9.2.6: data appends its value and a line feed to the data buffer"
EVENT = "9.2.6: event sets the event type buffer"
ID = "9.2.6: id sets the last event ID buffer"
ID_NULL = "9.2.6: an id which contains U+0000 NULL is ignored"
ID_KEPT = "9.2.6: the last event ID buffer is not reset"
RETRY = "9.2.6: retry counts only if it consists of ASCII digits"
NO_DATA = "9.2.6: with an empty data buffer nothing is dispatched"
RESET = "9.2.6: dispatch empties the data buffer and the event type buffer"
DISCARD = "9.2.6: at the end of the stream pending data is discarded"
EXAMPLE = "9.2: the standard's own example"
REAL_LIFE = "9.2.6: streams as servers write them"

# The decisions of the library.
RETRY_EMPTY = "library: an empty retry has no digit, so it is ignored"
RETRY_CLAMP = "library: retry is clamped to 2**63 - 1"
RETRY_AT_ONCE = "library: the retry of the parser moves when its line ends"
RETRY_OF_EVENT = "library: an event carries the last valid retry of its own block"
ID_AT_BLANK = "library: the last event ID of the parser moves at the blank line"
DATA_BYTES = "library: data_bytes are the data lines as they came"
FLUSH = "library: flush ends the open line and the open block"
LIMIT_OVER = "library: an event overflows when its size is over the limit"
LIMIT_COUNTED = "library: the values of data, event and id count, and one per data line"
LIMIT_NOT_COUNTED = "library: nothing else counts"
LIMIT_RESET = "library: a blank line resets the count"
LIMIT_OPEN = "library: the bytes of an open line count as they come"

LINES = (
    Case("empty-stream", LINE_END, b"", ()),
    Case("lf", LINE_END, b"data: a\n\n", (ev("a"),)),
    Case("cr", LINE_END, b"data: a\r\r", (ev("a"),)),
    Case("crlf", LINE_END, b"data: a\r\n\r\n", (ev("a"),)),
    Case("lf-two-lines", LINE_END, b"data: a\ndata: b\n\n", (ev("a\nb"),)),
    Case("cr-two-lines", LINE_END, b"data: a\rdata: b\r\r", (ev("a\nb"),)),
    Case("crlf-two-lines", LINE_END, b"data: a\r\ndata: b\r\n\r\n", (ev("a\nb"),)),
    Case("crlf-is-one-line-end", LINE_END, b"data: a\r\ndata: b\n\n", (ev("a\nb"),)),
    Case("lf-cr-is-two-line-ends", LINE_END, b"data: a\n\rdata: b\n\n", (ev("a"), ev("b"))),
    Case("cr-cr-is-two-line-ends", LINE_END, b"data: a\r\rdata: b\n\n", (ev("a"), ev("b"))),
    Case("crlf-then-cr", LINE_END, b"data: a\r\n\rdata: b\n\n", (ev("a"), ev("b"))),
    Case("crlf-then-lf", LINE_END, b"data: a\r\n\ndata: b\n\n", (ev("a"), ev("b"))),
    Case("lf-then-crlf", LINE_END, b"data: a\n\r\ndata: b\n\n", (ev("a"), ev("b"))),
    Case("cr-then-crlf", LINE_END, b"data: a\r\r\ndata: b\n\n", (ev("a"), ev("b"))),
    Case("cr-cr-lf-lf", LINE_END, b"data: a\r\r\n\ndata: b\r\r", (ev("a"), ev("b"))),
    Case(
        "every-line-end-in-one-block",
        LINE_END,
        b"data: a\ndata: b\rdata: c\r\n\r",
        (ev("a\nb\nc"),),
    ),
    Case(
        "line-ends-change-between-blocks",
        LINE_END,
        b"data: a\r\rdata: b\n\ndata: c\r\n\r\n",
        (ev("a"), ev("b"), ev("c")),
    ),
    Case("empty-data-at-a-lone-cr", LINE_END, b"data: a\r\ndata\rdata: b\n\r\n", (ev("a\n\nb"),)),
    Case("cr-inside-a-value", LINE_END, b"data: a\rb\n\n", (ev("a"),)),
    Case("lf-inside-a-name", LINE_END, b"da\nta: a\n\n", ()),
    Case("cr-between-name-and-colon", LINE_END, b"data\r: a\n\n", (ev(""),)),
    Case("lf-after-the-colon", LINE_END, b"data:\n a\n\n", (ev(""),)),
    Case("vertical-tab-ends-no-line", LINE_END, b"data: a\x0bdata: b\n\n", (ev("a\x0bdata: b"),)),
    Case("form-feed-ends-no-line", LINE_END, b"data: a\x0cdata: b\n\n", (ev("a\x0cdata: b"),)),
    Case(
        "information-separators-end-no-line",
        LINE_END,
        b"data: a\x1cb\x1dc\x1ed\x1fe\n\n",
        (ev("a\x1cb\x1dc\x1ed\x1fe"),),
    ),
    Case("next-line-ends-no-line", LINE_END, b"data: a\xc2\x85data: b\n\n", (ev("a\x85data: b"),)),
    Case(
        "line-separator-ends-no-line",
        LINE_END,
        b"data: a\xe2\x80\xa8data: b\n\n",
        (ev("a\u2028data: b"),),
    ),
    Case(
        "paragraph-separator-ends-no-line",
        LINE_END,
        b"data: a\xe2\x80\xa9data: b\n\n",
        (ev("a\u2029data: b"),),
    ),
    Case("null-ends-no-line", LINE_END, b"data: a\0data: b\n\n", (ev("a\0data: b"),)),
    Case(
        "escaped-line-end-ends-no-line",
        LINE_END,
        b"data: a\\ndata: b\\r\\n\n\n",
        (ev("a\\ndata: b\\r\\n"),),
    ),
    Case("form-feed-makes-no-blank-line", BLANK, b"data: a\n\x0c\ndata: b\n\n", (ev("a\nb"),)),
    Case(
        "line-separator-makes-no-blank-line",
        BLANK,
        b"data: a\n\xe2\x80\xa8\ndata: b\n\n",
        (ev("a\nb"),),
    ),
    Case("space-makes-no-blank-line", BLANK, b"data: a\n \ndata: b\n\n", (ev("a\nb"),)),
    Case("tab-makes-no-blank-line", BLANK, b"data: a\n\t\ndata: b\n\n", (ev("a\nb"),)),
    Case("null-makes-no-blank-line", BLANK, b"data: a\n\0\ndata: b\n\n", (ev("a\nb"),)),
    Case("only-blank-lines", BLANK, b"\n\r\r\n\n", ()),
    Case("blank-lines-before", BLANK, b"\n\n\r\n\rdata: a\n\n", (ev("a"),)),
    Case("blank-lines-between", BLANK, b"data: a\n\n\n\ndata: b\n\n", (ev("a"), ev("b"))),
    Case("blank-lines-after", BLANK, b"data: a\n\n\n\n\n", (ev("a"),)),
    Case("blank-crs-between", BLANK, b"data: a\r\r\r\r\rdata: b\r\r", (ev("a"), ev("b"))),
    Case(
        "blank-crlfs-between", BLANK, b"data: a\r\n\r\n\r\n\r\ndata: b\r\n\r\n", (ev("a"), ev("b"))
    ),
)

BYTE_ORDER_MARKS = (
    Case("bom", BOM, b"\xef\xbb\xbfdata: a\n\n", (ev("a"),)),
    Case("bom-alone", BOM, b"\xef\xbb\xbf", ()),
    Case("bom-twice", BOM, b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", (ev("b"),)),
    Case("bom-on-a-later-line", BOM, b"data: a\n\xef\xbb\xbfdata: b\n\n", (ev("a"),)),
    Case(
        "bom-on-a-later-block",
        BOM,
        b"data: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n",
        (ev("a"), ev("c")),
    ),
    Case("bom-on-both", BOM, b"\xef\xbb\xbfdata: a\n\xef\xbb\xbfdata: b\n\n", (ev("a"),)),
    Case("bom-after-a-blank-line", BOM, b"\n\xef\xbb\xbfdata: a\n\n", ()),
    Case("bom-after-a-space", BOM, b" \xef\xbb\xbfdata: a\n\n", ()),
    Case("bom-before-a-blank-line", BOM, b"\xef\xbb\xbf\ndata: a\n\n", (ev("a"),)),
    Case("bom-before-a-crlf", BOM, b"\xef\xbb\xbf\r\ndata: a\n\n", (ev("a"),)),
    Case("bom-before-a-comment", BOM, b"\xef\xbb\xbf: c\ndata: a\n\n", (ev("a"),)),
    Case("bom-before-a-name-alone", BOM, b"\xef\xbb\xbfdata\n\n", (ev(""),)),
    Case("bom-before-an-event", BOM, b"\xef\xbb\xbfevent: e\ndata: a\n\n", (ev("a", event="e"),)),
    Case(
        "bom-before-an-id",
        BOM,
        b"\xef\xbb\xbfid: 1\ndata: a\n\n",
        (ev("a", id="1"),),
        last_event_id="1",
    ),
    Case("bom-before-a-retry", BOM, b"\xef\xbb\xbfretry: 1\n", (), retry=1),
    Case("bom-twice-before-a-retry", BOM, b"\xef\xbb\xbf\xef\xbb\xbfretry: 1\n", ()),
    Case("bom-line-makes-no-blank-line", BOM, b"data: a\n\xef\xbb\xbf\ndata: b\n\n", (ev("a\nb"),)),
    Case("bom-in-data", BOM, b"data: \xef\xbb\xbfa\n\n", (ev("\ufeffa"),)),
    Case("bom-before-and-in-data", BOM, b"\xef\xbb\xbfdata: \xef\xbb\xbfa\n\n", (ev("\ufeffa"),)),
    Case(
        "bom-in-each-data-line",
        BOM,
        b"data:\xef\xbb\xbf\ndata:\xef\xbb\xbf\n\n",
        (ev("\ufeff\n\ufeff"),),
    ),
    Case("bom-hides-the-space", BOM, b"data:\xef\xbb\xbf a\n\n", (ev("\ufeff a"),)),
    Case("bom-as-event", BOM, b"event:\xef\xbb\xbf\ndata\n\n", (ev("", event="\ufeff"),)),
    Case(
        "bom-as-id",
        BOM,
        b"id:\xef\xbb\xbf\ndata\n\n",
        (ev("", id="\ufeff"),),
        last_event_id="\ufeff",
    ),
    Case("partial-bom-ef", BOM, b"\xefdata: a\n\ndata: b\n\n", (ev("b"),)),
    Case("partial-bom-ef-bb", BOM, b"\xef\xbbdata: a\n\ndata: b\n\n", (ev("b"),)),
    Case("partial-bom-at-a-line-end", BOM, b"\xef\xbb\ndata: a\n\n", (ev("a"),)),
    Case("partial-bom-at-the-end", BOM, b"\xef\xbb", ()),
    Case("near-bom-u-fefe", BOM, b"\xef\xbb\xbedata: a\n\ndata: b\n\n", (ev("b"),)),
    Case("near-bom-u-ff3f", BOM, b"\xef\xbc\xbfdata: a\n\ndata: b\n\n", (ev("b"),)),
    Case("partial-bom-then-bom", BOM, b"\xef\xbb\xef\xbb\xbfdata: a\n\ndata: b\n\n", (ev("b"),)),
    Case("utf-16-be-bom-is-no-bom", BOM, b"\xfe\xffdata: a\n\ndata: b\n\n", (ev("b"),)),
    Case("utf-16-le-bom-is-no-bom", BOM, b"\xff\xfedata: a\n\ndata: b\n\n", (ev("b"),)),
)

UTF_8 = (
    # Well formed, at the edges of each length.
    decodes("two-bytes-least", b"\xc2\x80", "\x80"),
    decodes("two-bytes-greatest", b"\xdf\xbf", "\u07ff"),
    decodes("three-bytes-least", b"\xe0\xa0\x80", "\u0800"),
    decodes("three-bytes-greatest", b"\xef\xbf\xbf", "\uffff"),
    decodes("four-bytes-least", b"\xf0\x90\x80\x80", "\U00010000"),
    decodes("four-bytes-greatest", b"\xf4\x8f\xbf\xbf", "\U0010ffff"),
    decodes("before-the-surrogates", b"\xed\x9f\xbf", "\ud7ff"),
    decodes("after-the-surrogates", b"\xee\x80\x80", "\ue000"),
    decodes("emoji", b"\xf0\x9f\x98\x80", "\U0001f600"),
    decodes("replacement-character-itself", b"\xef\xbf\xbd", "\ufffd"),
    decodes("no-normalization", b"e\xcc\x81 \xc3\xa9", "e\u0301 \xe9"),
    decodes("no-entity-no-percent-no-escape", rb"&amp; %C3%A9 \u00e9", r"&amp; %C3%A9 \u00e9"),
    # Bytes which start nothing.
    decodes("lone-continuation", b"a\x80b", "a\ufffdb"),
    decodes("three-lone-continuations", b"\x80\xbf\x85", "\ufffd\ufffd\ufffd"),
    decodes("fe-and-ff", b"\xfe\xff", "\ufffd\ufffd"),
    decodes("latin-1", b"caf\xe9 cr\xe8me", "caf\ufffd cr\ufffdme"),
    decodes("latin-1-next-line", b"a\x85b", "a\ufffdb"),
    # Overlong.
    decodes("overlong-null", b"\xc0\x80", "\ufffd\ufffd"),
    decodes("overlong-c1", b"\xc1\xbf", "\ufffd\ufffd"),
    decodes("overlong-three-bytes", b"\xe0\x80\x80", "\ufffd\ufffd\ufffd"),
    decodes("overlong-three-bytes-greatest", b"\xe0\x9f\xbf", "\ufffd\ufffd\ufffd"),
    decodes("overlong-four-bytes", b"\xf0\x80\x80\x80", "\ufffd\ufffd\ufffd\ufffd"),
    decodes("overlong-four-bytes-greatest", b"\xf0\x8f\xbf\xbf", "\ufffd\ufffd\ufffd\ufffd"),
    decodes("overlong-line-feed", b"a\xc0\x8ab", "a\ufffd\ufffdb"),
    decodes("overlong-carriage-return", b"a\xe0\x80\x8db", "a\ufffd\ufffd\ufffdb"),
    # Surrogates, and beyond U+10FFFF.
    decodes("surrogate-least", b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    decodes("surrogate-greatest", b"\xed\xbf\xbf", "\ufffd\ufffd\ufffd"),
    decodes("surrogate-pair", b"\xed\xa0\xbd\xed\xb8\x80", "\ufffd" * 6),
    decodes("over-u-10ffff", b"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"),
    decodes("lead-f5", b"\xf5\x80\x80\x80", "\ufffd\ufffd\ufffd\ufffd"),
    decodes("five-bytes", b"\xf8\x88\x80\x80\x80", "\ufffd" * 5),
    decodes("six-bytes", b"\xfc\x84\x80\x80\x80\x80", "\ufffd" * 6),
    # Truncated: the longest part that could begin a character is one U+FFFD.
    decodes("truncated-two-bytes-at-lf", b"a\xc3", "a\ufffd"),
    decodes("truncated-three-bytes-after-one-at-lf", b"a\xe2", "a\ufffd"),
    decodes("truncated-three-bytes-after-two-at-lf", b"a\xe2\x82", "a\ufffd"),
    decodes("truncated-four-bytes-after-one-at-lf", b"a\xf0", "a\ufffd"),
    decodes("truncated-four-bytes-after-two-at-lf", b"a\xf0\x9f", "a\ufffd"),
    decodes("truncated-four-bytes-after-three-at-lf", b"a\xf0\x9f\x98", "a\ufffd"),
    decodes("truncated-then-ascii", b"\xe2\x82A", "\ufffdA"),
    decodes("truncated-then-space", b"\xf0\x9f\x98 a", "\ufffd a"),
    decodes("truncated-then-colon", b"\xe2\x82:a", "\ufffd:a"),
    decodes("truncated-then-null", b"\xe2\x82\0", "\ufffd\0"),
    decodes("truncated-then-whole", b"\xe2\x82\xe2\x82\xac", "\ufffd\u20ac"),
    decodes("truncated-emoji-then-whole", b"\xf0\x9f\xf0\x9f\x98\x80", "\ufffd\U0001f600"),
    decodes("truncated-then-ff", b"\xe2\x82\xff", "\ufffd\ufffd"),
    decodes("truncated-e0-then-a-low-second-byte", b"\xe0A\xc2\x80", "\ufffdA\x80"),
    decodes("truncated-ed-then-a-high-second-byte", b"\xedA\xc3\xbf", "\ufffdA\xff"),
    decodes("truncated-f0-then-a-low-second-byte", b"\xf0A\xc2\x80", "\ufffdA\x80"),
    decodes("truncated-f4-then-a-high-second-byte", b"\xf4A\xc3\xbf", "\ufffdA\xff"),
    decodes("lead-then-bad-second", b"\xe0\x9f", "\ufffd\ufffd"),
    decodes("one-continuation-too-many", b"\xc3\xa9\xa9", "\xe9\ufffd"),
    # The tables of the Unicode standard, section 3.9, on maximal subparts.
    decodes("unicode-table-3-8", b"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82A", "\ufffd" * 8 + "A"),
    decodes("unicode-table-3-9", b"\xed\xa0\x80\xed\xbf\xbf\xed\xafA", "\ufffd" * 8 + "A"),
    decodes(
        "unicode-table-3-10", b"\xf4\x91\x92\x93\xffA\x80\xbfB", "\ufffd" * 5 + "A\ufffd\ufffdB"
    ),
    decodes("unicode-table-3-11", b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbfA", "\ufffd" * 4 + "A"),
    # Around the structure of the stream.
    Case("truncated-at-cr", DECODE, b"data: \xe2\x82\r\r", (ev("\ufffd", data_bytes=b"\xe2\x82"),)),
    Case(
        "truncated-at-crlf",
        DECODE,
        b"data: \xf0\x9f\x98\r\n\r\n",
        (ev("\ufffd", data_bytes=b"\xf0\x9f\x98"),),
    ),
    Case(
        "truncated-first-byte-of-a-value",
        DECODE,
        b"data:\xc3 a\n\n",
        (ev("\ufffd a", data_bytes=b"\xc3 a"),),
    ),
    Case(
        "no-character-spans-two-data-lines",
        DECODE,
        b"data: \xe2\x82\ndata: \xac\n\n",
        (ev("\ufffd\n\ufffd", data_bytes=b"\xe2\x82\n\xac"),),
    ),
    Case(
        "no-character-spans-two-blocks",
        DECODE,
        b"data: \xe2\x82\n\ndata: \xac\n\n",
        (ev("\ufffd", data_bytes=b"\xe2\x82"), ev("\ufffd", data_bytes=b"\xac")),
    ),
    Case(
        "malformed-then-good-line",
        DECODE,
        b"data: \xff1\xe2\x82\ndata: 2\n\n",
        (ev("\ufffd1\ufffd\n2", data_bytes=b"\xff1\xe2\x82\n2"),),
    ),
    Case("overlong-colon-is-no-colon", DECODE, b"data\xc0\xba a\n\ndata: b\n\n", (ev("b"),)),
    Case(
        "overlong-space-is-no-space",
        DECODE,
        b"data:\xc0\xa0a\n\n",
        (ev("\ufffd\ufffda", data_bytes=b"\xc0\xa0a"),),
    ),
    Case(
        "overlong-null-is-no-null",
        DECODE,
        b"id: a\xc0\x80\ndata\n\n",
        (ev("", id="a\ufffd\ufffd"),),
        last_event_id="a\ufffd\ufffd",
    ),
    Case("malformed-byte-inside-a-name", DECODE, b"da\xffta: a\n\ndata: b\n\n", (ev("b"),)),
    Case("malformed-byte-before-a-name", DECODE, b"\xffdata: a\n\ndata: b\n\n", (ev("b"),)),
    Case("truncated-before-the-colon", DECODE, b"data\xe2\x82: a\n\ndata: b\n\n", (ev("b"),)),
    Case("malformed-name-without-colon", DECODE, b"data\xff\n\ndata: b\n\n", (ev("b"),)),
    Case("malformed-event", DECODE, b"event: e\xff\ndata: a\n\n", (ev("a", event="e\ufffd"),)),
    Case(
        "truncated-event", DECODE, b"event: \xf0\x9f\x98\ndata: a\n\n", (ev("a", event="\ufffd"),)
    ),
    Case(
        "malformed-id",
        DECODE,
        b"id: \xed\xa0\x80\ndata: a\n\n",
        (ev("a", id="\ufffd" * 3),),
        last_event_id="\ufffd" * 3,
    ),
    Case(
        "truncated-id-at-cr",
        DECODE,
        b"id: 1\xe2\x82\rdata: a\r\r",
        (ev("a", id="1\ufffd"),),
        last_event_id="1\ufffd",
    ),
    Case("malformed-comment", DECODE, b": \xff\xf0\x9f\ndata: a\n\n", (ev("a"),)),
    Case(
        "truncated-at-the-end",
        DECODE,
        b"data: \xe2\x82",
        (),
        (ev("\ufffd", data_bytes=b"\xe2\x82"),),
    ),
    Case("one-lead-at-the-end", DECODE, b"data: a\xf0", (), (ev("a\ufffd", data_bytes=b"a\xf0"),)),
    Case(
        "data-bytes-are-not-re-encoded",
        DATA_BYTES,
        b"data: \xff\ndata: \xef\xbf\xbd\n\n",
        (ev("\ufffd\n\ufffd", data_bytes=b"\xff\n\xef\xbf\xbd"),),
    ),
    Case(
        "data-bytes-join-by-lf",
        DATA_BYTES,
        b"data: a\r\ndata: b\rdata\n\n",
        (ev("a\nb\n", data_bytes=b"a\nb\n"),),
    ),
    Case(
        "data-bytes-lose-one-space",
        DATA_BYTES,
        b"data:  \xff \n\n",
        (ev(" \ufffd ", data_bytes=b" \xff "),),
    ),
)

FIELDS = (
    # The colon and the space.
    Case("colon-no-space", SPACE, b"data:a\n\n", (ev("a"),)),
    Case("two-spaces", SPACE, b"data:  a\n\n", (ev(" a"),)),
    Case("only-a-space", SPACE, b"data: \n\n", (ev(""),)),
    Case("only-two-spaces", SPACE, b"data:  \n\n", (ev(" "),)),
    Case("tab-is-kept", SPACE, b"data:\ta\n\n", (ev("\ta"),)),
    Case("space-then-tab", SPACE, b"data: \ta\n\n", (ev("\ta"),)),
    Case("tab-then-space", SPACE, b"data:\t a\n\n", (ev("\t a"),)),
    Case("no-break-space-is-kept", SPACE, b"data:\xc2\xa0a\n\n", (ev("\xa0a"),)),
    Case("ideographic-space-is-kept", SPACE, b"data:\xe3\x80\x80a\n\n", (ev("\u3000a"),)),
    Case("trailing-space-is-kept", SPACE, b"event: e \ndata: a  \n\n", (ev("a  ", event="e "),)),
    Case("tab-space-and-nothing", SPACE, b"data:\t1\ndata: \ndata:2\n\n", (ev("\t1\n\n2"),)),
    Case(
        "one-space-of-each-field",
        SPACE,
        b"event:  e\nid:  1\ndata:  a\n\n",
        (ev(" a", event=" e", id=" 1"),),
        last_event_id=" 1",
    ),
    Case("second-colon", COLON, b"data:a:b\n\n", (ev("a:b"),)),
    Case("two-colons", COLON, b"data::\n\n", (ev(":"),)),
    Case("two-colons-and-spaces", COLON, b"data: : a\n\n", (ev(": a"),)),
    Case("colon-then-colon-space", COLON, b"data:: a\n\n", (ev(": a"),)),
    Case("value-like-a-field", COLON, b"data: event: e\n\n", (ev("event: e"),)),
    Case("value-like-the-same-field", COLON, b"data:data: a\n\n", (ev("data: a"),)),
    Case(
        "colons-in-event-and-id",
        COLON,
        b"event: a:b\nid: urn:x:1\ndata\n\n",
        (ev("", event="a:b", id="urn:x:1"),),
        last_event_id="urn:x:1",
    ),
    Case("full-width-colon-is-no-colon", COLON, b"data\xef\xbc\x9aa\n\n", ()),
    Case("equals-sign-is-no-colon", COLON, b"data=a\n\n", ()),
    # Literal names.
    Case("name-alone", NO_COLON, b"data\n\n", (ev(""),)),
    Case("name-alone-twice", NO_COLON, b"data\ndata\n\n", (ev("\n"),)),
    Case("name-alone-at-cr", NO_COLON, b"data\rdata\r\r", (ev("\n"),)),
    Case("name-alone-of-event", NO_COLON, b"event: e\nevent\ndata: a\n\n", (ev("a"),)),
    Case("name-alone-of-id", NO_COLON, b"id: 1\nid\ndata: a\n\n", (ev("a"),)),
    Case("text-alone", NO_COLON, b"just some text\ndata: a\n\n", (ev("a"),)),
    Case(
        "names-in-capitals",
        LITERAL,
        b"DATA: a\nEVENT: e\nID: 1\nRETRY: 2\n\ndata: b\n\n",
        (ev("b"),),
    ),
    Case(
        "names-capitalized",
        LITERAL,
        b"Data: a\nEvent: e\nId: 1\nRetry: 2\n\ndata: b\n\n",
        (ev("b"),),
    ),
    Case(
        "spaces-before-names",
        LITERAL,
        b" data: a\n event: e\n id: 1\n retry: 2\n\ndata: b\n\n",
        (ev("b"),),
    ),
    Case(
        "spaces-after-names",
        LITERAL,
        b"data : a\nevent : e\nid : 1\nretry : 2\n\ndata: b\n\n",
        (ev("b"),),
    ),
    Case(
        "near-misses-among-data",
        LITERAL,
        b"data:\0a\nDATA: no\ndata\0: no\r\ndat-a: no\rdata:  b\n"
        b"data_\r\ndata: \r data: no\ndata.: no\ndata: c\n\n",
        (ev("\0a\n b\n\nc"),),
    ),
    names_no_field("unknown-name", b"color: blue"),
    names_no_field("unknown-name-alone", b"color"),
    names_no_field("unknown-name-without-value", b"color:"),
    names_no_field("tab-before-the-name", b"\tdata: a"),
    names_no_field("tab-after-the-name", b"data\t: a"),
    names_no_field("null-after-the-name", b"data\0: a"),
    names_no_field("null-before-the-name", b"\0data: a"),
    names_no_field("quoted-name", b'"data": "a"'),
    names_no_field("hyphen-in-the-name", b"da-ta: a"),
    names_no_field("prefix-dat", b"dat: a"),
    names_no_field("prefix-dat-alone", b"dat"),
    names_no_field("longer-datax", b"datax: a"),
    names_no_field("longer-data-id", b"dataid: a"),
    names_no_field("longer-data-line-alone", b"data a"),
    names_no_field("prefix-even", b"even: e"),
    names_no_field("longer-events", b"events: e"),
    names_no_field("prefix-i", b"i: 1"),
    names_no_field("longer-ids", b"ids: 1"),
    names_no_field("other-idx", b"idx: 1"),
    names_no_field("prefix-retr", b"retr: 1"),
    names_no_field("longer-retryy", b"retryy: 1"),
    names_no_field("same-length-date", b"date: a"),
    names_no_field("same-length-evend", b"evend: e"),
    names_no_field("doubled-datadata", b"datadata: a"),
    names_no_field("full-width-name", "ｄａｔａ: a".encode()),
    names_no_field("cyrillic-lookalike-name", "dаta: a".encode()),
    names_no_field("header-content-type", b"Content-Type: text/event-stream"),
    names_no_field("name-of-five-thousand-bytes", b"data" * 1250 + b": a"),
    Case(
        "unknown-among-data",
        UNKNOWN,
        b"data: a\nnote\n data\nnote: x\ndata\n: c\ndata: b\n\n",
        (ev("a\n\nb"),),
    ),
    Case("json-body", UNKNOWN, b'{"error": {"message": "no", "code": 401}}\n\n', ()),
    Case(
        "html-body", UNKNOWN, b"<!doctype html>\n<title>502</title>\n\n<h1>Bad Gateway</h1>\n\n", ()
    ),
    Case("json-lines-body", UNKNOWN, b'{"done":false}\n{"done":true}\n\n', ()),
    # Data.
    Case("data-empty", DATA, b"data:\n\n", (ev(""),)),
    Case("data-three-lines", DATA, b"data: a\ndata: b\ndata: c\n\n", (ev("a\nb\nc"),)),
    Case("data-empty-line-first", DATA, b"data:\ndata: a\n\n", (ev("\na"),)),
    Case("data-empty-line-in-the-middle", DATA, b"data: a\ndata:\ndata: b\n\n", (ev("a\n\nb"),)),
    Case("data-empty-line-last", DATA, b"data: a\ndata\n\n", (ev("a\n"),)),
    Case("data-three-empty-lines", DATA, b"data\ndata:\ndata: \n\n", (ev("\n\n"),)),
    Case(
        "data-apart",
        DATA,
        b"data: a\nevent: e\ndata: b\n: c\ndata: c\n\n",
        (ev("a\nb\nc", event="e"),),
    ),
    Case(
        "data-first",
        DATA,
        b"data: a\nid: 1\nevent: e\n\n",
        (ev("a", event="e", id="1"),),
        last_event_id="1",
    ),
    Case(
        "data-last",
        DATA,
        b"event: e\nid: 1\ndata: a\n\n",
        (ev("a", event="e", id="1"),),
        last_event_id="1",
    ),
    Case("data-null", DATA, b"data:\0\n\n", (ev("\0"),)),
    Case(
        "data-control-characters",
        DATA,
        b"data: \x01\x08\x1b[0m\x7f\n\n",
        (ev("\x01\x08\x1b[0m\x7f"),),
    ),
    Case("data-only-of-a-backslash", DATA, b"data: \\\n\n", (ev("\\"),)),
    Case("data-of-a-hundred-lines", DATA, b"data: x\n" * 100 + b"\n", (ev("\n".join("x" * 100)),)),
    Case("data-of-many-bytes", DATA, b"data: " + b"x" * 70_000 + b"\n\n", (ev("x" * 70_000),)),
    # Event.
    Case("event-named", EVENT, b"event: e\ndata: a\n\n", (ev("a", event="e"),)),
    Case("event-empty", EVENT, b"event:\ndata: a\n\n", (ev("a"),)),
    Case("event-only-a-space", EVENT, b"event: \ndata: a\n\n", (ev("a"),)),
    Case("event-only-two-spaces", EVENT, b"event:  \ndata: a\n\n", (ev("a", event=" "),)),
    Case("event-name-alone", EVENT, b"event\ndata: a\n\n", (ev("a"),)),
    Case("event-message", EVENT, b"event: message\ndata: a\n\n", (ev("a"),)),
    Case("event-twice", EVENT, b"event: d\nevent: e\ndata: a\n\n", (ev("a", event="e"),)),
    Case("event-then-empty", EVENT, b"event: e\nevent:\ndata: a\n\n", (ev("a"),)),
    Case("event-case-is-kept", EVENT, b"event: Foo.BAR\ndata: a\n\n", (ev("a", event="Foo.BAR"),)),
    Case(
        "event-not-ascii",
        EVENT,
        "event: événement\ndata: a\n\n".encode(),
        (ev("a", event="événement"),),
    ),
    Case("event-with-null", EVENT, b"event: a\0b\ndata: a\n\n", (ev("a", event="a\0b"),)),
    Case(
        "event-with-line-separator",
        EVENT,
        b"event: a\xe2\x80\xa8b\ndata: a\n\n",
        (ev("a", event="a\u2028b"),),
    ),
)

IDS = (
    Case("id", ID, b"id: 1\ndata: a\n\n", (ev("a", id="1"),), last_event_id="1"),
    Case("id-after-data", ID, b"data: a\nid: 1\n\n", (ev("a", id="1"),), last_event_id="1"),
    Case("id-twice", ID, b"id: 1\nid: 2\ndata: a\n\n", (ev("a", id="2"),), last_event_id="2"),
    Case("id-is-text", ID, b"id: 007\ndata: a\n\n", (ev("a", id="007"),), last_event_id="007"),
    Case(
        "id-spaces-are-kept", ID, b"id:  1 \ndata: a\n\n", (ev("a", id=" 1 "),), last_event_id=" 1 "
    ),
    Case("id-only-two-spaces", ID, b"id:  \ndata: a\n\n", (ev("a", id=" "),), last_event_id=" "),
    Case("id-not-ascii", ID, "id: …\ndata: a\n\n".encode(), (ev("a", id="…"),), last_event_id="…"),
    Case(
        "id-stays",
        ID_KEPT,
        b"id: 1\ndata: a\n\ndata: b\n\n",
        (ev("a", id="1"), ev("b", id="1")),
        last_event_id="1",
    ),
    Case(
        "id-changes",
        ID_KEPT,
        b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n",
        (ev("a", id="1"), ev("b", id="2")),
        last_event_id="2",
    ),
    Case(
        "id-stays-over-blank-lines",
        ID_KEPT,
        b"id: 1\ndata: a\n\n\n\n: c\n\ndata: b\n\n",
        (ev("a", id="1"), ev("b", id="1")),
        last_event_id="1",
    ),
    Case(
        "id-reset-by-colon", ID, b"id: 1\ndata: a\n\nid:\ndata: b\n\n", (ev("a", id="1"), ev("b"))
    ),
    Case(
        "id-reset-by-space", ID, b"id: 1\ndata: a\n\nid: \ndata: b\n\n", (ev("a", id="1"), ev("b"))
    ),
    Case(
        "id-reset-by-name-alone",
        ID,
        b"id: 1\ndata: a\n\nid\ndata: b\n\n",
        (ev("a", id="1"), ev("b")),
    ),
    Case(
        "id-reset-stays",
        ID_KEPT,
        b"id: 1\ndata: a\n\nid\n\ndata: b\n\n",
        (ev("a", id="1"), ev("b")),
    ),
    Case("id-emptied-in-its-block", ID, b"id: 1\nid:\ndata: a\n\n", (ev("a"),)),
    Case(
        "id-reset-then-set-in-one-block",
        ID,
        b"id\nid: 1\ndata: a\n\n",
        (ev("a", id="1"),),
        last_event_id="1",
    ),
    Case("id-without-data-moves", ID_AT_BLANK, b"id: 1\n\n", (), last_event_id="1"),
    Case(
        "id-without-data-is-of-the-next",
        ID_KEPT,
        b"id: 1\n\ndata: a\n\n",
        (ev("a", id="1"),),
        last_event_id="1",
    ),
    Case(
        "id-without-data-replaces",
        ID_AT_BLANK,
        b"id: 1\ndata: a\n\nid: 2\n\n",
        (ev("a", id="1"),),
        last_event_id="2",
    ),
    Case("id-without-data-resets", ID_AT_BLANK, b"id: 1\ndata: a\n\nid\n\n", (ev("a", id="1"),)),
    Case("id-waits-for-the-blank-line", ID_AT_BLANK, b"id: 1\n", ()),
    Case(
        "id-waits-while-the-old-one-stays", ID_AT_BLANK, b"id: 1\n\nid: 2\n", (), last_event_id="1"
    ),
    Case("id-of-an-open-line-waits", ID_AT_BLANK, b"id: 1\n\nid: 2", (), last_event_id="1"),
    Case("id-null-alone", ID_NULL, b"id: \0\ndata: a\n\n", (ev("a"),)),
    Case("id-null-first", ID_NULL, b"id: \x00a\ndata: a\n\n", (ev("a"),)),
    Case("id-null-last", ID_NULL, b"id: a\0\ndata: a\n\n", (ev("a"),)),
    Case("id-null-inside", ID_NULL, b"id: a\0b\ndata: a\n\n", (ev("a"),)),
    Case("id-two-nulls", ID_NULL, b"id:\0\0\ndata: a\n\n", (ev("a"),)),
    Case("id-null-after-two-spaces", ID_NULL, b"id:  \0\ndata: a\n\n", (ev("a"),)),
    Case(
        "id-null-keeps-that-of-its-block",
        ID_NULL,
        b"id: 1\nid: 2\0\ndata: a\n\n",
        (ev("a", id="1"),),
        last_event_id="1",
    ),
    Case(
        "id-null-keeps-that-of-before",
        ID_NULL,
        b"id: 1\n\nid: 2\0\ndata: a\n\n",
        (ev("a", id="1"),),
        last_event_id="1",
    ),
    Case(
        "id-null-then-good",
        ID_NULL,
        b"id: 1\0\nid: 2\ndata: a\n\n",
        (ev("a", id="2"),),
        last_event_id="2",
    ),
    Case("id-null-without-data", ID_NULL, b"id: 1\n\nid: \0\n\n", (), last_event_id="1"),
    Case(
        "id-with-escaped-null",
        ID_NULL,
        b"id: \\0\\u0000\ndata\n\n",
        (ev("", id="\\0\\u0000"),),
        last_event_id="\\0\\u0000",
    ),
)

RETRIES = (
    retries("retry", b" 10", 10),
    retries("retry-no-space", b"10", 10),
    retries("retry-zero", b"0", 0),
    retries("retry-zeros", b"000", 0),
    retries("retry-leading-zeros-are-not-octal", b"03000", 3000),
    retries("retry-five-thousand-zeros-and-seven", b"0" * 5000 + b"7", 7),
    retries("retry-below-the-clamp", b"9223372036854775806", 9223372036854775806),
    retries("retry-at-the-clamp", b"9223372036854775807", 9223372036854775807),
    Case(
        "retry-above-the-clamp",
        RETRY_CLAMP,
        b"retry: 9223372036854775808\n",
        (),
        retry=9223372036854775807,
    ),
    Case(
        "retry-of-64-bits",
        RETRY_CLAMP,
        b"retry: 18446744073709551616\n",
        (),
        retry=9223372036854775807,
    ),
    Case(
        "retry-five-thousand-nines",
        RETRY_CLAMP,
        b"retry: " + b"9" * 5000 + b"\n",
        (),
        retry=9223372036854775807,
    ),
    Case(
        "retry-one-and-five-thousand-zeros",
        RETRY_CLAMP,
        b"retry: 1" + b"0" * 5000 + b"\n",
        (),
        retry=9223372036854775807,
    ),
    Case(
        "retry-zeros-above-the-clamp",
        RETRY_CLAMP,
        b"retry: 0009223372036854775808\n",
        (),
        retry=9223372036854775807,
    ),
    refuses_retry("retry-plus", b"+1"),
    refuses_retry("retry-minus", b"-1"),
    refuses_retry("retry-underscore", b"1_0"),
    refuses_retry("retry-full-width-digits", "１２".encode()),
    refuses_retry("retry-arabic-digits", "٣".encode()),
    refuses_retry("retry-superscript-digit", "1²".encode()),
    refuses_retry("retry-two-spaces", b"  12"),
    refuses_retry("retry-trailing-space", b" 12 "),
    refuses_retry("retry-inner-space", b"1 2"),
    refuses_retry("retry-leading-tab", b"\t12"),
    refuses_retry("retry-trailing-tab", b"12\t"),
    refuses_retry("retry-vertical-tab", b"12\x0b"),
    refuses_retry("retry-hex", b"0x10"),
    refuses_retry("retry-hex-digits", b"1f"),
    refuses_retry("retry-exponent", b"1e3"),
    refuses_retry("retry-fraction", b"12.5"),
    refuses_retry("retry-thousands-separator", b"1,000"),
    refuses_retry("retry-unit", b"10ms"),
    refuses_retry("retry-word", b"soon"),
    refuses_retry("retry-quoted", b'"10"'),
    refuses_retry("retry-second-colon", b":10"),
    refuses_retry("retry-null-last", b"12\0"),
    refuses_retry("retry-null-first", b"\x0012"),
    refuses_retry("retry-malformed-byte", b"12\xff"),
    refuses_retry("retry-truncated-character", b"12\xe2\x82"),
    refuses_retry("retry-bom", b"\xef\xbb\xbf12"),
    refuses_retry("retry-character-before-the-digits", b"/9"),
    refuses_retry("retry-character-after-the-digits", b"9:"),
    refuses_retry("retry-five-thousand-digits-and-a-letter", b"9" * 5000 + b"x"),
    Case("retry-empty", RETRY_EMPTY, b"retry:\ndata: a\n\n", (ev("a"),)),
    Case("retry-only-a-space", RETRY_EMPTY, b"retry: \ndata: a\n\n", (ev("a"),)),
    Case("retry-name-alone", RETRY_EMPTY, b"retry\ndata: a\n\n", (ev("a"),)),
    Case(
        "retry-empty-resets-nothing",
        RETRY_EMPTY,
        b"retry: 5\nretry\nretry:\ndata: a\n\n",
        (ev("a", retry=5),),
        retry=5,
    ),
    Case("retry-line-ended", RETRY_AT_ONCE, b"retry: 10\n", (), retry=10),
    Case("retry-line-ended-by-cr", RETRY_AT_ONCE, b"retry: 10\r", (), retry=10),
    Case("retry-line-open", RETRY_AT_ONCE, b"retry: 10", ()),
    Case("retry-line-open-after-another", RETRY_AT_ONCE, b"retry: 10\nretry: 20", (), retry=10),
    Case(
        "retry-of-an-unfinished-block",
        RETRY_AT_ONCE,
        b"data: a\n\nretry: 10\ndata: b\n",
        (ev("a"),),
        (ev("b", retry=10),),
        retry=10,
    ),
    Case("retry-block", NO_DATA, b"retry: 10\n\n", (), retry=10),
    Case(
        "retry-block-is-not-of-the-next",
        RETRY_OF_EVENT,
        b"retry: 10\n\ndata: a\n\n",
        (ev("a"),),
        retry=10,
    ),
    Case(
        "retry-of-one-event-only",
        RETRY_OF_EVENT,
        b"retry: 10\ndata: a\n\ndata: b\n\n",
        (ev("a", retry=10), ev("b")),
        retry=10,
    ),
    Case(
        "retry-after-data",
        RETRY_OF_EVENT,
        b"data: a\nretry: 10\n\n",
        (ev("a", retry=10),),
        retry=10,
    ),
    Case(
        "retry-twice",
        RETRY_OF_EVENT,
        b"retry: 10\nretry: 20\ndata: a\n\n",
        (ev("a", retry=20),),
        retry=20,
    ),
    Case(
        "retry-twice-the-second-less",
        RETRY_OF_EVENT,
        b"retry: 20\nretry: 0\ndata: a\n\n",
        (ev("a", retry=0),),
        retry=0,
    ),
    Case(
        "retry-good-then-bad",
        RETRY_OF_EVENT,
        b"retry: 10\nretry: 20x\ndata: a\n\n",
        (ev("a", retry=10),),
        retry=10,
    ),
    Case(
        "retry-bad-then-good",
        RETRY_OF_EVENT,
        b"retry: x\nretry: 10\ndata: a\n\n",
        (ev("a", retry=10),),
        retry=10,
    ),
    Case(
        "retry-bad-in-a-later-block",
        RETRY_OF_EVENT,
        b"retry: 10\ndata: a\n\nretry: -1\ndata: b\n\n",
        (ev("a", retry=10), ev("b")),
        retry=10,
    ),
    Case(
        "retry-good-in-each-block",
        RETRY_OF_EVENT,
        b"retry: 10\ndata: a\n\nretry: 20\ndata: b\n\n",
        (ev("a", retry=10), ev("b", retry=20)),
        retry=20,
    ),
)

COMMENTS = (
    Case("comment-empty", COMMENT, b":\ndata: a\n\n", (ev("a"),)),
    Case("comment", COMMENT, b": c\ndata: a\n\n", (ev("a"),)),
    Case("comment-no-space", COMMENT, b":c\ndata: a\n\n", (ev("a"),)),
    Case("comment-of-colons", COMMENT, b"::::\ndata: a\n\n", (ev("a"),)),
    Case("comment-like-data", COMMENT, b":data: x\n\ndata: a\n\n", (ev("a"),)),
    Case("comment-like-event", COMMENT, b"data: a\n:event: e\n\n", (ev("a"),)),
    Case("comment-like-id", COMMENT, b":id: 1\n:retry: 1\ndata: a\n\n", (ev("a"),)),
    Case("comment-after-a-space-is-a-field", UNKNOWN, b" : c\ndata: a\n\n", (ev("a"),)),
    Case("comment-between-data-lines", COMMENT, b"data: a\n: c\ndata: b\n\n", (ev("a\nb"),)),
    Case("comment-before-the-blank-line", COMMENT, b"data: a\n: c\n\n", (ev("a"),)),
    Case("comment-block", COMMENT, b": c\n\n", ()),
    Case(
        "comment-blocks-between-events",
        COMMENT,
        b"data: a\n\n: c\n\n:\n\ndata: b\n\n",
        (ev("a"), ev("b")),
    ),
    Case("comment-with-null", COMMENT, b":\0\ndata: a\n\n", (ev("a"),)),
    Case(
        "comment-with-line-separator", COMMENT, b": \xe2\x80\xa8data: x\n\ndata: a\n\n", (ev("a"),)
    ),
    Case("comment-of-many-bytes", COMMENT, b":" + b"x" * 70_000 + b"\ndata: a\n\n", (ev("a"),)),
    Case("comment-ended-by-cr", COMMENT, b": c\rdata: a\r\r", (ev("a"),)),
    Case(
        "comments-among-data",
        COMMENT,
        b":\rdata: a\r\n::data: no\n: \0\r:" + b"x" * 3000 + b"\r\ndata: b\n:event: no\n\n",
        (ev("a\nb"),),
    ),
    Case("comment-open-at-the-end", COMMENT, b"data: a\n\n: c", (ev("a"),)),
)

DISPATCH = (
    Case("no-data-but-event", NO_DATA, b"event: e\n\n", ()),
    Case("no-data-but-unknown", NO_DATA, b"color: blue\n\n", ()),
    Case(
        "no-data-but-all-else",
        NO_DATA,
        b"event: e\nid: 1\nretry: 2\n: c\n\n",
        (),
        last_event_id="1",
        retry=2,
    ),
    Case("no-data-then-data", NO_DATA, b"event: e\n\ndata: a\n\n", (ev("a"),)),
    Case("no-data-twice-then-data", NO_DATA, b"event: d\n\nevent: e\n\ndata: a\n\n", (ev("a"),)),
    Case(
        "no-data-and-id-then-data",
        NO_DATA,
        b"event: e\nid: 1\n\ndata: a\n\n",
        (ev("a", id="1"),),
        last_event_id="1",
    ),
    Case(
        "event-is-reset", RESET, b"event: e\ndata: a\n\ndata: b\n\n", (ev("a", event="e"), ev("b"))
    ),
    Case(
        "event-changes",
        RESET,
        b"event: e\ndata: a\n\nevent: f\ndata: b\n\n",
        (ev("a", event="e"), ev("b", event="f")),
    ),
    Case("data-is-reset", RESET, b"data: a\ndata: b\n\ndata: c\n\n", (ev("a\nb"), ev("c"))),
    Case("data-empty-is-reset", RESET, b"data\ndata\n\ndata\n\n", (ev("\n"), ev(""))),
    Case("blank-line-does-not-dispatch-twice", RESET, b"data: a\n\n\n", (ev("a"),)),
    Case("a-hundred-events", RESET, b"data: x\n\n" * 100, (ev("x"),) * 100),
    Case(
        "everything-once",
        RESET,
        b": c\nevent: e\nid: 1\nretry: 2\ndata: a\ncolor: blue\n\n",
        (ev("a", event="e", id="1", retry=2),),
        last_event_id="1",
        retry=2,
    ),
)

ENDS = (
    Case("end-without-blank-line", DISCARD, b"data: a\n", (), (ev("a"),)),
    Case("end-after-cr", DISCARD, b"data: a\r", (), (ev("a"),)),
    Case("end-after-crlf", DISCARD, b"data: a\r\n", (), (ev("a"),)),
    Case("end-in-a-data-line", DISCARD, b"data: a", (), (ev("a"),)),
    Case("end-after-an-event", DISCARD, b"data: a\n\ndata: b", (ev("a"),), (ev("b"),)),
    Case("end-in-a-second-data-line", FLUSH, b"data: a\ndata: b", (), (ev("a\nb"),)),
    Case("end-after-the-name", FLUSH, b"data", (), (ev(""),)),
    Case("end-after-the-colon", FLUSH, b"data:", (), (ev(""),)),
    Case("end-after-the-space", FLUSH, b"data: ", (), (ev(""),)),
    Case("end-after-two-spaces", FLUSH, b"data:  ", (), (ev(" "),)),
    Case("end-after-a-second-name", FLUSH, b"data: a\ndata", (), (ev("a\n"),)),
    Case("end-in-a-name", FLUSH, b"data: a\ndat", (), (ev("a"),)),
    Case("end-in-a-first-name", FLUSH, b"dat", ()),
    Case("end-in-a-comment", FLUSH, b"data: a\n: c", (), (ev("a"),)),
    Case("end-in-an-unknown-field", FLUSH, b"data: a\ncolor: bl", (), (ev("a"),)),
    Case("end-in-an-event-line", FLUSH, b"data: a\nevent: e", (), (ev("a", event="e"),)),
    Case("end-after-an-event-name", FLUSH, b"event: e\ndata: a\nevent", (), (ev("a"),)),
    Case(
        "end-in-an-id-line",
        FLUSH,
        b"id: 1\ndata: a\n\ndata: b\nid: 2",
        (ev("a", id="1"),),
        (ev("b", id="2"),),
        last_event_id="1",
    ),
    Case("end-in-an-id-with-null", FLUSH, b"data: a\nid: 1\0", (), (ev("a"),)),
    Case("end-in-a-retry-line", FLUSH, b"data: a\nretry: 10", (), (ev("a", retry=10),)),
    Case(
        "end-in-a-bad-retry-line",
        FLUSH,
        b"retry: 5\ndata: a\nretry: 10x",
        (),
        (ev("a", retry=5),),
        retry=5,
    ),
    Case("end-without-data", FLUSH, b"event: e\nid: 1", ()),
    Case("end-without-data-line-ended", FLUSH, b"event: e\nid: 1\n", ()),
    Case("end-in-a-comment-alone", FLUSH, b":", ()),
    Case("end-with-bom-and-open-line", FLUSH, b"\xef\xbb\xbfdata: a", (), (ev("a"),)),
    Case(
        "end-with-all-fields",
        FLUSH,
        b"event: e\nid: 1\nretry: 2\ndata: a\n",
        (),
        (ev("a", event="e", id="1", retry=2),),
        retry=2,
    ),
    Case("end-after-the-blank-line", FLUSH, b"data: done\n\n", (ev("done"),)),
    Case("end-after-a-blank-cr", FLUSH, b"data: a\n\r", (ev("a"),)),
    Case(
        "end-carries-the-id-of-before",
        FLUSH,
        b"id: 1\ndata: a\n\ndata: b\n",
        (ev("a", id="1"),),
        (ev("b", id="1"),),
        last_event_id="1",
    ),
    Case(
        "end-discards-the-id",
        DISCARD,
        b"id: 1\ndata: a\n\nid: 2\ndata: b\n",
        (ev("a", id="1"),),
        (ev("b", id="2"),),
        last_event_id="1",
    ),
)

EXAMPLES = (
    Case(
        "example-three-messages",
        EXAMPLE,
        b"data: This is the first message.\n\n"
        b"data: This is the second message, it\ndata: has two lines.\n\n"
        b"data: This is the third message.\n\n",
        (
            ev("This is the first message."),
            ev("This is the second message, it\nhas two lines."),
            ev("This is the third message."),
        ),
    ),
    Case(
        "example-add-and-remove",
        EXAMPLE,
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
        (ev("73857293", event="add"), ev("2153", event="remove"), ev("113411", event="add")),
    ),
    Case(
        "example-stock-ticker",
        EXAMPLE,
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        (ev("YHOO\n+2\n10"),),
    ),
    Case(
        "example-four-blocks",
        EXAMPLE,
        b": test stream\n\n"
        b"data: first event\nid: 1\n\n"
        b"data:second event\nid\n\n"
        b"data:  third event\n\n",
        (ev("first event", id="1"), ev("second event"), ev(" third event")),
    ),
    Case(
        "example-four-blocks-unfinished",
        EXAMPLE,
        b": test stream\n\n"
        b"data: first event\nid: 1\n\n"
        b"data:second event\nid\n\n"
        b"data:  third event\n",
        (ev("first event", id="1"), ev("second event")),
        (ev(" third event"),),
    ),
    Case(
        "example-empty-data",
        EXAMPLE,
        b"data\n\ndata\ndata\n\ndata:",
        (ev(""), ev("\n")),
        (ev(""),),
    ),
    Case(
        "example-optional-space",
        EXAMPLE,
        b"data:test\n\ndata: test\n\n",
        (ev("test"), ev("test")),
    ),
)

SERVERS = (
    Case(
        "chat-completions",
        REAL_LIFE,
        b'data: {"id":"c1","choices":[{"delta":{"content":"Hi"}}]}\n\n'
        b'data: {"id":"c1","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
        b"data: [DONE]\n\n",
        (
            ev('{"id":"c1","choices":[{"delta":{"content":"Hi"}}]}'),
            ev('{"id":"c1","choices":[{"delta":{},"finish_reason":"stop"}]}'),
            ev("[DONE]"),
        ),
    ),
    Case(
        "chat-completions-cut-before-the-blank-line",
        REAL_LIFE,
        b'data: {"id":"c1","choices":[]}\n\ndata: [DONE]',
        (ev('{"id":"c1","choices":[]}'),),
        (ev("[DONE]"),),
    ),
    Case(
        "typed-messages-with-ping",
        REAL_LIFE,
        b'event: message_start\ndata: {"type": "message_start"}\n\n'
        b'event: ping\ndata: {"type": "ping"}\n\n'
        b"event: content_block_delta\n"
        b'data: {"delta": {"text": "\xc3\xa9t\xc3\xa9 \xf0\x9f\x8c\x9e"}}\n\n'
        b'event: message_stop\ndata: {"type": "message_stop"}\n\n',
        (
            ev('{"type": "message_start"}', event="message_start"),
            ev('{"type": "ping"}', event="ping"),
            ev('{"delta": {"text": "été 🌞"}}', event="content_block_delta"),
            ev('{"type": "message_stop"}', event="message_stop"),
        ),
    ),
    Case(
        "keep-alive-comments",
        REAL_LIFE,
        b': PROCESSING\n\n: PROCESSING\n\ndata: {"ok":true}\n\n: keep-alive\n\ndata: [DONE]\n\n',
        (ev('{"ok":true}'), ev("[DONE]")),
    ),
    Case(
        "keep-alive-pings-with-crlf",
        REAL_LIFE,
        b": ping - 2024-01-01 00:00:00+00:00\r\n\r\ndata: a\r\n\r\n: ping\r\n\r\n",
        (ev("a"),),
    ),
    Case(
        "ping-event-without-data",
        REAL_LIFE,
        b"event: ping\n\nevent: completion\ndata: {}\n\n",
        (ev("{}", event="completion"),),
    ),
    Case(
        "padding-before-the-stream",
        REAL_LIFE,
        b":" + b" " * 2048 + b"\nretry: 2000\n\ndata: a\n\n",
        (ev("a"),),
        retry=2000,
    ),
    Case(
        "json-over-several-lines",
        REAL_LIFE,
        b'event: patch\r\ndata: {\r\ndata:     "a": 1,\r\ndata:     "b": 2\r\ndata: }\r\n\r\n',
        (ev('{\n    "a": 1,\n    "b": 2\n}', event="patch"),),
    ),
    Case(
        "json-with-raw-line-separator",
        REAL_LIFE,
        b'data: {"text":"a\xe2\x80\xa8b\xe2\x80\xa9c\xc2\x85d"}\n\n',
        (ev('{"text":"a\u2028b\u2029c\x85d"}'),),
    ),
    Case(
        "json-with-escaped-line-ends",
        REAL_LIFE,
        rb'data: {"text": "a\n\nb\r\n\r\n"}' + b"\n\n",
        (ev(r'{"text": "a\n\nb\r\n\r\n"}'),),
    ),
    Case(
        "html-fragment-over-lines",
        REAL_LIFE,
        b"event: elements\n"
        b"data: elements <div>\ndata: elements   <p>a</p>\ndata: elements </div>\n\n",
        (ev("elements <div>\nelements   <p>a</p>\nelements </div>", event="elements"),),
    ),
    Case(
        "json-as-id",
        REAL_LIFE,
        b'event: message\nid: [{"topic":"x","offset":-1}]\ndata: {"title":"a: b"}\n\n',
        (ev('{"title":"a: b"}', id='[{"topic":"x","offset":-1}]'),),
        last_event_id='[{"topic":"x","offset":-1}]',
    ),
    Case(
        "priming-event-with-id-and-retry",
        REAL_LIFE,
        b'id: s1_0\nretry: 3000\ndata:\n\nid: s1_1\nevent: message\ndata: {"jsonrpc":"2.0"}\n\n',
        (ev("", id="s1_0", retry=3000), ev('{"jsonrpc":"2.0"}', id="s1_1")),
        last_event_id="s1_1",
        retry=3000,
    ),
    Case(
        "fields-without-spaces",
        REAL_LIFE,
        b'event:put\nid:5\ndata:{"path":"/"}\n\n:\n',
        (ev('{"path":"/"}', event="put", id="5"),),
        last_event_id="5",
    ),
    Case(
        "blank-line-missing-between-events",
        REAL_LIFE,
        b"event: a\ndata: 1\nevent: b\ndata: 2\n\n",
        (ev("1\n2", event="b"),),
    ),
    Case(
        "not-latin",
        REAL_LIFE,
        "\n\nid: 一\nevent: новость\ndata: 안녕하세요\ndata: שלום → 🌍\n\n".encode(),
        (ev("안녕하세요\nשלום → 🌍", event="новость", id="一"),),
        last_event_id="一",
    ),
)

CASES: tuple[Case, ...] = (
    *LINES,
    *BYTE_ORDER_MARKS,
    *UTF_8,
    *FIELDS,
    *IDS,
    *RETRIES,
    *COMMENTS,
    *DISPATCH,
    *ENDS,
    *EXAMPLES,
    *SERVERS,
)

LIMIT_CASES: tuple[LimitCase, ...] = (
    LimitCase("at-the-limit", LIMIT_OVER, b"data: abcd\n\n", 5, (ev("abcd"),), False),
    LimitCase("one-over", LIMIT_OVER, b"data: abcde\n\n", 5, (), True),
    LimitCase("far-over", LIMIT_OVER, b"data: " + b"x" * 70_000 + b"\n\n", 5, (), True),
    LimitCase(
        "no-limit",
        LIMIT_OVER,
        b"data: " + b"x" * 70_000 + b"\n\n",
        None,
        (ev("x" * 70_000),),
        False,
    ),
    LimitCase(
        "two-events-before-the-fault",
        LIMIT_OVER,
        b"data: a\n\ndata: b\n\ndata: cde\n\ndata: f\n\n",
        3,
        (ev("a"), ev("b")),
        True,
    ),
    LimitCase(
        "fault-in-a-second-data-line",
        LIMIT_OVER,
        b"data: a\n\ndata: b\ndata: c\n\n",
        3,
        (ev("a"),),
        True,
    ),
    LimitCase("fault-without-data", LIMIT_OVER, b"event: abcdef\n\n", 5, (), True),
    LimitCase("one-and-two-names", LIMIT_OVER, b"data\ndata\n\n", 1, (), True),
    LimitCase("one-and-a-value-of-two", LIMIT_OVER, b"event: ab\n", 1, (), True),
    LimitCase(
        "one-and-empty-values",
        LIMIT_OVER,
        b"event: a\nevent\nevent:\nid\nid: \n\n",
        1,
        (),
        False,
    ),
    LimitCase(
        "one-and-what-never-counts",
        LIMIT_NOT_COUNTED,
        b"event: a\n: c\nretry: 10\ncolor: blue\n\n",
        1,
        (),
        False,
    ),
    # What counts.
    LimitCase("name-alone-counts-one", LIMIT_COUNTED, b"data\n\n", 1, (ev(""),), False),
    LimitCase("empty-value-counts-one", LIMIT_COUNTED, b"data:\n\n", 1, (ev(""),), False),
    LimitCase(
        "each-data-line-counts-one", LIMIT_COUNTED, b"data: a\ndata: b\n\n", 4, (ev("a\nb"),), False
    ),
    LimitCase(
        "each-data-line-counts-one-over", LIMIT_COUNTED, b"data: a\ndata: b\n\n", 3, (), True
    ),
    LimitCase("three-names-alone-over", LIMIT_COUNTED, b"data\ndata\ndata\n\n", 2, (), True),
    LimitCase(
        "event-counts", LIMIT_COUNTED, b"event: abc\ndata: a\n\n", 5, (ev("a", event="abc"),), False
    ),
    LimitCase("event-counts-over", LIMIT_COUNTED, b"event: abc\ndata: a\n\n", 4, (), True),
    LimitCase("id-counts", LIMIT_COUNTED, b"id: abc\ndata: a\n\n", 5, (ev("a", id="abc"),), False),
    LimitCase("id-counts-over", LIMIT_COUNTED, b"id: abc\ndata: a\n\n", 4, (), True),
    LimitCase(
        "fields-after-data-count-over", LIMIT_COUNTED, b"data: a\nid: b\nevent: c\n\n", 3, (), True
    ),
    LimitCase(
        "replaced-event-counts",
        LIMIT_COUNTED,
        b"event: abc\nevent: d\ndata: a\n\n",
        6,
        (ev("a", event="d"),),
        False,
    ),
    LimitCase(
        "replaced-event-counts-over",
        LIMIT_COUNTED,
        b"event: abc\nevent: d\ndata: a\n\n",
        5,
        (),
        True,
    ),
    LimitCase("replaced-id-counts-over", LIMIT_COUNTED, b"id: abc\nid\ndata: a\n\n", 4, (), True),
    LimitCase("refused-id-counts", LIMIT_COUNTED, b"id: a\0b\ndata: a\n\n", 5, (ev("a"),), False),
    LimitCase("refused-id-counts-over", LIMIT_COUNTED, b"id: a\0b\ndata: a\n\n", 4, (), True),
    LimitCase("second-space-counts-over", LIMIT_COUNTED, b"data:  \n\n", 1, (), True),
    LimitCase("second-colon-counts-over", LIMIT_COUNTED, b"data::\n\n", 1, (), True),
    LimitCase(
        "bytes-count-not-characters", LIMIT_COUNTED, b"data: \xe2\x82\xac\n\n", 4, (ev("€"),), False
    ),
    LimitCase(
        "bytes-count-not-characters-over", LIMIT_COUNTED, b"data: \xe2\x82\xac\n\n", 3, (), True
    ),
    LimitCase(
        "malformed-bytes-count-as-they-came",
        LIMIT_COUNTED,
        b"data: \xff\xff\n\n",
        3,
        (ev("\ufffd\ufffd", data_bytes=b"\xff\xff"),),
        False,
    ),
    LimitCase("bom-in-a-value-counts-over", LIMIT_COUNTED, b"data: \xef\xbb\xbf\n\n", 3, (), True),
    # What does not.
    LimitCase("space-does-not-count", LIMIT_NOT_COUNTED, b"data: a\n\n", 2, (ev("a"),), False),
    LimitCase(
        "crlf-does-not-count",
        LIMIT_NOT_COUNTED,
        b"data: a\r\ndata: b\r\n\r\n",
        4,
        (ev("a\nb"),),
        False,
    ),
    LimitCase(
        "leading-bom-does-not-count",
        LIMIT_NOT_COUNTED,
        b"\xef\xbb\xbfdata: a\n\n",
        2,
        (ev("a"),),
        False,
    ),
    LimitCase(
        "comments-do-not-count",
        LIMIT_NOT_COUNTED,
        b": " + b"x" * 5000 + b"\n:data: " + b"x" * 5000 + b"\ndata: a\n\n",
        2,
        (ev("a"),),
        False,
    ),
    LimitCase(
        "unknown-fields-do-not-count",
        LIMIT_NOT_COUNTED,
        b"color: " + b"x" * 5000 + b"\n" + b"x" * 5000 + b"\ndata: a\n\n",
        2,
        (ev("a"),),
        False,
    ),
    LimitCase(
        "near-misses-do-not-count",
        LIMIT_NOT_COUNTED,
        b"Data: xxx\n data: xxx\ndatax: xxx\nids: xxx\ndata : xxx\ndata: a\n\n",
        2,
        (ev("a"),),
        False,
    ),
    LimitCase(
        "name-after-a-broken-bom-does-not-count",
        LIMIT_NOT_COUNTED,
        b"\xef\xbbdata: abc\nevent: a\n\n",
        1,
        (),
        False,
    ),
    LimitCase(
        "retry-does-not-count",
        LIMIT_NOT_COUNTED,
        b"retry: 00000010\nretry: never\ndata: a\n\n",
        2,
        (ev("a", retry=10),),
        False,
    ),
    LimitCase(
        "the-kept-id-does-not-count",
        LIMIT_NOT_COUNTED,
        b"id: abc\ndata: a\n\ndata: abcd\n\n",
        5,
        (ev("a", id="abc"), ev("abcd", id="abc")),
        False,
    ),
    # The blank line.
    LimitCase(
        "reset-between-events",
        LIMIT_RESET,
        b"data: abcd\n\ndata: efgh\n\n",
        5,
        (ev("abcd"), ev("efgh")),
        False,
    ),
    LimitCase(
        "reset-after-a-block-without-data",
        LIMIT_RESET,
        b"event: abcde\n\nid: fghij\n\ndata: klmn\n\n",
        5,
        (ev("klmn", id="fghij"),),
        False,
    ),
    LimitCase(
        "no-reset-without-a-blank-line", LIMIT_RESET, b"data: abcd\n \ndata: e\n\n", 5, (), True
    ),
    LimitCase("no-reset-at-a-comment", LIMIT_RESET, b"data: abcd\n:\ndata: e\n\n", 5, (), True),
    # The end of the stream.
    LimitCase("open-data-line-below", LIMIT_OPEN, b"data: abcd", 5, (), False),
    LimitCase(
        "open-data-line-at-the-limit",
        LIMIT_OPEN,
        b"data: abcde",
        5,
        (),
        False,
        flush_too_large=True,
    ),
    LimitCase("open-data-line-over", LIMIT_OPEN, b"data: abcdef", 5, (), True),
    LimitCase(
        "open-second-data-line-at-the-limit",
        LIMIT_OPEN,
        b"data: a\ndata: b",
        3,
        (),
        False,
        flush_too_large=True,
    ),
    LimitCase("open-second-data-line-over", LIMIT_OPEN, b"data: a\ndata: bc", 3, (), True),
    LimitCase(
        "open-data-line-after-events", LIMIT_OPEN, b"data: a\n\ndata: bcd", 2, (ev("a"),), True
    ),
    LimitCase("open-name", LIMIT_OPEN, b"data\ndata", 1, (), False, flush_too_large=True),
    LimitCase(
        "open-name-and-colon", LIMIT_OPEN, b"data\ndata: ", 1, (), False, flush_too_large=True
    ),
    LimitCase("open-prefix-of-a-name", LIMIT_OPEN, b"data\ndat", 1, (), False),
    LimitCase("ended-data-line-at-the-limit", LIMIT_OPEN, b"data: ab\r", 3, (), False),
    LimitCase("ended-data-line-over", LIMIT_OPEN, b"data: abc\r", 3, (), True),
    LimitCase("open-id-at-the-limit", LIMIT_OPEN, b"id: abc", 3, (), False),
    LimitCase("open-id-over", LIMIT_OPEN, b"id: abcd", 3, (), True),
    LimitCase("open-retry", LIMIT_OPEN, b"data\nretry: " + b"9" * 5000, 1, (), False),
    LimitCase("open-unknown-field", LIMIT_OPEN, b"data\ncolor: " + b"x" * 5000, 1, (), False),
    LimitCase("open-longer-name", LIMIT_OPEN, b"data\nevents: " + b"x" * 5000, 1, (), False),
    LimitCase("open-event-over", LIMIT_OPEN, b"event: abcd", 3, (), True),
    LimitCase("open-comment", LIMIT_OPEN, b"data\n: " + b"x" * 5000, 1, (), False),
)
