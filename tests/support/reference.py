"""A slow reading of a whole event stream, step by step as the standards write it.

It checks the parser, so it shares nothing with it: it holds the whole stream, decodes it before it
splits it, and decodes UTF-8 by itself rather than by Python's codec, which is under test too.

The steps are those of the WHATWG HTML standard, section 9.2 (server-sent events), and of the
WHATWG Encoding standard ("UTF-8 decode"): each stands, shortened, above the line which takes it.
What the library decides where the standard is silent is marked LIBRARY.
"""

import re
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
REPLACEMENT = "\ufffd"
MAX_RETRY = 2**63 - 1
MEASURED_FIELDS = ("data", "event", "id")

# "end-of-line = ( cr lf / cr / lf )"
END_OF_LINE = re.compile("\r\n|\r|\n")
RAW_END_OF_LINE = re.compile(b"\r\n|\r|\n")


class Event(NamedTuple):
    event: str
    data: str
    id: str
    retry: int | None
    data_bytes: bytes


class Outcome(NamedTuple):
    events: list[Event]
    """Those which the stream dispatches, or which it dispatched before it overflowed."""
    flushed: list[Event]
    """What a flush at the end of the stream adds: one event or none."""
    last_event_id: str
    """At the end of the stream or at the overflow, before any flush; so is `retry`."""
    retry: int | None
    too_large: bool
    """The stream overflows."""
    flush_too_large: bool
    """The stream does not overflow, its flush does."""


class Line(NamedTuple):
    text: str
    raw: bytes


class TooLarge(Exception):
    pass


def parse(stream: bytes, *, last_event_id: str = "", max_event_size: int | None = None) -> Outcome:
    *lines, open_line = split_lines(without_bom(stream))
    reading = Reading(last_event_id, max_event_size)
    try:
        reading.feed(lines, open_line)
    except TooLarge:
        return reading.outcome(too_large=True)
    fed = reading.outcome()
    try:
        reading.flush(open_line)
    except TooLarge:
        return fed._replace(flush_too_large=True)
    return fed._replace(flushed=reading.events[len(fed.events) :])


