"""Which failures of a request are worth another, and how long to wait before it."""

import msgspec

from .._errors import ResponseError, StreamTimeout
from .._reconnection import is_passing_status, retry_after
from .errors import TransportError


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How often a request is sent, before its first event; once one came, never again.

    It is sent again where the connection was refused, timed out or broke, for a status of 408,
    429 or 5xx, and where no headers or no first event came in time. The wait before grows
    exponentially, with jitter; an answer's `Retry-After` takes its place.

    Attributes:
        attempts: in all; 1 for no retry.
        wait_initial, wait_max, wait_jitter: seconds, as stamina has them.
        longest_retry_after: seconds; a server that asks for more ends it with its answer.

    Raises:
        ValueError: there is no attempt, or a number of seconds is negative or NaN.
    """

    attempts: int = 3
    wait_initial: float = 0.5
    wait_max: float = 8.0
    wait_jitter: float = 1.0
    longest_retry_after: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts: expected 1 or more, got {self.attempts}")
        for name in self.__struct_fields__[1:]:
            seconds = getattr(self, name)
            if not seconds >= 0:
                raise ValueError(f"{name}: expected 0 or more seconds, got {seconds}")

    def wait_for(self, error: Exception) -> bool | float:
        """Whether to try again; seconds if the server says how long to wait."""
        if isinstance(error, TransportError):
            return True
        if isinstance(error, StreamTimeout):
            return error.deadline in ("headers", "first_event")
        if isinstance(error, ResponseError) and is_passing_status(error):
            asked = retry_after(error)
            return (asked or True) if asked <= self.longest_retry_after else False
        return False
