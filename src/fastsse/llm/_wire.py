"""What comes over the wire: the events of one answer, and how a connection fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from .._clients import source_of
from .._deadlines import Deadlines
from .._errors import ProtocolError, SSEError, StreamTimeout
from .._parser import Parser, ServerSentEvent
from .._stream import EventStream
from ._closing import close
from .errors import TransportError
from ._stats import Stamps
from ._timeouts import Timeouts
from ._values import Reader

# Of what is left of a deadline: none at all would mean that there is none.
SHORTEST = 0.001

# Errors of a client that are the caller's own: no other attempt would mend them.
CALLERS_ERRORS = {"UnsupportedProtocol", "LocalProtocolError"}


class AnswerEvents(EventStream):
    """The events of an answer, with clocks that started when it was asked for.

    Attributes:
        lines: line feeds that have come.
        stamps: when the tokens came that `reader` counted.
        reader: reads the events.
    """

    __slots__ = ("_spent", "_timeouts", "_url", "lines", "reader", "stamps")

    def __init__(
        self,
        http: Any,
        response: Any,
        reader: Reader[Any],
        url: str,
        timeouts: Timeouts,
        *,
        sent_ns: int,
        spent: float,
    ) -> None:
        """`spent` are the seconds that earlier attempts took of the total."""
        self.lines = 0
        self.reader = reader
        self.stamps = Stamps()
        self._url = url
        self._timeouts = timeouts
        self._spent = spent
        total = timeouts.total and max(timeouts.total - spent, SHORTEST)
        super().__init__(
            source_of(response)._replace(aclose=partial(close, http, response.request, response)),
            Parser(),
            Deadlines(timeouts.first_event, timeouts.idle, total),
            check_response=True,
            flush_at_end=True,
            started_ns=sent_ns,
        )

    async def drain(self, size: int) -> None:
        """Drop what is left, so that the connection can be used again; no more than so much."""
        if self._chunks is not None and not self._finished_ns:
            async for chunk in self._chunks:
                size -= len(chunk)
                if size < 0:
                    break

    def _land(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        # All of the chunk before was read.
        self.stamps.add(self.received_at_ns, self.reader.tokens)
        self.lines += chunk.count(b"\n")
        return super()._land(chunk)

    def _fault(self, error: BaseException) -> BaseException:
        fault = super()._fault(error)
        self._error = _error_of(fault, self._url) or fault
        return self._error

    def _timeout(self, deadline: str, seconds: float) -> StreamTimeout:
        # What was given, of which earlier attempts may have left less.
        error = super()._timeout(deadline, getattr(self._timeouts, deadline))
        if deadline == "total":
            error.elapsed += self._spent
        return error.with_lines(self.lines)


@contextmanager
def our_errors(url: str) -> Iterator[None]:
    """Have what a client raises about its connection to this URL be an error of ours."""
    try:
        yield
    except Exception as error:
        fault = _error_of(error, url)
        if fault is None:
            raise
        raise fault from error


def _error_of(error: BaseException, url: str) -> SSEError | None:
    """Our error for one of a client that tells of its connection; None for any other."""
    # By their names, which httpx and httpx2 share, so that neither is imported.
    names = _names(error)
    if isinstance(error, SSEError) or names & CALLERS_ERRORS:
        return None
    reason = str(error) or type(error).__name__
    # Over aiohttp whatever happens to a connection is a ConnectTimeout, and its cause tells.
    causes = _names(error.__cause__)
    is_lost = "ClientConnectionError" in causes and "TimeoutError" not in causes
    found: SSEError
    if "ConnectError" in names or "ClientConnectorError" in causes:
        found = TransportError("refused", url, reason)
    elif "TimeoutException" in names and not is_lost:
        found = TransportError("timeout", url, reason)
    elif "TransportError" in names:
        found = TransportError("broken", url, reason)
    elif "DecodingError" in names:
        found = ProtocolError(f"the content coding is broken: {reason}")
    else:
        return None
    found.__cause__ = error
    return found


def _names(error: BaseException | None) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}