class Reading:
    def __init__(self, last_event_id: str, max_event_size: int | None) -> None:
        # "A data buffer, an event type buffer and a last event ID buffer must be associated with
        # the stream. They must be initialized to the empty string."
        # (The data buffer is kept as the strings appended to it, to stay linear.)
        self.data_buffer: list[str] = []
        self.event_type_buffer = ""
        # LIBRARY: the ID given by the caller fills the buffer as well as the string, as it does in
        # browsers: otherwise the first blank line after a reconnection would forget it.
        self.last_event_id_buffer = last_event_id
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.events: list[Event] = []
        # LIBRARY: what an event tells beyond the standard, and the bound on its size.
        self.raw_data: list[bytes] = []
        self.block_retry: int | None = None
        self.size = 0
        self.max_event_size = max_event_size

    def outcome(self, *, too_large: bool = False) -> Outcome:
        return Outcome(
            events=list(self.events),
            flushed=[],
            last_event_id=self.last_event_id,
            retry=self.retry,
            too_large=too_large,
            flush_too_large=False,
        )

    def feed(self, lines: list[Line], open_line: Line) -> None:
        # "Lines must be processed, in the order they are received, as follows."
        for line in lines:
            self.measure_value(line)
            self.process_line(line)
        # "Once the end of the file is reached, any pending data must be discarded."
        # LIBRARY: its value counts nevertheless, for it has come.
        self.measure_value(open_line)

    def flush(self, open_line: Line) -> None:
        # LIBRARY: the open line and the open block end as if a line end and a blank line had come.
        # (Where no line is open, this one is empty, and blank lines after the first do nothing.)
        self.process_line(open_line)
        self.process_line(Line("", b""))

    def process_line(self, line: Line) -> None:
        # "If the line is empty (a blank line): dispatch the event, as defined below."
        if line.text == "":
            self.dispatch()
            self.start_block()
        # "If the line starts with a U+003A COLON character: ignore the line."
        elif line.text.startswith(":"):
            return
        # "If the line contains a U+003A COLON character: collect the characters before the first
        # colon, and let field be that string. Collect the characters after the first colon, and
        # let value be that string. If value starts with a U+0020 SPACE character, remove it from
        # value. Process the field."
        elif ":" in line.text:
            field, value = line.text.split(":", 1)
            self.process_field(field, value.removeprefix(" "), raw_value(line))
        # "Otherwise: process the field, using the whole line as the field name, and the empty
        # string as the field value."
        else:
            self.process_field(line.text, "", raw_value(line))

    def process_field(self, field: str, value: str, raw: bytes) -> None:
        # "Field names must be compared literally, with no case folding performed."
        match field:
            # "event: set the event type buffer to the field value."
            case "event":
                self.event_type_buffer = value
            # "data: append the field value to the data buffer, then append a single U+000A LINE
            # FEED character to the data buffer."
            case "data":
                self.measure(1)
                self.data_buffer += [value, "\n"]
                self.raw_data.append(raw)
            # "id: if the field value does not contain U+0000 NULL, then set the last event ID
            # buffer to the field value. Otherwise, ignore the field."
            case "id":
                if "\0" not in value:
                    self.last_event_id_buffer = value
            # "retry: if the field value consists of only ASCII digits, then interpret the field
            # value as an integer in base ten, and set the event stream's reconnection time to
            # that integer. Otherwise, ignore the field."
            case "retry":
                if is_ascii_digits(value):
                    self.retry = self.block_retry = base_ten(value)
            # "Otherwise: the field is ignored."

    def dispatch(self) -> None:
        # "Set the last event ID string of the event source to the value of the last event ID
        # buffer. The buffer does not get reset."
        self.last_event_id = self.last_event_id_buffer
        # "If the data buffer is an empty string, set the data buffer and the event type buffer to
        # the empty string and return."
        data = "".join(self.data_buffer)
        if data == "":
            return
        self.events.append(
            Event(
                # "Initialize event's type attribute to "message". If the event type buffer has a
                # value other than the empty string, change the type to equal that value."
                event=self.event_type_buffer or "message",
                # "If the data buffer's last character is a U+000A LINE FEED character, then remove
                # the last character from the data buffer."
                data=data.removesuffix("\n"),
                # "Initialize event's lastEventId attribute to the last event ID string."
                id=self.last_event_id,
                retry=self.block_retry,
                data_bytes=b"\n".join(self.raw_data),
            )
        )

    def start_block(self) -> None:
        # "Set the data buffer and the event type buffer to the empty string."
        self.data_buffer = []
        self.event_type_buffer = ""
        self.raw_data = []
        self.block_retry = None
        self.size = 0

    def measure_value(self, line: Line) -> None:
        name, _, _ = line.text.partition(":")
        if name in MEASURED_FIELDS:
            self.measure(len(raw_value(line)))

    def measure(self, count: int) -> None:
        self.size += count
        if self.max_event_size is not None and self.size > self.max_event_size:
            raise TooLarge


def split_lines(stream: bytes) -> list[Line]:
    """The lines, and last what follows the last line end: the open line, or nothing.

    A decoder never takes a CR, LF, colon or space into a sequence, so text and bytes split alike.
    """
    texts = END_OF_LINE.split(utf8_decode_without_bom(stream))
    return [Line(*pair) for pair in zip(texts, RAW_END_OF_LINE.split(stream), strict=True)]


def raw_value(line: Line) -> bytes:
    return line.raw.partition(b":")[2].removeprefix(b" ")


def is_ascii_digits(value: str) -> bool:
    # LIBRARY: at least one.
    return value != "" and all("0" <= character <= "9" for character in value)


