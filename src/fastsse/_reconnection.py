"""When a source that lost its connection asks again, and when it does so no more."""

from random import uniform
from typing import NamedTuple

from ._errors import ReconnectError, ResponseError, StreamTimeout
from ._http import is_passing_status, retry_after
from .clients import fault_of

SHORTEST_WAIT = 0.1
USUAL_WAIT = 1.0
LONGEST_WAIT = 3600.0
LARGEST_GROWTH = 30.0


class Reconnection(NamedTuple):
    """What a source that lost its connection does next.

    Attributes:
        attempt: which one comes now: how often it will have connected since an event came.
        wait: seconds until it connects again.
        error: what went wrong; None where the server ended the stream.
        last_event_id: what it will ask to go on from.
    """

    attempt: int
    wait: float
    error: Exception | None
    last_event_id: str


class Patience:
    """Counts the attempts since an event came, and tells how long to wait for the next."""

    def __init__(self, attempts: int | None) -> None:
        self._max_attempts = attempts
        self._attempt = 1

    def event_came(self) -> None:
        self._attempt = 0

    def lost(self, error: Exception | None, retry: int | None, last_event_id: str) -> Reconnection:
        """What to do after a connection that ended, or that came to nothing.

        Args:
            error: what went wrong; None for a clean end.
            retry: the reconnection time in ms that the stream set, if it did.
            last_event_id: where to go on.

        Raises:
            Exception: the error itself, if it is lasting or was the last one allowed.
            ReconnectError: a clean end was, or the server asks for more than an hour.
        """
        if error is not None and not _is_passing(error):
            raise error
        if self._max_attempts is not None and self._attempt >= self._max_attempts:
            raise error or ReconnectError(
                f"attempt {self._attempt} since an event came, and the server ended the stream "
                f"again (attempts={self._max_attempts})"
            )
        interval = interval_of(retry)
        asked = max(interval, retry_after(error))
        if asked > LONGEST_WAIT:
            raise ReconnectError(
                f"the server asks to wait {asked:.0f} s, more than {LONGEST_WAIT:.0f}"
            ) from error
        growth = min(LARGEST_GROWTH, interval * 2 ** min(self._attempt, 30))
        self._attempt += 1
        return Reconnection(self._attempt, asked + uniform(0, growth), error, last_event_id)


def interval_of(retry: int | None) -> float:
    """Seconds to wait at least, whatever happened.

    Source: WHATWG HTML 9.2.3.
    """
    return max(SHORTEST_WAIT, USUAL_WAIT if retry is None else retry / 1000)


def _is_passing(error: Exception) -> bool:
    if isinstance(error, ResponseError):
        return is_passing_status(error)
    fault = fault_of(error)
    return isinstance(error, StreamTimeout) or (fault is not None and fault.kind != "caller")
