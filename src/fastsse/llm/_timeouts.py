"""How long a client waits, and who says so."""

import math
import os
from typing import Self

import msgspec


class Timeouts(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True
):
    """Deadlines in seconds; 0 for none, None for what the next in line says.

    Those of a call come before those of its client, then come the environment's
    (`FASTSSE_CONNECT_TIMEOUT` and so on), then the defaults.

    Attributes:
        connect: until there is a connection; 30 by default.
        headers: from the request to the answer's headers; none by default.
        first_event: from the request to the first event; 30 by default.
        idle: for each wait for bytes, once the answer began; 60 by default.
        total: for everything, retries and their waits too; none by default, and 600 for an
            answer that does not stream, which tells nothing until it is whole.

    Raises:
        TypeError: one is no number.
        ValueError: one is negative, or NaN.
    """

    connect: float | None = None
    headers: float | None = None
    first_event: float | None = None
    idle: float | None = None
    total: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            _expect_seconds(name, getattr(self, name))

    def over(self, other: "Timeouts") -> "Timeouts":
        """These, and the other's for what they leave open."""
        given = {
            name: getattr(other, name) if getattr(self, name) is None else getattr(self, name)
            for name in self.__struct_fields__
        }
        return Timeouts(**given)

    @classmethod
    def from_environment(cls) -> Self:
        """Those of the environment's variables that are set and not empty.

        Raises:
            ValueError: one is no number of seconds.
        """
        given = {}
        for name in cls.__struct_fields__:
            variable = f"FASTSSE_{name.upper()}_TIMEOUT"
            text = os.environ.get(variable, "").strip()
            if text:
                given[name] = _seconds_of(variable, text)
        return cls(**given)


def _seconds_of(variable: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"{variable}: expected seconds, got {text!r}") from None
    _expect_seconds(variable, seconds)
    return seconds


def _expect_seconds(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected seconds or None, got {type(value).__qualname__}")
    if math.isnan(value) or value < 0:
        raise ValueError(f"{name}: expected 0 or more seconds, got {value}")


DEFAULTS = Timeouts(connect=30, first_event=30, idle=60)
WHOLE_ANSWER = 600.0
