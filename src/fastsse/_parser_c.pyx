# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: binding=True, freethreading_compatible=True
# cython: embedsignature=True, embedsignature.format=clinic
"""The compiled twin: the hot path, over the bytes of the caller's buffer.

The rules are told in `_parser_py.py` and carry the same tags here. A chunk goes the same way:
feed -> _split -> _line -> _dispatch.

Ownership: a `Span` borrows from the chunk and is valid while `feed` runs; what must outlive the
call is copied into a `Bytes`, which the parser owns. Each method and property of the parser is
a critical section: threads that share a parser take turns.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyTypeObject
from cpython.unicode cimport PyUnicode_AsASCIIString, PyUnicode_CheckExact, PyUnicode_DecodeUTF8
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memcpy

from ._errors import EventTooLarge
from ._twins import (
    DEFAULT_MAX_EVENT_SIZE,
    MATCH_ARGS,
    as_json,
    expect,
    expect_limit,
    expect_retry,
    fields_of,
    not_bytes,
    not_usable,
    reduce,
    represent,
)
from ._twins import MAX_RETRY as PY_MAX_RETRY

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void* PyUnicode_DATA(object text)

cdef enum Field:
    NONE, NAME, DATA, EVENT, ID, RETRY, UNKNOWN

cdef enum Storage:
    NOWHERE, BORROWED, OWNED

cdef enum:
    BOM_SIZE = 3
    LONGEST_NAME = 5
    # What a parser keeps of its buffers between events.
    KEPT_CAPACITY = 64 * 1024

cdef const char* BOM = b"\xef\xbb\xbf"
cdef uint64_t MAX_RETRY = PY_MAX_RETRY


# ------------------------------------------------------------------ bytes, borrowed and owned


cdef struct Span:
    const char* at
    Py_ssize_t size


cdef struct Bytes:
    char* at
    Py_ssize_t size
    Py_ssize_t capacity


cdef int append(Bytes* self, const char* at, Py_ssize_t size) except -1:
    cdef Py_ssize_t needed = self.size + size
    cdef Py_ssize_t capacity
    cdef char* moved
    if size == 0:
        return 0
    if needed > self.capacity:
        # Growth by a half keeps the work linear and the storage under twice what is stored.
        capacity = max(needed, self.capacity + self.capacity // 2, 64)
        moved = <char*>PyMem_Realloc(self.at, capacity)
        if moved is NULL:
            raise MemoryError
        self.at = moved
        self.capacity = capacity
    memcpy(self.at + self.size, at, size)
    self.size = needed
    return 0


cdef inline void release(Bytes* self) noexcept:
    PyMem_Free(self.at)
    self.at = NULL
    self.size = self.capacity = 0


cdef inline void clear(Bytes* self) noexcept:
    self.size = 0
    if self.capacity > KEPT_CAPACITY:
        release(self)


# ------------------------------------------------------------------ values


cdef inline bint is_ascii(const char* at, Py_ssize_t size) noexcept nogil:
    cdef unsigned char seen = 0
    cdef Py_ssize_t i
    for i in range(size):
        seen |= <unsigned char>at[i]
    return seen < 0x80


cdef inline object stored(const char* at, Py_ssize_t size):
    # ASCII becomes the str that it will be at once; the rest waits as bytes for its reader.
    cdef str text
    if not is_ascii(at, size):
        return PyBytes_FromStringAndSize(at, size)
    if size == 0:
        return ""
    text = PyUnicode_New(size, 127)
    memcpy(PyUnicode_DATA(text), at, size)
    return text


cdef inline str text_of(object value):
    if PyBytes_CheckExact(value):
        return PyUnicode_DecodeUTF8(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), "replace")
    return <str>value


cdef inline Py_ssize_t name_size_of(const char* line, Py_ssize_t size) noexcept nogil:
    # One more than the longest name is as good as any length: no field is called so.
    cdef Py_ssize_t i = 0
    while i < size and i <= LONGEST_NAME and line[i] != c":":
        i += 1
    return i


cdef inline Field field_of(const char* name, Py_ssize_t size) noexcept nogil:
    if size == 4 and memcmp(name, b"data", 4) == 0:
        return DATA
    if size == 5 and memcmp(name, b"event", 5) == 0:
        return EVENT
    if size == 2 and memcmp(name, b"id", 2) == 0:
        return ID
    if size == 5 and memcmp(name, b"retry", 5) == 0:
        return RETRY
    return UNKNOWN


cdef struct Number:
    uint64_t value
    bint begun
    bint refused


cdef inline void add_digits(Number* self, const char* at, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint64_t digit
    for i in range(size):
        if not c"0" <= at[i] <= c"9":
            self.refused = True
            return
        digit = at[i] - c"0"
        self.begun = True
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
        data: the data, its lines joined by "\\n".
        id: the last event ID of the stream when the event was dispatched.
        retry: the reconnection time in ms, if the event's own block set one.
        data_bytes: in place of data, the bytes that it is decoded from.

    Raises:
        TypeError: an argument is of the wrong type, or both data and data_bytes are given.
        ValueError: retry is negative, or data has a surrogate, which UTF-8 cannot say.

    Source: WHATWG HTML 9.2.6, "dispatch the event".
    """

    __module__ = "fastsse"
    __match_args__ = MATCH_ARGS

    cdef str _event
    # The text once it is known, the bytes unless they are ASCII: at least one is there.
    cdef str _data
    cdef bytes _data_bytes
    cdef str _id
    cdef object _retry

    def __cinit__(self, *, event="message", data=None, id="", retry=None, data_bytes=None):
        # Without arguments no call is made: so the parser makes its events, and fills them then.
        if data is not None:
            if data_bytes is not None:
                raise TypeError("expected data or data_bytes, got both")
            data_bytes = expect("data", data, str).encode()
        if data_bytes is None:
            self._data = ""
        else:
            self._data_bytes = expect("data_bytes", data_bytes, bytes)
        self._event = event if PyUnicode_CheckExact(event) else expect("event", event, str)
        self._id = id if PyUnicode_CheckExact(id) else expect("id", id, str)
        self._retry = None if retry is None else expect_retry(retry)

    @property
    def event(self):
        """The event type; "message" where the stream named none."""
        return self._event

    @property
    @cython.critical_section
    def data(self):
        """The data lines joined by "\\n", decoded as UTF-8, with U+FFFD for what is not."""
        if self._data is None:
            self._data = text_of(self._data_bytes)
        return self._data

    @property
    def id(self):
        """The last event ID of the stream when the event was dispatched."""
        return self._id

    @property
    def retry(self):
        """The reconnection time in ms, if the event's own block set one."""
        return self._retry

    @property
    def data_bytes(self):
        """The data lines joined by b"\\n", as they came."""
        if self._data_bytes is None:
            return PyUnicode_AsASCIIString(self._data)
        return self._data_bytes

    def json(self, loads=None):
        """The data as JSON.

        Args:
            loads: a decoder for `data_bytes`; without one, `json.loads` decodes `data`.

        Raises:
            ValueError: the data is not JSON (a decoder that is given raises its own error).
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


# ------------------------------------------------------------------ the parser


@cython.final
cdef class Parser:
    """\
