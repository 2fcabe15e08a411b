# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: binding=False, freethreading_compatible=True
# cython: embedsignature=True, embedsignature.format=clinic
"""The compiled twin: the same rules as `_parser_py.py`, over the bytes of the caller's buffer.

`_parser_py.py` explains each rule at its tag, such as [cr-lf]; the same tags and steps are here in
the same order. A chunk goes feed -> _split -> _line, and _dispatch at a blank line.

Ownership: a `Span` borrows bytes of the chunk and is valid only while `feed` runs. Bytes that must
outlive the call are copied into a `Buffer`, whose storage belongs to the parser alone. Storage is
allocated as an ASCII str, which is not valid until `fill` has checked its bytes, so nothing else
may refer to it before. `fill` then gives the storage of a large event to the event, without a
copy, and the parser allocates new storage for the next one.

Free threading: each method and property of the parser is a critical section, so threads that share
a parser take turns.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_CLEAR, PyObject
from cpython.unicode cimport PyUnicode_AsASCIIString, PyUnicode_CheckExact
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from ._arguments import DEFAULT_MAX_EVENT_SIZE, expect, expect_limit, expect_retry, not_bytes
from ._arguments import MAX_RETRY as PY_MAX_RETRY
from ._errors import EventTooLargeError, not_usable
from ._event import MATCH_ARGS, as_json, decode, fields_of, reduce, represent

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    PyObject* new_storage "PyUnicode_New"(Py_ssize_t size, Py_UCS4 maxchar) except NULL
    int PyUnicode_Resize(PyObject** text, Py_ssize_t size) except -1
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    str PyUnicode_FromOrdinal(int ordinal)

include "_utf8.pxi"

cdef enum State:
    IDLE, BUSY, TOO_LARGE

cdef enum Field:
    # NONE: no line is open. NAME: the name of the open line is incomplete.
    NONE, NAME, DATA, EVENT, ID, RETRY, UNKNOWN

cdef enum Ownership:
    # NO_DATA: the open block has no data line.
    NO_DATA, BORROWED, OWNED

cdef enum:
    NO_RETRY = -1
    BOM_SIZE = 3
    LONGEST_NAME = 5
    MIN_CAPACITY = 64
    # The most bytes that a parser keeps between events: of each buffer, of the last event type.
    KEPT_CAPACITY = 64 * 1024
    KEPT_EVENT = 64

cdef const char* BOM = b"\xef\xbb\xbf"
cdef uint64_t MAX_RETRY = PY_MAX_RETRY
cdef Py_ssize_t DEFAULT_LIMIT = DEFAULT_MAX_EVENT_SIZE


# ------------------------------------------------------------------ bytes, borrowed and owned


cdef struct Span:
    const char* at
    Py_ssize_t size


cdef struct Buffer:
    # The data of `storage`; NULL while the buffer has none.
    char* at
    Py_ssize_t size
    Py_ssize_t capacity
    PyObject* storage
    # The size of the last event's data.
    Py_ssize_t last_size


cdef inline int append(Buffer* self, const char* at, Py_ssize_t size) except -1:
    if self.size + size > self.capacity:
        grow(self, self.size + size)
    # `self.at` is NULL without storage, and memcpy must not get NULL.
    if size > 0:
        memcpy(self.at + self.size, at, size)
        self.size += size
    return 0


cdef int grow(Buffer* self, Py_ssize_t needed) except -1:
    # By at least a half, to keep the work linear. A large event gets the capacity that the last
    # one used, because events of a stream are alike, but at most three times what it needs.
    cdef Py_ssize_t capacity = max(needed, self.capacity + self.capacity // 2, MIN_CAPACITY)
    if needed > KEPT_CAPACITY:
        capacity = max(capacity, min(self.last_size, 3 * needed))
    return resize(self, capacity)


cdef int resize(Buffer* self, Py_ssize_t capacity) except -1:
    if self.storage is NULL:
        self.storage = new_storage(capacity, 127)
    else:
        PyUnicode_Resize(&self.storage, capacity)
    self.at = <char*>PyUnicode_DATA(<object>self.storage)
    self.capacity = capacity
    return 0


cdef inline void release(Buffer* self) noexcept:
    Py_CLEAR(self.storage)
    self.at = NULL
    self.size = self.capacity = 0


cdef inline void clear(Buffer* self) noexcept:
    self.size = 0
    if self.capacity > KEPT_CAPACITY:
        release(self)


cdef bytes bytes_of(Buffer* self):
    # `self.at` is NULL without storage, which would make bytes that are not initialized.
    return PyBytes_FromStringAndSize(self.at, self.size) if self.size else b""


# ------------------------------------------------------------------ values


cdef inline str ascii_text(const char* at, Py_ssize_t size):
    cdef str text
    if size <= 1:
        # Python caches the texts of one character.
        return PyUnicode_FromOrdinal(at[0]) if size else ""
    text = PyUnicode_New(size, 127)
    memcpy(PyUnicode_DATA(text), at, size)
    return text


cdef inline object text_or_bytes(const char* at, Py_ssize_t size):
    # ASCII becomes a str at once; other bytes are decoded when they are read.
    if is_ascii(at, size):
        return ascii_text(at, size)
    return PyBytes_FromStringAndSize(at, size)


cdef inline str text_of(object value):
    cdef str text
    if not PyBytes_CheckExact(value):
        return <str>value
    text = decoded(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
    return decode(value) if text is None else text


cdef inline bint is_same(object value, const char* at, Py_ssize_t size) noexcept:
    return (
        PyUnicode_CheckExact(value)
        and PyUnicode_GET_LENGTH(value) == size
        and memcmp(PyUnicode_DATA(value), at, size) == 0
    )


cdef inline bint is_short(object value) noexcept:
    return PyUnicode_CheckExact(value) and PyUnicode_GET_LENGTH(value) <= KEPT_EVENT


cdef inline object retry_or_none(int64_t retry):
    return None if retry < 0 else retry


cdef inline Py_ssize_t size_of_name(const char* line, Py_ssize_t size) noexcept nogil:
    # Stops one after the longest name: no field has a name of that length or more.
    cdef Py_ssize_t i = 0
    while i < size and i <= LONGEST_NAME and line[i] != c":":
        i += 1
    return i


cdef inline bint has_name(
    const char* line, Py_ssize_t size, const char* name, Py_ssize_t name_size
) noexcept nogil:
    if size < name_size or memcmp(line, name, name_size) != 0:
        return False
    return size == name_size or line[name_size] == c":"


cdef inline Field field_of(const char* line, Py_ssize_t size) noexcept nogil:
    if has_name(line, size, b"data", 4):
        return DATA
    if has_name(line, size, b"event", 5):
        return EVENT
    if has_name(line, size, b"id", 2):
        return ID
    if has_name(line, size, b"retry", 5):
        return RETRY
    return UNKNOWN


cdef inline Py_ssize_t name_size(Field field) noexcept nogil:
    return 2 if field == ID else 4 if field == DATA else 5


cdef inline const char* find(char byte, const char* at, const char* end) noexcept nogil:
    cdef const char* found = <const char*>memchr(at, byte, end - at)
    return end if found is NULL else found


cdef struct Number:
    uint64_t value
    bint has_digit
    bint is_invalid


cdef inline void add_digits(Number* self, const char* at, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint64_t digit
    for i in range(size):
        if not c"0" <= at[i] <= c"9":
            self.is_invalid = True
            return
        digit = at[i] - c"0"
        self.has_digit = True
        if self.value > (MAX_RETRY - digit) // 10:
            self.value = MAX_RETRY
        else:
            self.value = self.value * 10 + digit


# ------------------------------------------------------------------ the event


@cython.final
@cython.no_gc
@cython.freelist(256)
cdef class ServerSentEvent:
    """\
