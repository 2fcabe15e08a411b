"""`ReconnectPolicy`: whether an `EventSource` reconnects, and how long it waits before."""

from random import uniform
from typing import NamedTuple

from .._errors import ReconnectError, ResponseError, StreamTimeout
from .._http import is_passing_status, retry_after
from ..clients import fault_of

SHORTEST_WAIT = 0.1
DEFAULT_WAIT = 1.0
LONGEST_WAIT = 3600.0
LONGEST_JITTER = 30.0


class Reconnection(NamedTuple):
    """A reconnection that an `EventSource` is about to make.

    Attributes:
        attempt: the number of the next connection, counted since the stream last made progress.
        wait: seconds until it connects.
        error: the error of the last connection; None if the server ended the stream.
        last_event_id: the ID that it will send.
    """

    attempt: int
    wait: float
    error: Exception | None
    last_event_id: str


class ReconnectPolicy:
    """Counts the connections since the stream last made progress, and sets the waits.

    A connection makes progress if it was open for `reset_after` seconds, or if it moved the last
    event ID. Events alone do not count: a server that sends one and closes would be retried
    forever.

    Args:
        attempts: connections in a row without progress; None for no limit.
        reset_after: in seconds.
    """

    def __init__(self, attempts: int | None, reset_after: float) -> None:
        self._limit = attempts
        self._reset_after = reset_after
        self._attempts = 1

    def connection_ended(self, *, seconds: float, has_new_id: bool) -> None:
        """Count from here if the connection made progress.

        Args:
            seconds: how long it was open.
            has_new_id: whether an event set a new last event ID.
        """
        if has_new_id or seconds >= self._reset_after:
            self._attempts = 0

    def next(self, error: Exception | None, retry: int | None) -> tuple[int, float]:
        """The number of the next connection, and the seconds to wait before it.

        Args:
            error: the error of the last connection; None if the stream ended.
            retry: the reconnection time in ms that the stream set; None if it set none.

        Raises:
            Exception: the error itself, if a retry cannot help, or no attempt is left.
            ReconnectError: no attempt is left and there was no error, or the server sets a wait of
                more than an hour.
        """
        if error is not None and not _is_passing(error):
            raise error
        if self._limit is not None and self._attempts >= self._limit:
            raise error or ReconnectError(
                f"the server ended each of {self._attempts} streams in a row (attempts="
                f"{self._limit}), each within reset_after={self._reset_after:g} s and without a "
                "new event ID"
            )
        shortest = wait_of(retry)
        wait = max(shortest, retry_after(error))
        if wait > LONGEST_WAIT:
            raise ReconnectError(
                f"expected a wait of at most {LONGEST_WAIT:.0f} s, the server asks for {wait:.0f} s"
            ) from error
        jitter = min(LONGEST_JITTER, shortest * 2 ** min(self._attempts, 30))
        self._attempts += 1
        return self._attempts, wait + uniform(0, jitter)


def wait_of(retry: int | None) -> float:
    """The shortest wait in seconds before a connection, by the reconnection time in ms.

    Source: WHATWG HTML 9.2.3.
    """
    return max(SHORTEST_WAIT, DEFAULT_WAIT if retry is None else retry / 1000)


def _is_passing(error: Exception) -> bool:
    if isinstance(error, ResponseError):
        return is_passing_status(error)
    if isinstance(error, StreamTimeout):
        return error.timeout != "total"
    fault = fault_of(error)
    return fault is not None and fault.kind not in ("caller", "coding")
