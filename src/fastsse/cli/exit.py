"""What a command ends with."""

import os
import sys
from collections.abc import Iterable
from enum import IntEnum

import httpx

from .. import EventTooLargeError, ResponseError, StreamTimeout
from .request import MAKES_NO_REQUEST, UsageError

Kinds = tuple[type[Exception], ...]


class Exit(IntEnum):
    """The exit codes."""

    END_OF_STREAM = 0
    USAGE = 2
    RESPONSE = 3
    TRANSPORT = 4
    DEADLINE = 5
    TOO_LARGE = 6
    BAD_ANSWER = 7
    INTERRUPTED = 130


CODES: tuple[tuple[Kinds, Exit], ...] = (
    ((UsageError, ValueError, *MAKES_NO_REQUEST), Exit.USAGE),
    ((ResponseError,), Exit.RESPONSE),
    ((StreamTimeout, httpx.ReadTimeout), Exit.DEADLINE),
    ((EventTooLargeError,), Exit.TOO_LARGE),
    ((httpx.HTTPError, OSError), Exit.TRANSPORT),
)


def code_of(error: Exception, more: Iterable[tuple[Kinds, Exit]] = ()) -> Exit:
    """The code of an error; one that has none, here or in what the command knows, is raised."""
    for kinds, code in (*CODES, *more):
        if isinstance(error, kinds):
            return code
    raise error


def leave_closed_pipe() -> Exit:
    """The code where nobody reads on: what Python would still flush goes nowhere, quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.END_OF_STREAM
