"""`Fault`: the transport error that a client's exception reports.

Exceptions are recognised by the names of their classes and modules, so no client is imported.
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

# Python's own errors that cause a client's connect error.
_LOOKUP: Mapping[str, FaultKind] = {"gaierror": "dns"}
_HANDSHAKE: Mapping[str, FaultKind] = {"SSLError": "tls"}


class Fault(NamedTuple):
    """A transport error, in the same words for every client.

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
    """The kind of an error, by its most derived class in the table; None if no class is in it.

    Args:
        error: any exception.
        modules: where a class of the table may be defined: a part of its module's dotted name,
            such as "urllib3" for a copy at `pip._vendor.urllib3.exceptions`.
        kinds: the table: a kind for each name of a class.
    """
    for cls in type(error).__mro__:
        if cls.__name__ in kinds and not modules.isdisjoint(cls.__module__.split(".")):
            return kinds[cls.__name__]
    return None


def fault_as(kind: FaultKind, error: BaseException) -> Fault:
    """A fault of this kind, with the message of the error."""
    return Fault(kind, str(error) or type(error).__name__)


def connecting_kind(error: BaseException) -> FaultKind:
    """The kind of a client's connect error, by its causes: "dns", "tls" or "refused"."""
    for cause in causes(error):
        found = kind_of(cause, {"socket"}, _LOOKUP) or kind_of(cause, {"ssl"}, _HANDSHAKE)
        if found is not None:
            return found
    return "refused"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, outermost first, down to the error of the operating system.

    Contexts count as causes too, because httpcore hides its causes. The causes end at an OSError
    with a number: if a caller reconnects in an `except` block, the context of that OSError is the
    error of the previous connection.
    """
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        is_last = isinstance(at, OSError) and at.errno is not None
        at = None if is_last else at.__cause__ or at.__context__
