"""The exit codes, and the error message of a failed command."""

import os
import sys
from enum import IntEnum

from rich.console import Console
from rich.text import Text

from .. import EventTooLargeError, ResponseError, StreamTimeout
from ..clients import fault_of
from ..llm import DecodeError, IncompleteStreamError, StreamError, TransportError


class Exit(IntEnum):
    """The exit codes."""

    END_OF_STREAM = 0
    USAGE = 2
    RESPONSE = 3
    TRANSPORT = 4
    TIMEOUT = 5
    TOO_LARGE = 6
    BAD_ANSWER = 7
    INTERRUPTED = 130


class UsageError(Exception):
    """The arguments do not form a request, or name a file that cannot be read."""


# httpx raises ImportError if the environment names a proxy whose package is not installed.
CODES: tuple[tuple[tuple[type[Exception], ...], Exit], ...] = (
    ((UsageError, ValueError), Exit.USAGE),
    ((ResponseError,), Exit.RESPONSE),
    ((StreamTimeout,), Exit.TIMEOUT),
    ((EventTooLargeError,), Exit.TOO_LARGE),
    ((StreamError, IncompleteStreamError, DecodeError), Exit.BAD_ANSWER),
    ((TransportError, OSError, ImportError), Exit.TRANSPORT),
)
FAULTS = {"caller": Exit.USAGE, "read_timeout": Exit.TIMEOUT}


def code_of(error: Exception) -> Exit:
    """The exit code of an error. Raises an error without one: that is a bug in fastsse."""
    fault = fault_of(error)
    if fault is not None:
        return FAULTS.get(fault.kind, Exit.TRANSPORT)
    for kinds, code in CODES:
        if isinstance(error, kinds):
            return code
    raise error


def stderr() -> Console:
    """A console on standard error, for errors and summaries."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


def show_error(console: Console, error: Exception, about: str = "") -> Exit:
    """Show an error on one line, after the text of `about`; returns its exit code."""
    code = code_of(error)
    text = str(error) or type(error).__name__
    if isinstance(error, StreamTimeout):
        text = text.replace(f"Timeouts.{error.timeout}=", f"{option_of(error.timeout)}=")
    lines = f"{about}{text}".splitlines()
    console.print(Text(f"fastsse: {' '.join(lines)}", style="red"))
    return code


def option_of(timeout: str) -> str:
    """The option that sets the timeout with this name."""
    return f"--{timeout.replace('_', '-')}-timeout"


def leave_closed_pipe() -> Exit:
    """The exit code for a closed pipe. Redirects standard output, which Python flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.END_OF_STREAM
