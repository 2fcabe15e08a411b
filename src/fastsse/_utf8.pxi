# UTF-8 to str, included by `_parser_c.pyx`, which has the imports.
#
# Faster than Python's decoder if a text is short and not all ASCII. Python widens its text, and
# copies it, at each wider character that it finds. `decoded` measures the bytes first, which gives
# the length and width of the text, and then writes each character once. It leaves long and invalid
# bytes to Python.

cdef extern from *:
    """
    #define FASTSSE_HIGH_BITS 0x8080808080808080ULL
    """
    const uint64_t HIGH_BITS "FASTSSE_HIGH_BITS"

cdef enum:
    MAX_SHORT = 64 * 1024

ctypedef fused Unit:
    uint8_t
    uint16_t
    uint32_t


cdef inline uint64_t eight(const void* at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return word


cdef inline bint is_ascii(const char* at, Py_ssize_t size) noexcept nogil:
    # The last step may overlap the one before it, which is faster than single bytes.
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
    """Decodes bytes that a NUL follows; None if they are long or not valid UTF-8."""
    cdef const uint8_t* at = <const uint8_t*>chars
    cdef uint8_t highest
    cdef Py_ssize_t length
    cdef str text
    cdef bint is_valid
    if size > MAX_SHORT:
        return None
    length = measure(at, size, &highest)
    # Lead bytes are at most 0xC3 for Latin-1, and at most 0xEF for characters of two bytes.
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
    """Counts the bytes that start a character, and finds the highest byte."""
    cdef Py_ssize_t length = 0
    cdef Py_ssize_t start, i
    cdef uint8_t count, most = 0
    # In blocks whose count fits a byte, so that the compiler can vectorize the loop.
    for start in range(0, size, 255):
        count = 0
        for i in range(start, min(start + 255, size)):
            count += at[i] & 0xC0 != 0x80
            most = max(most, at[i])
        length += count
    highest[0] = most
    return length


cdef inline bint write(const uint8_t* at, const uint8_t* end, Unit* out) noexcept nogil:
    """Writes the characters; False if the bytes are not valid UTF-8 (Unicode, table 3-7)."""
    cdef uint32_t code
    cdef int i
    while at < end:
        # A byte is read only after one that belongs to a character, so never beyond the NUL.
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
            # Characters of three bytes mostly follow each other.
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
