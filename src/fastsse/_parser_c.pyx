# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: binding=False, freethreading_compatible=True
# cython: embedsignature=True, embedsignature.format=clinic
"""The compiled twin: the hot path, over the bytes of the caller's buffer.

The rules are told in `_parser_py.py` and carry the same tags here. A chunk goes the same way:
feed -> _split -> _line -> _dispatch, which the pure twin does in one loop.

Ownership: a `Span` borrows from the chunk and is valid while `feed` runs; what must outlive the
call is copied into a `Bytes`, which the parser owns. Each method and property of the parser is
a critical section: threads that share a parser take turns.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_CLEAR, PyObject
from cpython.unicode cimport PyUnicode_AsASCIIString, PyUnicode_CheckExact
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from ._utf8 cimport decoded, is_ascii

from ._arguments import DEFAULT_MAX_EVENT_SIZE, expect, expect_limit, expect_retry, not_bytes
from ._arguments import MAX_RETRY as PY_MAX_RETRY
from ._errors import EventTooLargeError, not_usable
from ._event import MATCH_ARGS, as_json, decode, fields_of, reduce, represent

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    PyObject* new_room "PyUnicode_New"(Py_ssize_t size, Py_UCS4 maxchar) except NULL
    int PyUnicode_Resize(PyObject** text, Py_ssize_t size) except -1
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    str PyUnicode_FromOrdinal(int ordinal)
    int get_buffer "PyObject_GetBuffer"(object chunk, Py_buffer* view, int flags)

cdef enum Field:
    NONE, NAME, DATA, EVENT, ID, RETRY, UNKNOWN

cdef enum Storage:
    NOWHERE, BORROWED, OWNED

cdef enum State:
    # In a call, or left so by one that an exception cut short: its borrowed bytes are gone.
    IDLE, BUSY, TOO_LARGE

cdef enum:
    NO_RETRY = -1
    BOM_SIZE = 3
    LONGEST_NAME = 5
    LEAST_CAPACITY = 64
    # What a parser keeps of its buffers between events.
    KEPT_CAPACITY = 64 * 1024
    KEPT_NAME = 64

cdef const char* BOM = b"\xef\xbb\xbf"
cdef uint64_t MAX_RETRY = PY_MAX_RETRY
cdef Py_ssize_t DEFAULT_LIMIT = DEFAULT_MAX_EVENT_SIZE


# ------------------------------------------------------------------ bytes, borrowed and owned


cdef struct Span:
    const char* at
    Py_ssize_t size


cdef struct Bytes:
    char* at
    Py_ssize_t size
    Py_ssize_t capacity
    # Where they are: in the shape of an ASCII str, so that many become a text without a copy. It
    # is none until `fill` has seen that they are ASCII.
    PyObject* room
    Py_ssize_t size_before


cdef inline int append(Bytes* self, const char* at, Py_ssize_t size) except -1:
    if self.size + size > self.capacity:
        grow(self, self.size + size)
    # Nothing may be nowhere, which memcpy does not take.
    if size > 0:
        memcpy(self.at + self.size, at, size)
        self.size += size
    return 0


cdef int grow(Bytes* self, Py_ssize_t needed) except -1:
    # By a half at least, which keeps the work linear. A large event gets room for as much as the
    # last one had, within three times what is stored, since events are alike.
    cdef Py_ssize_t capacity = max(needed, self.capacity + self.capacity // 2, LEAST_CAPACITY)
    if needed > KEPT_CAPACITY:
        capacity = max(capacity, min(self.size_before, 3 * needed))
    return resize(self, capacity)


cdef int resize(Bytes* self, Py_ssize_t capacity) except -1:
    if self.room is NULL:
        self.room = new_room(capacity, 127)
    else:
        PyUnicode_Resize(&self.room, capacity)
    self.at = <char*>PyUnicode_DATA(<object>self.room)
    self.capacity = capacity
    return 0


cdef inline void release(Bytes* self) noexcept:
    Py_CLEAR(self.room)
    self.at = NULL
    self.size = self.capacity = 0


cdef bytes bytes_of(Bytes* self):
    # Nothing may be nowhere.
    return PyBytes_FromStringAndSize(self.at, self.size) if self.size else b""


cdef inline void clear(Bytes* self) noexcept:
    self.size = 0
    if self.capacity > KEPT_CAPACITY:
        release(self)


# ------------------------------------------------------------------ values


cdef inline str ascii_text(const char* at, Py_ssize_t size):
    cdef str text
    if size <= 1:
        # Python has them already.
        return PyUnicode_FromOrdinal(at[0]) if size else ""
    text = PyUnicode_New(size, 127)
    memcpy(PyUnicode_DATA(text), at, size)
    return text


cdef inline object stored(const char* at, Py_ssize_t size):
    # ASCII becomes the str that it will be at once; the rest waits as bytes for its reader.
    if is_ascii(at, size):
        return ascii_text(at, size)
    return PyBytes_FromStringAndSize(at, size)


cdef inline bint is_same(object value, const char* at, Py_ssize_t size) noexcept:
    return (
        PyUnicode_CheckExact(value)
        and PyUnicode_GET_LENGTH(value) == size
        and memcmp(PyUnicode_DATA(value), at, size) == 0
    )


cdef inline bint is_short(object value) noexcept:
    return PyUnicode_CheckExact(value) and PyUnicode_GET_LENGTH(value) <= KEPT_NAME


cdef inline object boxed(int64_t retry):
    return None if retry < 0 else retry


cdef inline str text_of(object value):
    cdef str text
    if not PyBytes_CheckExact(value):
        return <str>value
    text = decoded(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
    return decode(value) if text is None else text


cdef inline Py_ssize_t size_of_name(const char* line, Py_ssize_t size) noexcept nogil:
    # One more than the longest name is as good as any length: no field is called so.
    cdef Py_ssize_t i = 0
    while i < size and i <= LONGEST_NAME and line[i] != c":":
        i += 1
    return i


cdef inline bint is_called(
    const char* line, Py_ssize_t size, const char* name, Py_ssize_t name_size
) noexcept nogil:
    if size < name_size or memcmp(line, name, name_size) != 0:
        return False
    return size == name_size or line[name_size] == c":"


cdef inline Field field_of(const char* line, Py_ssize_t size) noexcept nogil:
    if is_called(line, size, b"data", 4):
        return DATA
    if is_called(line, size, b"event", 5):
        return EVENT
    if is_called(line, size, b"id", 2):
        return ID
    if is_called(line, size, b"retry", 5):
        return RETRY
    return UNKNOWN


cdef inline Py_ssize_t name_size(Field field) noexcept nogil:
    return 2 if field == ID else 4 if field == DATA else 5


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
        ValueError: retry is negative or over 2**63 - 1, or data has a surrogate, which UTF-8
            cannot say.

    Source: WHATWG HTML 9.2.6, "dispatch the event".
    """

    __module__ = "fastsse"
    __match_args__ = MATCH_ARGS

    # None where the stream named none.
    cdef str _event
    # The text once it is known, the bytes unless they are ASCII.
    cdef str _data
    cdef bytes _data_bytes
    # None for "".
    cdef str _id
    cdef int64_t _retry

    def __cinit__(self):
        self._retry = NO_RETRY

    def __init__(self, *, event="message", data=None, id="", retry=None, data_bytes=None):
        if self._data is not None or self._data_bytes is not None:
            # Made already, by an earlier call or by the parser, and so not to change any more.
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
        """The event type; "message" where the stream named none."""
        return "message" if self._event is None else self._event

    @property
    @cython.critical_section
    def data(self):
        """The data lines joined by "\\n", decoded as UTF-8, with U+FFFD for what is not."""
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
        return boxed(self._retry)

    @property
    def data_bytes(self):
        """The data lines joined by b"\\n", as they came."""
        if self._data_bytes is None:
            return PyUnicode_AsASCIIString(self.data)
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
    cdef int64_t _retry
    cdef Py_ssize_t _limit
    cdef State _state
    # Those that the running call completed, None before the first.
    cdef list _events
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
    cdef bint _is_named
    # The last event type that was named, since many events have the same.
    cdef object _event
    cdef object _id
    cdef int64_t _block_retry
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
        """The reconnection time in ms that the stream set last, None before."""
        return boxed(self._retry)

    @property
    @cython.critical_section
    def pending(self):
        """Whether `flush` would give an event: the open block has a data line."""
        # [pending]
        return self._stored != NOWHERE or self._open_field() == DATA

    @property
    @cython.critical_section
    def pending_data(self):
        """The data of the event that `flush` would give: as far as it has come."""
        cdef bytes data = bytes_of(&self._data) if self._stored == OWNED else b""
        if self._open_field() != DATA:
            return data
        if self._stored == OWNED:
            data += b"\n"
        return data + bytes_of(&self._value)

    @cython.critical_section
    def feed(self, chunk, /):
        """Take the next bytes of the stream.

        Args:
            chunk: any C-contiguous bytes-like object, of any length; nothing of it is kept.

        Returns:
            The events that it completes, in order; often none.

        Raises:
            EventTooLargeError: an event grew past max_event_size, in this call or an earlier one;
                its `events` are those that this call completed before.
            TypeError: the chunk is not a C-contiguous bytes-like object.
            RuntimeError: an earlier call was cut short, by a MemoryError say, or still runs.
        """
        cdef Py_buffer view
        if PyBytes_CheckExact(chunk):
            return self._feed(PyBytes_AS_STRING(chunk), PyBytes_GET_SIZE(chunk))
        if get_buffer(chunk, &view, PyBUF_SIMPLE) < 0:
            refuse(chunk)
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
            EventTooLargeError, RuntimeError: as for `feed`.
        """
        self._begin_call()
        if self._field != NONE:
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

    cdef inline int _begin_call(self) except -1:
        if self._state != IDLE:
            self._refuse()
        self._state = BUSY
        return 0

    cdef int _refuse(self) except -1:
        if self._state == TOO_LARGE:
            raise EventTooLargeError(self._limit, self._limit + 1)
        raise not_usable()

    cdef inline list _end_call(self):
        cdef list events = self._taken_events()
        self._state = IDLE
        return events

    cdef inline list _taken_events(self):
        cdef list events = [] if self._events is None else self._events
        self._events = None
        return events

    cdef inline int _split(self, const char* at, const char* end) except -1:
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
        cr = find(c"\r", at, end)
        while at < end:
            stop = at if at[0] == c"\n" else find(c"\n", at, cr)
            if self._field != NONE or stop == end:
                self._extend_line(at, stop - at)
                if stop == end:
                    break
                self._end_line()
            elif stop == at:
                self._dispatch()
            else:
                self._line(at, stop - at)
            at = stop + 1
            if stop == cr:
                if at == end:
                    self._after_cr = True
                elif at[0] == c"\n":
                    at += 1
                cr = find(c"\r", at, end)
        return 0

    cdef inline int _line(self, const char* at, Py_ssize_t size) except -1:
        # [comment]
        cdef Field field = field_of(at, size)
        cdef const char* end = at + size
        if field != UNKNOWN:
            at += name_size(field)
            at += at < end
            at += at < end and at[0] == c" "
            self._take(field, at, end - at, BORROWED)
        return 0

    cdef Field _open_field(self) noexcept:
        return field_of(self._name, self._name_size) if self._field == NAME else self._field

    cdef int _extend_line(self, const char* at, Py_ssize_t size) except -1:
        cdef Py_ssize_t more
        if self._field == NONE:
            self._field = NAME
            self._name_size = 0
        if self._field == NAME:
            more = size_of_name(at, size)
            if self._name_size + more > LONGEST_NAME:
                self._field = UNKNOWN
                return 0
            memcpy(self._name + self._name_size, at, more)
            self._name_size += more
            if more == size:
                return 0
            self._field = self._open_field()
            self._value_is_new = True
            at += more + 1
            size -= more + 1
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
        self._take(field, self._value.at, self._value.size, OWNED)
        clear(&self._value)
        return 0

    cdef inline int _take(
        self, Field field, const char* at, Py_ssize_t size, Storage where
    ) except -1:
        # What was carried here was counted as it came.
        cdef Py_ssize_t uncounted = size if where == BORROWED else 0
        if field != DATA:
            return self._take_more(field, at, size, uncounted)
        # [data]
        self._count(uncounted + 1)
        if self._stored != NOWHERE:
            self._own_data()
            append(&self._data, b"\n", 1)
            append(&self._data, at, size)
        elif where == BORROWED:
            self._line_of_data = Span(at, size)
            self._stored = BORROWED
        else:
            self._data, self._value = self._value, self._data
            self._stored = OWNED
        return 0

    cdef int _take_more(
        self, Field field, const char* at, Py_ssize_t size, Py_ssize_t uncounted
    ) except -1:
        if field == EVENT:
            # [event]
            self._count(uncounted)
            self._is_named = size > 0
            if size == 0:
                self._event = None
            elif not is_same(self._event, at, size):
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
        return self._give_up() if self._size > self._limit else 0

    cdef int _give_up(self) except -1:
        self._state = TOO_LARGE
        release(&self._value)
        release(&self._data)
        self._event = self._id = None
        self._stored = NOWHERE
        self._field = NONE
        raise EventTooLargeError(self._limit, self._limit + 1, self._taken_events())

    cdef inline int _dispatch(self) except -1:
        # [dispatch]
        if self._id is not None:
            self._last_event_id = text_of(self._id)
            self._id = None
        if self._stored != NOWHERE:
            self._append_event()
            self._stored = NOWHERE
        if self._is_named:
            self._is_named = False
            if not is_short(self._event):
                self._event = None
        self._block_retry = NO_RETRY
        self._size = 0
        return 0

    cdef inline int _append_event(self) except -1:
        cdef ServerSentEvent event = ServerSentEvent.__new__(ServerSentEvent)
        cdef Span line = self._line_of_data
        if self._stored == OWNED:
            fill(event, &self._data)
        elif is_ascii(line.at, line.size):
            event._data = ascii_text(line.at, line.size)
        else:
            event._data_bytes = PyBytes_FromStringAndSize(line.at, line.size)
        if self._is_named:
            event._event = text_of(self._event)
        event._id = self._last_event_id
        event._retry = self._block_retry
        if self._events is None:
            # Room for one, since one event per chunk is what most streams are.
            self._events = [event]
        else:
            self._events.append(event)
        return 0


cdef int refuse(object chunk) except -1:
    try:
        raised()
    except (TypeError, ValueError, BufferError) as error:
        raise not_bytes(chunk) from error


cdef int raised() except -1:
    # What a function of Python's own, which was not told to, has raised already.
    return -1


cdef int fill(ServerSentEvent event, Bytes* data) except -1:
    cdef bint is_large = data.size > KEPT_CAPACITY
    data.size_before = data.size
    if is_large:
        resize(data, data.size)
    if not is_ascii(data.at, data.size):
        event._data_bytes = PyBytes_FromStringAndSize(data.at, data.size)
    elif is_large:
        event._data = <str>data.room
        release(data)
    else:
        event._data = ascii_text(data.at, data.size)
    clear(data)
    return 0


cdef inline const char* find(char byte, const char* at, const char* end) noexcept nogil:
    cdef const char* found = <const char*>memchr(at, byte, end - at)
    return end if found is NULL else found


# A pickle names the public class, so that either twin loads what the other wrote.
(<PyTypeObject*>ServerSentEvent).tp_name = "fastsse.ServerSentEvent"
(<PyTypeObject*>Parser).tp_name = "fastsse.Parser"
