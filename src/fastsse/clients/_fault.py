"""`Fault`: what a client's exception says about the transport.

Exceptions are known by the names of their classes and modules, so that no client is imported.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

FaultKind = Literal[
    "dns",
    "refused",
    "tls",
    "connect_timeout",
    "pool_timeout",
    "read_timeout",
    "write_timeout",
    "broken",
    "coding",
    "caller",
]

# Errors of Python's own below a client's "could not connect".
_LOOKUP: Mapping[str, FaultKind] = {"gaierror": "dns"}
_HANDSHAKE: Mapping[str, FaultKind] = {"SSLError": "tls"}


class Fault(NamedTuple):
    """What went wrong on the way to the server or back.

    Attributes:
        kind: one of
            "dns": the host name has no address;
            "refused": no TCP connection;
            "tls": no TLS connection, or a certificate that is not trusted;
            "connect_timeout", "pool_timeout", "read_timeout", "write_timeout": the client's
            timeout for connecting, for a free connection, for bytes, for sending;
            "broken": an established connection failed, ended too soon, or sent invalid HTTP;
            "coding": the content coding is broken or incomplete;
            "caller": the caller's own arguments, such as a bad URL, an unknown scheme, or a header
            that cannot be sent: a retry cannot help.
        reason: the client's message, or the name of its exception if that has no message.
    """

    kind: FaultKind
    reason: str


def kind_of(
    error: BaseException, modules: set[str], kinds: Mapping[str, FaultKind]
) -> FaultKind | None:
    """The kind in the table of the most derived class that is in it; None if there is none.

    Args:
        error: any exception.
        modules: where a class of the table may be defined: a part of its module's dotted name,
            such as "urllib3" for a copy at `pip._vendor.urllib3.exceptions`.
        kinds: the names of classes, and the kind that each stands for.
    """
    for cls in type(error).__mro__:
        if cls.__name__ in kinds and not modules.isdisjoint(cls.__module__.split(".")):
            return kinds[cls.__name__]
    return None


def fault_as(kind: FaultKind, error: BaseException) -> Fault:
    """The fault of that kind, with the message of this error."""
    return Fault(kind, str(error) or type(error).__name__)


def connecting_kind(error: BaseException) -> FaultKind:
    """Why there is no connection, by the causes of a client's error: "dns", "tls" or "refused"."""
    for cause in causes(error):
        found = kind_of(cause, {"socket"}, _LOOKUP) or kind_of(cause, {"ssl"}, _HANDSHAKE)
        if found is not None:
            return found
    return "refused"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, outermost first, down to what the system reported.

    Contexts count too, since httpcore hides its causes. They end at an OSError with a number: if a
    caller connects anew in an `except` block, that has the error of the connection before as its
    context.
    """
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        is_last = isinstance(at, OSError) and at.errno is not None
        at = None if is_last else at.__cause__ or at.__context__
