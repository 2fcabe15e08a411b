# cython: language_level=3, boundscheck=False, wraparound=False
"""The objects alone that a parser must make, nothing parsed: what no parser here can beat."""

cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memset

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void* PyUnicode_DATA(object text)


@cython.final
@cython.no_gc
@cython.freelist(256)
cdef class Event:
    """The shape of a ServerSentEvent."""

    cdef str _event
    cdef readonly str data
    cdef bytes _data_bytes
    cdef str _id
    cdef int64_t _retry


def events(Py_ssize_t count, Py_ssize_t size):
    """A list of that many events, each with a text of its own, that many characters long."""
    cdef list made = [None] * count
    cdef Event event
    cdef Py_ssize_t i
    for i in range(count):
        event = Event.__new__(Event)
        event.data = PyUnicode_New(size, 127)
        memset(PyUnicode_DATA(event.data), c"x", size)
        made[i] = event
    return made