ServerSentEvent(*, event="message", data=None, id="", retry=None, data_bytes=None)\n--\n\n\
One event of a stream: immutable, compared and hashed by event, data, id and retry.

    Args:
        event: the event type.
        data: the data lines joined by "\\n".
        id: the last event ID of the stream when the event was dispatched.
        retry: the reconnection time in ms, if the event's own block set one.
        data_bytes: the data as UTF-8, instead of `data`; invalid bytes decode to U+FFFD.

    Raises:
        TypeError: an argument has the wrong type, or both data and data_bytes are given.
        ValueError: retry is negative or above 2**63 - 1, or data has a surrogate, which UTF-8
            cannot encode.

    Source: WHATWG HTML 9.2.6, "dispatch the event".
    """

    __module__ = "fastsse"
    __match_args__ = MATCH_ARGS

    # None for "message".
    cdef str _event
    # The text, if the bytes are ASCII or were decoded.
    cdef str _data
    # The bytes, if they are not ASCII or were given.
    cdef bytes _data_bytes
    # None for "".
    cdef str _id
    cdef int64_t _retry

    def __cinit__(self):
        self._retry = NO_RETRY

    def __init__(self, *, event="message", data=None, id="", retry=None, data_bytes=None):
        if self._data is not None or self._data_bytes is not None:
            # An event is immutable: a second call, or one on a parsed event, changes nothing.
            return
        if data is not None:
            if data_bytes is not None:
                raise TypeError("expected data or data_bytes, got both")
            data_bytes = expect("data", data, str).encode()
        self._event = expect("event", event, str)
        self._id = expect("id", id, str)
        self._retry = NO_RETRY if retry is None else expect_retry(retry)
        self._data_bytes = b"" if data_bytes is None else expect("data_bytes", data_bytes, bytes)

    @property
    def event(self):
        """The event type; "message" if the block has none."""
        return "message" if self._event is None else self._event

    @property
    @cython.critical_section
    def data(self):
        """The data lines joined by "\\n", decoded as UTF-8, with U+FFFD for invalid bytes."""
        if self._data is None:
            self._data = "" if self._data_bytes is None else text_of(self._data_bytes)
        return self._data

    @property
    def id(self):
        """The last event ID of the stream when the event was dispatched."""
        return "" if self._id is None else self._id

    @property
    def retry(self):
        """The reconnection time in ms, if the event's own block set one."""
        return retry_or_none(self._retry)

    @property
    def data_bytes(self):
        """The data lines joined by b"\\n", as received."""
        if self._data_bytes is None:
            return PyUnicode_AsASCIIString(self.data)
        return self._data_bytes

    def json(self, loads=None):
        """Decodes the data as JSON.

        Args:
            loads: decodes `data_bytes`; if None, `json.loads` decodes `data`.

        Raises:
            ValueError: the data is not JSON (`loads` raises its own error).
        """
        return as_json(self, loads)

    def __eq__(self, other):
        fields = fields_of(other)
        return NotImplemented if fields is None else fields == fields_of(self)

    def __hash__(self):
        return hash(fields_of(self))

    def __repr__(self):
        return represent(self)

    def __reduce__(self):
        return reduce(self)