Parser(*, last_event_id="", max_event_size=67108864)\n--\n\n\
The incremental parser of one stream: bytes in, events out.

    Args:
        last_event_id: the last event ID before this stream, as of a connection that broke.
        max_event_size: how many bytes an event may have, None for any. The values of its
            `data`, `event` and `id` fields count as they come, and one more per data line.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: max_event_size is negative.

    Source: WHATWG HTML 9.2.5 and 9.2.6.
    """

    __module__ = "fastsse"

    cdef str _last_event_id
    cdef object _retry
    cdef Py_ssize_t _limit
    cdef bint _too_large
    # In a call, or left so by one that an exception cut short: its borrowed bytes are gone.
    cdef bint _busy
    # How many bytes of a BOM the stream has begun with; BOM_SIZE once that is settled.
    cdef int _head
    cdef bint _after_cr
    # The open line: its name until the colon, then its field and what came of its value.
    cdef Field _field
    cdef char[LONGEST_NAME] _name
    cdef int _name_size
    cdef Bytes _value
    cdef Number _number
    cdef bint _value_is_new
    # The open block; its data is borrowed until a second line or the end of the chunk.
    cdef Storage _stored
    cdef Span _line_of_data
    cdef Bytes _data
    cdef object _event
    cdef object _id
    cdef object _block_retry
    cdef Py_ssize_t _size

    def __cinit__(self, *, last_event_id="", max_event_size=DEFAULT_MAX_EVENT_SIZE):
        self._last_event_id = expect("last_event_id", last_event_id, str)
        self._limit = expect_limit(max_event_size)

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
        """The reconnection time in ms that the stream set last, None before."""
        return self._retry

    @property
    @cython.critical_section
    def pending(self):
        """Whether `flush` would give an event: the open block has a data line."""
        # [pending]
        return self._stored != NOWHERE or self._open_field() == DATA

    @cython.critical_section
    def feed(self, chunk):
        """Take the next bytes of the stream.

        Args:
            chunk: any C-contiguous bytes-like object, of any length; nothing of it is kept.

        Returns:
            The events that it completes, in order; often none.

        Raises:
            EventTooLarge: an event grew past max_event_size, in this call or an earlier one;
                its `events` are those that this call completed before.
            TypeError: the chunk is not a C-contiguous bytes-like object.
            RuntimeError: an earlier call was cut short, by a MemoryError say, or still runs.
        """
        cdef Py_buffer view
        if PyBytes_CheckExact(chunk):
            return self._feed(PyBytes_AS_STRING(chunk), PyBytes_GET_SIZE(chunk))
        try:
            PyObject_GetBuffer(chunk, &view, PyBUF_SIMPLE)
        except (TypeError, ValueError, BufferError) as error:
            raise not_bytes(chunk) from error
        try:
            return self._feed(<const char*>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)

    @cython.critical_section
    def flush(self):
        """End the open line and the open block, as where a stream was cut off.

        The parser then stands at the start of a block, and keeps last_event_id and retry.

        Returns:
            The event that was pending, if any.

        Raises:
            EventTooLarge, RuntimeError: as for `feed`.
        """
        cdef list events = []
        self._begin_call()
        if self._field != NONE:
            self._end_line()
        self._dispatch(events)
        self._head = BOM_SIZE
        self._after_cr = False
        self._busy = False
        return events

    def __reduce__(self):
        raise TypeError("cannot pickle or copy a Parser")

    cdef list _feed(self, const char* at, Py_ssize_t size):
        cdef list events = []
        self._begin_call()
        try:
            self._split(at, at + size, events)
        except EventTooLarge as error:
            raise EventTooLarge(error.limit, error.size, events) from None
        self._own_data()
        self._busy = False
        return events

    cdef inline int _begin_call(self) except -1:
        if self._too_large:
            raise EventTooLarge(self._limit, self._limit + 1)
        if self._busy:
            raise not_usable()
        self._busy = True
        return 0

    cdef int _split(self, const char* at, const char* end, list events) except -1:
        cdef const char* cr
        cdef const char* stop
        while self._head < BOM_SIZE and at < end:
            # [bom]
            if at[0] == BOM[self._head]:
                self._head += 1
                at += 1
            else:
                self._field = UNKNOWN if self._head else NONE
                self._head = BOM_SIZE
        if self._after_cr and at < end:
            # [cr-lf]
            at += at[0] == c"\n"
            self._after_cr = False
        cr = next_cr(at, end)
        while at < end:
            stop = <const char*>memchr(at, c"\n", cr - at)
            if stop is NULL:
                stop = cr
            if self._field != NONE or stop == end:
                self._extend_line(at, stop - at)
                if stop == end:
                    break
                self._end_line()
            elif stop == at:
                self._dispatch(events)
            else:
                self._line(at, stop - at)
            at = stop + 1
            if stop == cr:
                if at == end:
                    self._after_cr = True
                elif at[0] == c"\n":
                    at += 1
                cr = next_cr(at, end)
        return 0

    cdef int _line(self, const char* at, Py_ssize_t size) except -1:
        # [comment]
        cdef Py_ssize_t name_size = name_size_of(at, size)
        cdef Field field = field_of(at, name_size)
        cdef const char* end = at + size
        if field != UNKNOWN:
            at += name_size
            at += at < end
            at += at < end and at[0] == c" "
            self._take(field, at, end - at, end - at)
        return 0

    cdef Field _open_field(self) noexcept:
        return field_of(self._name, self._name_size) if self._field == NAME else self._field

    cdef int _extend_line(self, const char* at, Py_ssize_t size) except -1:
        cdef Py_ssize_t name_size
        if self._field == NONE:
            self._field = NAME
            self._name_size = 0
        if self._field == NAME:
            name_size = name_size_of(at, size)
            if self._name_size + name_size > LONGEST_NAME:
                self._field = UNKNOWN
                return 0
            memcpy(self._name + self._name_size, at, name_size)
            self._name_size += name_size
            if name_size == size:
                return 0
            self._field = self._open_field()
            self._value_is_new = True
            at += name_size + 1
            size -= name_size + 1
        if self._field == UNKNOWN or size == 0:
            return 0
        if self._value_is_new:
            self._value_is_new = False
            if at[0] == c" ":
                at += 1
                size -= 1
        if self._field == RETRY:
            add_digits(&self._number, at, size)
        else:
            self._count(size)
            append(&self._value, at, size)
        return 0

    cdef int _end_line(self) except -1:
        cdef Field field = self._open_field()
        self._field = NONE
        self._take(field, self._value.at, self._value.size, 0)
        clear(&self._value)
        return 0

    cdef int _take(
        self, Field field, const char* at, Py_ssize_t size, Py_ssize_t uncounted
    ) except -1:
        if field == DATA:
            # [data]
            self._count(uncounted + 1)
            if self._stored != NOWHERE:
                self._own_data()
                append(&self._data, b"\n", 1)
                append(&self._data, at, size)
            elif at == self._value.at:
                self._data, self._value = self._value, self._data
                self._stored = OWNED
            else:
                self._line_of_data.at = at
                self._line_of_data.size = size
                self._stored = BORROWED
        elif field == EVENT:
            # [event]
            self._count(uncounted)
            self._event = stored(at, size)
        elif field == ID:
            # [id]
            self._count(uncounted)
            if size == 0 or memchr(at, 0, size) is NULL:
                self._id = stored(at, size)
        elif field == RETRY:
            # [retry]
            add_digits(&self._number, at, size)
            if self._number.begun and not self._number.refused:
                self._retry = self._block_retry = self._number.value
            self._number = Number(0, False, False)
        return 0

    cdef int _own_data(self) except -1:
        if self._stored == BORROWED:
            append(&self._data, self._line_of_data.at, self._line_of_data.size)
            self._stored = OWNED
        return 0

    cdef inline int _count(self, Py_ssize_t size) except -1:
        # [limit]
        self._size += size
        if self._size > self._limit:
            self._too_large = True
            release(&self._value)
            release(&self._data)
            self._stored = NOWHERE
            self._field = NONE
            raise EventTooLarge(self._limit, self._limit + 1)
        return 0

    cdef int _dispatch(self, list events) except -1:
        # [dispatch]
        cdef ServerSentEvent event
        cdef object data
        if self._id is not None:
            self._last_event_id = text_of(self._id)
            self._id = None
        if self._stored != NOWHERE:
            if self._stored == BORROWED:
                data = stored(self._line_of_data.at, self._line_of_data.size)
            else:
                data = stored(self._data.at, self._data.size)
                clear(&self._data)
            self._stored = NOWHERE
            event = ServerSentEvent.__new__(ServerSentEvent)
            event._event = text_of(self._event) if self._event else "message"
            if PyBytes_CheckExact(data):
                event._data = None
                event._data_bytes = data
            else:
                event._data = data
            event._id = self._last_event_id
            event._retry = self._block_retry
            events.append(event)
        self._event = self._block_retry = None
        self._size = 0
        return 0


cdef inline const char* next_cr(const char* at, const char* end) noexcept nogil:
    cdef const char* cr = <const char*>memchr(at, c"\r", end - at)
    return end if cr is NULL else cr


# A pickle names the public class, so that either twin loads what the other wrote.
(<PyTypeObject*>ServerSentEvent).tp_name = "fastsse.ServerSentEvent"
(<PyTypeObject*>Parser).tp_name = "fastsse.Parser"
