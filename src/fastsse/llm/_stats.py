"""What is measured of an answer."""

from array import array
from typing import NamedTuple


class AnswerStats(NamedTuple):
    """How far an answer has come, and how fast. Times are in seconds.

    A token is what a delta adds, or what the server counts, where it says so in its usage.

    Attributes:
        attempts: how often the request was sent.
        chunks, bytes, lines, events: received; lines are line feeds.
        parse_failures: events that were skipped, with `on_error="skip"`.
        tokens: deltas that added something; of a completion its tokens, of a post its values.
        elapsed: from the request that was answered to now, or to the end. Of an answer that was
            awaited, or that was none, this and `attempts` alone are known.
        ttft: from that request to the chunk that had the first token; None before.
        itl: from one token to the next: one less than `tokens`. Those that came in one chunk have
            0 between them.
        tpot: the mean from token to token after the first, by the server's count of tokens where
            it gives one; None before the second.
    """

    attempts: int
    chunks: int
    bytes: int
    lines: int
    events: int
    parse_failures: int
    tokens: int
    elapsed: float
    ttft: float | None
    itl: list[float]
    tpot: float | None


class Stamps:
    """When tokens came, in nanoseconds of `time.perf_counter_ns()`: once for all of a chunk.

    Attributes:
        tokens: how many came in all.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self._came = array("q")
        self._counts = array("q")

    def add(self, came_ns: int, tokens: int) -> None:
        """Note that there were so many, of which the last came then."""
        if tokens > self.tokens:
            self._came.append(came_ns)
            self._counts.append(tokens - self.tokens)
            self.tokens = tokens

    def ttft(self, sent_ns: int) -> float | None:
        return (self._came[0] - sent_ns) / 1e9 if self._came else None

    def itl(self) -> list[float]:
        gaps: list[float] = []
        before = self._came[0] if self._came else 0
        for came, count in zip(self._came, self._counts, strict=True):
            gaps.append((came - before) / 1e9)
            gaps += [0.0] * (count - 1)
            before = came
        return gaps[1:]

    def tpot(self, tokens: int | None) -> float | None:
        gaps = max(tokens or 0, self.tokens) - 1
        return (self._came[-1] - self._came[0]) / 1e9 / gaps if self.tokens > 1 else None