cdef int fill(ServerSentEvent event, Buffer* data) except -1:
    # Moves the buffer's bytes into the event. A large ASCII text takes the storage itself.
    cdef bint is_large = data.size > KEPT_CAPACITY
    data.last_size = data.size
    if is_large:
        resize(data, data.size)
    if not is_ascii(data.at, data.size):
        event._data_bytes = PyBytes_FromStringAndSize(data.at, data.size)
    elif is_large:
        event._data = <str>data.storage
        release(data)
    else:
        event._data = ascii_text(data.at, data.size)
    clear(data)
    return 0


# ------------------------------------------------------------------ the parser


@cython.final
cdef class Parser:
    """\
Parser(*, last_event_id="", max_event_size=67108864)\n--\n\n\
The incremental parser of one stream: bytes in, events out.

    Args:
        last_event_id: the last event ID that an earlier connection received.
        max_event_size: the most bytes that an event may have, None for no limit. The values of
            its `data`, `event` and `id` fields count, and one more byte for each data line.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: max_event_size is below 1.

    Source: WHATWG HTML 9.2.5 and 9.2.6.
    """

    __module__ = "fastsse"

    cdef str _last_event_id
    cdef int64_t _retry
    cdef Py_ssize_t _limit
    cdef Py_ssize_t _lines
    # BUSY during a call, and for good if an exception interrupts one: part of its chunk is lost.
    cdef State _state
    # The events that the running call has completed; None before the first.
    cdef list _events
    # How many bytes of a BOM the stream starts with, as far as received; BOM_SIZE once decided.
    cdef int _head
    # Whether the last chunk ended with a CR.
    cdef bint _after_cr
    # The open line: its name up to the colon; then its field, and the received part of its value.
    cdef Field _reading
    cdef char[LONGEST_NAME] _name
    cdef int _name_size
    cdef Buffer _value
    cdef Number _number
    cdef bint _value_is_new
    # The open block. Its first data line is borrowed until a second one or the end of the chunk.
    cdef Ownership _ownership
    cdef Span _borrowed_data
    cdef Buffer _data
    # The last event type of the stream, kept because many events have the same. It belongs to the
    # open block only if `_has_event` is set.
    cdef bint _has_event
    cdef object _last_event
    cdef object _id
    cdef int64_t _block_retry
    # How many bytes of the open block count towards the limit.
    cdef Py_ssize_t _size

    def __cinit__(self, *, last_event_id="", max_event_size=DEFAULT_MAX_EVENT_SIZE):
        if not PyUnicode_CheckExact(last_event_id):
            last_event_id = expect("last_event_id", last_event_id, str)
        self._last_event_id = last_event_id
        if max_event_size is DEFAULT_MAX_EVENT_SIZE:
            self._limit = DEFAULT_LIMIT
        else:
            self._limit = expect_limit(max_event_size)
        self._retry = self._block_retry = NO_RETRY

    def __dealloc__(self):
        release(&self._value)
        release(&self._data)

    @property
    @cython.critical_section
    def last_event_id(self):
        """The last event ID of the stream, as of its last blank line."""
        return self._last_event_id

    @property
    @cython.critical_section
    def retry(self):
        """The reconnection time in ms that the stream set last; None if it set none."""
        return retry_or_none(self._retry)

    @property
    @cython.critical_section
    def lines(self):
        """How many lines have ended, comments and blank lines included."""
        return self._lines

    @property
    @cython.critical_section
    def pending(self):
        """Whether `flush` would return an event: the open block has a data line."""
        return self._ownership != NO_DATA or self._open_field() == DATA

    @property
    @cython.critical_section
    def pending_data(self):
        """The data of the event that `flush` would return, as far as received."""
        cdef bytes data = bytes_of(&self._data) if self._ownership == OWNED else b""
        if self._open_field() != DATA:
            return data
        if self._ownership == OWNED:
            data += b"\n"
        return data + bytes_of(&self._value)

    @cython.critical_section
    def feed(self, chunk, /):
        """Parses the next bytes of the stream.

        Args:
            chunk: any C-contiguous bytes-like object, of any length; no reference to it is kept.

        Returns:
            The events that the chunk completes, in order; often none.

        Raises:
            EventTooLargeError: an event exceeds max_event_size, in this call or an earlier one;
                its `events` are those that this call completed before.
            TypeError: the chunk is not a C-contiguous bytes-like object.
            RuntimeError: another call is running, or an exception such as MemoryError
                interrupted an earlier one.
        """
        if PyBytes_CheckExact(chunk):
            return self._feed(PyBytes_AS_STRING(chunk), PyBytes_GET_SIZE(chunk))
        return self._feed_view(chunk)

    @cython.critical_section
    def flush(self):
        """Ends the open line and the open block, as for a stream that was cut off.

        The parser is then at the start of a block, and keeps last_event_id and retry.

        Returns:
            The event that was pending, if any.

        Raises:
            EventTooLargeError, RuntimeError: as for `feed`.
        """
        self._begin_call()
        if self._reading != NONE:
            self._end_line()
        self._dispatch()
        self._head = BOM_SIZE
        self._after_cr = False
        return self._end_call()

    def __reduce__(self):
        raise TypeError("cannot pickle or copy a Parser")

    cdef inline list _feed(self, const char* at, Py_ssize_t size):
        self._begin_call()
        self._split(at, at + size)
        self._own_data()
        return self._end_call()

    cdef list _feed_view(self, object chunk):
        cdef Py_buffer view
        try:
            PyObject_GetBuffer(chunk, &view, PyBUF_SIMPLE)
        except (TypeError, ValueError, BufferError) as error:
            raise not_bytes(chunk) from error
        try:
            return self._feed(<const char*>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)

    cdef inline int _begin_call(self) except -1:
        if self._state != IDLE:
            self._refuse()
        self._state = BUSY
        return 0

    cdef inline list _end_call(self):
        cdef list events = self._taken_events()
        self._state = IDLE
        return events

    cdef inline list _taken_events(self):
        cdef list events = [] if self._events is None else self._events
        self._events = None
        return events

    cdef int _refuse(self) except -1:
        if self._state == TOO_LARGE:
            raise EventTooLargeError(self._limit, self._limit + 1)
        raise not_usable()

    cdef inline const char* _skip_bom(self, const char* at, const char* end) noexcept:
        # [bom]
        while self._head < BOM_SIZE and at < end:
            if at[0] == BOM[self._head]:
                self._head += 1
                at += 1
            else:
                # The bytes of a partial BOM start the first line's name. No field name starts with
                # them, so they are not stored: the field is unknown.
                if self._head > 0:
                    self._reading = UNKNOWN
                self._head = BOM_SIZE
        return at

    cdef inline int _split(self, const char* at, const char* end) except -1:
        cdef const char* cr
        cdef const char* stop
        if self._head < BOM_SIZE:
            at = self._skip_bom(at, end)
        # [cr-lf]
        if self._after_cr and at < end:
            self._after_cr = False
            at += at[0] == c"\n"
        cr = find(c"\r", at, end)
        while at < end:
            stop = at if at[0] == c"\n" else find(c"\n", at, cr)
            if self._reading != NONE or stop == end:
                self._extend_line(at, stop - at)
                if stop == end:
                    break
                self._end_line()
            elif stop == at:
                self._dispatch()
            else:
                self._line(at, stop - at)
            self._lines += 1
            at = stop + 1
            if stop == cr:
                if at == end:
                    self._after_cr = True
                elif at[0] == c"\n":
                    at += 1
                cr = find(c"\r", at, end)
        return 0

    cdef inline int _line(self, const char* at, Py_ssize_t size) except -1:
        cdef const char* end = at + size
        cdef Field field = field_of(at, size)
        # [comment]
        if field != UNKNOWN:
            at += name_size(field)
            at += at < end
            at += at < end and at[0] == c" "
            self._field(field, at, end - at, BORROWED)
        return 0

    cdef inline int _field(
        self, Field field, const char* at, Py_ssize_t size, Ownership ownership
    ) except -1:
        # `_extend_line` has already counted an owned value.
        cdef Py_ssize_t uncounted = size if ownership == BORROWED else 0
        if field != DATA:
            return self._rare_field(field, at, size, uncounted)
        # [data]
        self._count(uncounted + 1)
        if self._ownership != NO_DATA:
            self._own_data()
            append(&self._data, b"\n", 1)
            append(&self._data, at, size)
        elif ownership == BORROWED:
            self._borrowed_data = Span(at, size)
            self._ownership = BORROWED
        else:
            self._data, self._value = self._value, self._data
            self._ownership = OWNED
        return 0

    cdef int _rare_field(
        self, Field field, const char* at, Py_ssize_t size, Py_ssize_t uncounted
    ) except -1:
        if field == EVENT:
            # [event]
            self._count(uncounted)
            self._has_event = size > 0
            if size == 0:
                self._last_event = None
            elif not is_same(self._last_event, at, size):
                self._last_event = text_or_bytes(at, size)
        elif field == ID:
            # [id]
            self._count(uncounted)
            if size == 0 or memchr(at, 0, size) is NULL:
                self._id = text_or_bytes(at, size)
        elif field == RETRY:
            # [retry]
            add_digits(&self._number, at, size)
            if self._number.has_digit and not self._number.is_invalid:
                self._retry = self._block_retry = self._number.value
            self._number = Number(0, False, False)
        return 0

    cdef inline int _dispatch(self) except -1:
        # [dispatch]
        if self._id is not None:
            self._last_event_id = text_of(self._id)
            self._id = None
        if self._ownership != NO_DATA:
            self._append_event()
            self._ownership = NO_DATA
        if self._has_event:
            self._has_event = False
            if not is_short(self._last_event):
                self._last_event = None
        self._block_retry = NO_RETRY
        self._size = 0
        return 0

    cdef inline int _append_event(self) except -1:
        cdef ServerSentEvent event = ServerSentEvent.__new__(ServerSentEvent)
        cdef Span line = self._borrowed_data
        if self._ownership == OWNED:
            fill(event, &self._data)
        elif is_ascii(line.at, line.size):
            event._data = ascii_text(line.at, line.size)
        else:
            event._data_bytes = PyBytes_FromStringAndSize(line.at, line.size)
        if self._has_event:
            event._event = text_of(self._last_event)
        event._id = self._last_event_id
        event._retry = self._block_retry
        if self._events is None:
            # A list of exactly one, because most chunks complete one event.
            self._events = [event]
        else:
            self._events.append(event)
        return 0

    cdef int _extend_line(self, const char* at, Py_ssize_t size) except -1:
        cdef Py_ssize_t more
        if self._reading == NONE:
            self._reading = NAME
            self._name_size = 0
        if self._reading == NAME:
            more = size_of_name(at, size)
            if self._name_size + more > LONGEST_NAME:
                self._reading = UNKNOWN
                return 0
            memcpy(self._name + self._name_size, at, more)
            self._name_size += more
            if more == size:
                return 0
            self._reading = self._open_field()
            self._value_is_new = True
            at += more + 1
            size -= more + 1
        if self._reading == UNKNOWN or size == 0:
            return 0
        if self._value_is_new:
            self._value_is_new = False
            if at[0] == c" ":
                at += 1
                size -= 1
        if self._reading == RETRY:
            add_digits(&self._number, at, size)
        else:
            self._count(size)
            append(&self._value, at, size)
        return 0

    cdef int _end_line(self) except -1:
        cdef Field field = self._open_field()
        self._reading = NONE
        self._field(field, self._value.at, self._value.size, OWNED)
        clear(&self._value)
        return 0

    cdef Field _open_field(self) noexcept:
        # [pending]
        return field_of(self._name, self._name_size) if self._reading == NAME else self._reading

    cdef int _own_data(self) except -1:
        if self._ownership == BORROWED:
            append(&self._data, self._borrowed_data.at, self._borrowed_data.size)
            self._ownership = OWNED
        return 0

    cdef inline int _count(self, Py_ssize_t size) except -1:
        # [limit]
        self._size += size
        return self._overflow() if self._size > self._limit else 0

    cdef int _overflow(self) except -1:
        self._state = TOO_LARGE
        release(&self._value)
        release(&self._data)
        self._last_event = self._id = None
        self._ownership = NO_DATA
        self._reading = NONE
        raise EventTooLargeError(self._limit, self._limit + 1, self._taken_events())


# A pickle names the public class, so that either twin loads the pickles of both.
(<PyTypeObject*>ServerSentEvent).tp_name = "fastsse.ServerSentEvent"
(<PyTypeObject*>Parser).tp_name = "fastsse.Parser"
