"""`Timeouts` and `Retry`: how long a client waits, and how often it sends a request."""

import os
from collections.abc import Mapping
from typing import Self

import msgspec
from msgspec import UNSET, UnsetType

from .._arguments import expect_attempts, expect_duration, expect_seconds
from .._errors import ResponseError, StreamTimeout
from .._http import is_passing_status, retry_after
from .errors import TransportError

# The code of a 429 that no wait ends.
SPENT_QUOTA = b"insufficient_quota"
CONFLICT = 409

Seconds = float | None | UnsetType


class Timeouts(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True
):
    """Timeouts in seconds; None for no limit. A timeout that is not given is inherited.

    A call inherits from its client, the client from the environment (`FASTSSE_CONNECT_TIMEOUT` and
    so on, where 0 means no limit), and the environment from the defaults.

    Attributes:
        connect: until the connection is open; 30 by default.
        headers: from the request to the headers of the response; no limit by default.
        first_event: from the request to the first event; 30 by default.
        idle: for each wait for bytes after the first event, or after the headers if `first_event`
            has no limit; 60 by default.
        total: for the whole call, including retries and their waits; no limit by default, but 600
            for an answer that does not stream.

    Raises:
        TypeError: a timeout is not a number.
        ValueError: a timeout is 0, negative, or NaN.
    """

    connect: Seconds = UNSET
    headers: Seconds = UNSET
    first_event: Seconds = UNSET
    idle: Seconds = UNSET
    total: Seconds = UNSET

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not UNSET:
                expect_seconds(name, value)

    def inherit(self, other: "Timeouts") -> "Timeouts":
        """A copy of these timeouts; those that are not given are taken from `other`."""
        given = {
            name: getattr(other, name) if getattr(self, name) is UNSET else getattr(self, name)
            for name in self.__struct_fields__
        }
        return Timeouts(**given)

    def limit(self, name: str, default: float | None = None) -> float | None:
        """The timeout with this name; the default if it is not given."""
        value: Seconds = getattr(self, name)
        return default if value is UNSET else value

    @classmethod
    def from_environment(cls) -> Self:
        """The timeouts that environment variables set; empty ones count as unset.

        Raises:
            ValueError: a variable is not a number of seconds.
        """
        given: dict[str, float | None] = {}
        for name in cls.__struct_fields__:
            variable = variable_of(name)
            text = os.environ.get(variable, "").strip()
            if text:
                given[name] = _seconds_of(variable, text)
        return cls(**given)


def variable_of(name: str) -> str:
    """The environment variable of the timeout with this name."""
    return f"FASTSSE_{name.upper()}_TIMEOUT"


def written_names(timeouts: Timeouts, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """How the user wrote each timeout, for errors.

    Args:
        timeouts: those that are given.
        inherited: how the others were written; None for the environment and the defaults.
    """
    names = {}
    for name in timeouts.__struct_fields__:
        names[name] = f"Timeouts.{name}"
        if getattr(timeouts, name) is UNSET:
            if inherited is not None:
                names[name] = inherited[name]
            elif os.environ.get(variable_of(name), "").strip():
                names[name] = variable_of(name)
    return names


def _seconds_of(variable: str, text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"{variable}: expected seconds, got {text!r}") from None
    return expect_duration(variable, seconds) or None


DEFAULTS = Timeouts(connect=30, headers=None, first_event=30, idle=60)
# In seconds: the total timeout of an answer that does not stream.
WHOLE_ANSWER = 600.0


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How often a request is sent until its first event is received; never after that.

    A request is sent again if the connection cannot be opened or breaks, if neither headers nor a
    first event is received in time, and for a status of 408, 409, 429 or 5xx, unless the quota is
    spent. `x-should-retry` of the response overrides the status. The wait grows exponentially, with
    jitter; the response's `Retry-After` replaces it.

    Attributes:
        attempts: the most attempts; 1 for no retry.
        wait_initial, wait_max, wait_jitter: seconds, as in stamina.
        longest_retry_after: seconds; a response with a longer `Retry-After` is raised.

    Raises:
        TypeError: attempts is not an int, or a number of seconds is not a number.
        ValueError: attempts is less than 1, or a number of seconds is negative or NaN.
    """

    attempts: int = 3
    wait_initial: float = 0.5
    wait_max: float = 8.0
    wait_jitter: float = 1.0
    longest_retry_after: float = 60.0

    def __post_init__(self) -> None:
        expect_attempts("attempts", self.attempts)
        for name in self.__struct_fields__[1:]:
            expect_duration(name, getattr(self, name))

    def wait_for(self, error: Exception) -> bool | float:
        """Whether to send the request again; the seconds to wait if the server gives them."""
        if isinstance(error, TransportError):
            return True
        if isinstance(error, StreamTimeout):
            return error.timeout in ("connect", "headers", "first_event")
        if isinstance(error, ResponseError) and _may_pass(error):
            seconds = retry_after(error)
            return (seconds or True) if seconds <= self.longest_retry_after else False
        return False


def _may_pass(error: ResponseError) -> bool:
    """Whether the same request may succeed later, by the response's own word if it has one."""
    advice = error.headers.get("x-should-retry", "").strip().lower()
    if advice in ("true", "false"):
        return advice == "true"
    if SPENT_QUOTA in error.body:
        return False
    return error.status_code == CONFLICT or is_passing_status(error)
