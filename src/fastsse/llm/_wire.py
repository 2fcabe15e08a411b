"""What comes over the wire: the events of one answer, and how a connection fails."""

from collections.abc import Iterator
from typing import Any

from .._clients import source_of
from .._deadlines import Deadlines
from .._errors import StreamTimeout
from .._parser import Parser, ServerSentEvent
from .._stream import EventStream
from ._errors import TransportError
from ._timeouts import Timeouts

# Of what is left of a deadline: none at all would mean that there is none.
SHORTEST = 0.001

# Errors of a client that are the caller's own: no other attempt would mend them.
CALLERS_ERRORS = {"UnsupportedProtocol", "LocalProtocolError"}


class AnswerEvents(EventStream):
    """The events of an answer, with clocks that started when it was asked for.

    Attributes:
        lines: line feeds that have come.
    """

    __slots__ = ("_timeouts", "_url", "lines")

    def __init__(
        self, response: Any, url: str, timeouts: Timeouts, *, sent_ns: int, spent: float
    ) -> None:
        """`spent` are the seconds that earlier attempts took of the total."""
        self.lines = 0
        self._url = url
        self._timeouts = timeouts
        total = timeouts.total and max(timeouts.total - spent, SHORTEST)
        super().__init__(
            source_of(response),
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
        self.lines += chunk.count(b"\n")
        return super()._land(chunk)

    def _fault(self, error: BaseException) -> BaseException:
        fault = super()._fault(error)
        broken = transport_error(fault, self._url)
        if broken is None:
            return fault
        self._error = broken
        return broken

    def _timeout(self, deadline: str, seconds: float) -> StreamTimeout:
        # What was given, of which earlier attempts may have left less.
        error = super()._timeout(deadline, getattr(self._timeouts, deadline))
        return error.with_lines(self.lines)


def transport_error(error: BaseException, url: str) -> TransportError | None:
    """The error of a connection that a client's error tells of; None for any other error."""
    # By their names, which httpx and httpx2 share, so that neither is imported.
    names = {kind.__name__ for kind in type(error).__mro__}
    if "TransportError" not in names or isinstance(error, TransportError) or names & CALLERS_ERRORS:
        return None
    reason = str(error) or type(error).__name__
    if "TimeoutException" in names:
        found = TransportError("timeout", url, reason)
    elif "ConnectError" in names:
        found = TransportError("refused", url, reason)
    else:
        found = TransportError("broken", url, reason)
    found.__cause__ = error
    return found
