"""UTF-8 to str, faster than Python's own decoder where a text is short and is not all ASCII.

Python makes its text wider, and moves it, as it meets wider characters. Here the bytes are
measured first, which says how long the text is and how wide, so that each is written once. What
is long, or is not UTF-8, is left to Python.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #define FASTSSE_HIGH_BITS 0x8080808080808080ULL
    """
    const uint64_t HIGH_BITS "FASTSSE_HIGH_BITS"

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void* PyUnicode_DATA(object text)

cdef enum:
    SHORT = 64 * 1024

ctypedef fused Unit:
    uint8_t
    uint16_t
    uint32_t


cdef inline uint64_t eight(const void* at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return word


cdef inline bint is_ascii(const char* at, Py_ssize_t size) noexcept nogil:
    # The last step overlaps the one before it, which costs less than to go byte by byte.
    cdef const char* end = at + size
    cdef uint64_t[8] lanes = [0, 0, 0, 0, 0, 0, 0, 0]
    cdef uint64_t seen = 0
    cdef int i
    if size >= 64:
        while end - at >= 64:
            for i in range(8):
                lanes[i] |= eight(at + 8 * i)
            at += 64
        for i in range(8):
            seen |= lanes[i] | eight(end - 64 + 8 * i)
    elif size >= 8:
        while end - at > 8:
            seen |= eight(at)
            at += 8
        seen |= eight(end - 8)
    else:
        while at < end:
            seen |= <uint8_t>at[0]
            at += 1
    return seen & HIGH_BITS == 0


cdef inline str decoded(const char* chars, Py_ssize_t size):
    """The text of bytes that a zero ends; None if they are many, or not UTF-8."""
    cdef const uint8_t* at = <const uint8_t*>chars
    cdef uint8_t highest
    cdef Py_ssize_t length
    cdef str text
    cdef bint is_valid
    if size > SHORT:
        return None
    length = measure(at, size, &highest)
    # Lead bytes go up to 0xC3 for Latin-1, and up to 0xEF for what two bytes hold.
    if highest <= 0xC3:
        text = PyUnicode_New(length, 0x7F if highest < 0x80 else 0xFF)
        is_valid = write(at, at + size, <uint8_t*>PyUnicode_DATA(text))
    elif highest <= 0xEF:
        text = PyUnicode_New(length, 0xFFFF)
        is_valid = write(at, at + size, <uint16_t*>PyUnicode_DATA(text))
    else:
        text = PyUnicode_New(length, 0x10FFFF)
        is_valid = write(at, at + size, <uint32_t*>PyUnicode_DATA(text))
    return text if is_valid else None


cdef inline Py_ssize_t measure(const uint8_t* at, Py_ssize_t size, uint8_t* highest) noexcept nogil:
    """How many bytes begin a character, and the highest byte of all."""
    cdef Py_ssize_t length = 0
    cdef Py_ssize_t begin, i
    cdef uint8_t some, most = 0
    # In blocks whose count fits a byte, which a compiler makes vectors of.
    for begin in range(0, size, 255):
        some = 0
        for i in range(begin, min(begin + 255, size)):
            some += at[i] & 0xC0 != 0x80
            most = max(most, at[i])
        length += some
    highest[0] = most
    return length


cdef inline bint write(const uint8_t* at, const uint8_t* end, Unit* out) noexcept nogil:
    """Write the characters; False where it is not UTF-8 (Unicode, table 3-7)."""
    cdef uint32_t code
    cdef int i
    while at < end:
        # A byte is looked at if the one before it is part of a character: the zero is the last.
        if at[0] < 0x80:
            if end - at >= 16:
                if (eight(at) | eight(at + 8)) & HIGH_BITS == 0:
                    for i in range(16):
                        out[i] = at[i]
                    at += 16
                    out += 16
                    continue
            out[0] = at[0]
            at += 1
        elif at[0] < 0xE0:
            if at[0] < 0xC2 or not continues(at[1]):
                return False
            out[0] = <Unit>((at[0] & 0x1F) << 6 | at[1] & 0x3F)
            at += 2
        elif at[0] < 0xF0:
            # Such characters come in runs.
            while True:
                if not continues(at[1]) or not continues(at[2]):
                    return False
                code = (at[0] & 0x0F) << 12 | (at[1] & 0x3F) << 6 | at[2] & 0x3F
                if code < 0x800 or code & 0xF800 == 0xD800:
                    return False
                out[0] = <Unit>code
                at += 3
                if not 0xE0 <= at[0] < 0xF0:
                    break
                out += 1
        else:
            if not (continues(at[1]) and continues(at[2]) and continues(at[3])):
                return False
            code = (at[0] & 0x0F) << 18 | (at[1] & 0x3F) << 12 | (at[2] & 0x3F) << 6 | at[3] & 0x3F
            if not 0x10000 <= code <= 0x10FFFF:
                return False
            out[0] = <Unit>code
            at += 4
        out += 1
    return True


cdef inline bint continues(uint8_t byte) noexcept nogil:
    return byte & 0xC0 == 0x80