def base_ten(digits: str) -> int:
    number = 0
    for digit in digits:
        # LIBRARY: clamped, and at each digit, since Python refuses to convert a long string.
        number = min(number * 10 + int(digit), MAX_RETRY)
    return number


def without_bom(stream: bytes) -> bytes:
    # "UTF-8 decode: let buffer be the result of peeking three bytes from the stream. If buffer is
    # 0xEF 0xBB 0xBF, then read three bytes from the stream. (Do nothing with those bytes.)"
    return stream[3:] if stream[:3] == BOM else stream


def utf8_decode_without_bom(stream: bytes) -> str:
    if stream.isascii():
        return stream.decode("ascii")
    output: list[str] = []
    code_point = bytes_seen = bytes_needed = 0
    lower, upper = 0x80, 0xBF
    position = 0
    while position < len(stream):
        byte = stream[position]
        position += 1
        if bytes_needed == 0:
            code_point, bytes_needed, lower, upper = after_first_byte(byte)
            if bytes_needed == 0:
                output.append(chr(code_point))
            continue
        # "If byte is not in the range lower boundary to upper boundary, inclusive: set code point,
        # bytes needed and bytes seen to 0, the boundaries to 0x80 and 0xBF, restore byte to the
        # stream, and return error."
        if not lower <= byte <= upper:
            code_point = bytes_needed = bytes_seen = 0
            lower, upper = 0x80, 0xBF
            position -= 1
            output.append(REPLACEMENT)
            continue
        # "Set the lower boundary to 0x80 and the upper boundary to 0xBF."
        lower, upper = 0x80, 0xBF
        # "Set code point to (code point << 6) | (byte & 0x3F). Increase bytes seen by one."
        code_point = code_point << 6 | byte & 0x3F
        bytes_seen += 1
        # "If bytes seen is not equal to bytes needed, return continue. Set code point, bytes
        # needed and bytes seen to 0. Return a code point whose value is that of code point."
        if bytes_seen == bytes_needed:
            output.append(chr(code_point))
            code_point = bytes_needed = bytes_seen = 0
    # "If byte is end-of-queue and bytes needed is not 0, set bytes needed to 0 and return error."
    if bytes_needed != 0:
        output.append(REPLACEMENT)
    return "".join(output)


class Begun(NamedTuple):
    """The decoder's state after the first byte of a sequence; whole if it needs no more bytes."""

    code_point: int
    bytes_needed: int = 0
    lower: int = 0x80
    upper: int = 0xBF


def after_first_byte(byte: int) -> Begun:
    # "If UTF-8 bytes needed is 0, then, based on byte:"
    # "0x00 to 0x7F: return a code point whose value is byte."
    if byte <= 0x7F:
        return Begun(byte)
    # "0xC2 to 0xDF: set bytes needed to 1 and code point to byte & 0x1F."
    if 0xC2 <= byte <= 0xDF:
        return Begun(byte & 0x1F, 1)
    # "0xE0 to 0xEF: if byte is 0xE0, set the lower boundary to 0xA0. If byte is 0xED, set
    # the upper boundary to 0x9F. Set bytes needed to 2 and code point to byte & 0xF."
    if 0xE0 <= byte <= 0xEF:
        lower = 0xA0 if byte == 0xE0 else 0x80
        upper = 0x9F if byte == 0xED else 0xBF
        return Begun(byte & 0xF, 2, lower, upper)
    # "0xF0 to 0xF4: if byte is 0xF0, set the lower boundary to 0x90. If byte is 0xF4, set
    # the upper boundary to 0x8F. Set bytes needed to 3 and code point to byte & 0x7."
    if 0xF0 <= byte <= 0xF4:
        lower = 0x90 if byte == 0xF0 else 0x80
        upper = 0x8F if byte == 0xF4 else 0xBF
        return Begun(byte & 0x7, 3, lower, upper)
    # "Otherwise: return error." (Whose replacement is U+FFFD.)
    return Begun(ord(REPLACEMENT))
