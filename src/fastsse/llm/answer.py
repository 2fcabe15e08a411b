"""`Answer`: the answer to a client's call, as a stream or whole; and `AnswerStats`."""

import logging
from array import array
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from itertools import pairwise
from typing import Any, Generic, NamedTuple, Self, TypeVar

from .._stream import EventStream
from ._request import JsonRequest
from ._transport import drain
from .types import Usage
from .values import ValueReader, ValueStream

T = TypeVar("T")
W = TypeVar("W")

# The most bytes and seconds that are read after the end of an answer, to reuse its connection.
DRAIN_SIZE = 64 * 1024
DRAIN_SECONDS = 1.0

REQUEST_ID_HEADERS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid")
RATE_LIMIT_HEADERS = ("x-ratelimit-", "ratelimit", "anthropic-ratelimit-", "retry-after")

logger = logging.getLogger(__name__)


class AnswerStats(NamedTuple):
    """How much of an answer has been received, and how fast. Times are in seconds.

    Attributes:
        attempts: how often the request was sent.
        chunks, bytes, lines, events: received; lines are those that have ended.
        parse_failures: events that were skipped, with `on_error="skip"`.
        tokens: deltas that added something; for a completion its tokens, for a post its values.
        elapsed: from the last attempt to now, or to the end. If an answer was awaited, or failed to
            open, only this and `attempts` are known.
        ttft: time to first token, from that attempt to the chunk with the first token; None before.
        itl: inter-token latencies: gaps between tokens (`tokens - 1` values); 0 within a chunk.
        tpot: time per output token: the mean gap after the first token, by the server's count of
            tokens if it sends one; None before the second.
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


class Answer(Generic[T, W]):
    """The answer to a call: a stream with `async with`, or the whole answer with `await`.

        async with client.chat(messages) as answer:
            async for delta in answer:
                ...

        message = await client.chat(messages)

    `async with` sends the request, with retries, and waits for the first event. At its end the
    connection goes back to the pool if the answer was read to its end, and is closed otherwise.
    `await` requests an answer that does not stream.

    Attributes:
        response: the HTTP client's response; None before it is received.
    """

    def __init__(
        self, request: JsonRequest, reader: ValueReader[T], whole: Callable[[bytes], W]
    ) -> None:
        self.response: Any = None
        self._request = request
        self._reader = reader
        self._received_ns: array[int] = reader.record()
        self._whole = whole
        self._events: EventStream | None = None
        self._values: ValueStream[T] | None = None
        reader.log_context = self._log_context

    def __repr__(self) -> str:
        url = self._request.log_context["url"]
        return f"<Answer from {url}, tokens: {len(self._received_ns)}>"

    @property
    def usage(self) -> Usage | None:
        """The tokens that the answer used, as far as the server reported them; None before."""
        usage: Usage | None = getattr(self._reader, "usage", None)
        return usage

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended; None before."""
        reason: str | None = getattr(self._reader, "finish_reason", None)
        return reason

    @property
    def parse_failures(self) -> int:
        """How many events were skipped, with `on_error="skip"`."""
        return self._reader.parse_failures

    @property
    def received_at_ns(self) -> int:
        """When the bytes of the value last yielded were received: see `EventStream`."""
        return 0 if self._events is None else self._events.received_at_ns

    @property
    def request_id(self) -> str | None:
        """The server's ID of the request, to report problems with; None without one."""
        headers = self._headers
        return next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), None)

    @property
    def rate_limits(self) -> dict[str, str]:
        """The response headers about rate limits, with their names in lower case."""
        return {
            name.lower(): value
            for name, value in self._headers.items()
            if name.lower().startswith(RATE_LIMIT_HEADERS)
        }

    @property
    def stats(self) -> AnswerStats:
        """How much has been received, and how fast."""
        events = None if self._events is None else self._events.stats
        times, usage = self._received_ns, self.usage
        tokens = usage.completion_tokens if usage else None
        return AnswerStats(
            attempts=self._request.attempts,
            chunks=events.chunks if events else 0,
            bytes=events.bytes if events else 0,
            lines=events.lines if events else 0,
            events=events.events if events else 0,
            parse_failures=self.parse_failures,
            tokens=len(times),
            elapsed=events.elapsed if events else self._request.elapsed,
            ttft=(times[0] - self._request.sent_ns) / 1e9 if times else None,
            itl=gaps_between(times),
            tpot=time_per_token(times, tokens),
        )

    async def __aenter__(self) -> Self:
        self._expect_new()
        try:
            self._events = events = await self._request.open()
            self.response = events.response
            logger.info(
                "answer began: request %s, limits %s",
                self.request_id,
                self.rate_limits,
                extra=self._log_context(),
            )
            self._values = ValueStream(events, self._reader)
            self._reader.read_first()
        except BaseException as error:
            await self._leave(error)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        interrupted = self._events is not None and self._events.reader.is_interrupted
        await self._leave(None if interrupted else self._reader.error)

    def __await__(self) -> Generator[Any, Any, W]:
        return self._fetch().__await__()

    def __aiter__(self) -> AsyncGenerator[T]:
        return aiter(self._opened())

    async def __anext__(self) -> T:
        return await anext(self._opened())

    async def aclose(self) -> None:
        """Close the response; closing again does nothing."""
        if self._events is not None:
            await self._events.aclose()

    def _opened(self) -> ValueStream[T]:
        if self._values is None:
            raise RuntimeError("expected `async with` around `async for`, or `await` alone")
        return self._values

    async def _fetch(self) -> W:
        self._expect_new()
        try:
            self.response, body = await self._request.fetch()
            logger.info("answer received", extra=self._log_context())
            return self._whole(body)
        except Exception as error:
            self._failed(error)
            raise

    async def _leave(self, error: BaseException | None) -> None:
        events = self._events
        try:
            # Chunks may be left: the stream reported its end before the body ended.
            if events is not None and self._reader.is_over and events.reader.can_receive:
                await drain(await events.achunks(), DRAIN_SIZE, DRAIN_SECONDS)
        finally:
            await self.aclose()
        if isinstance(error, Exception):
            self._failed(error)
        else:
            logger.info("answer ended", extra=self._log_context())

    def _failed(self, error: Exception) -> None:
        if self.response is None:
            # A ResponseError has its response.
            self.response = getattr(error, "response", None)
        self._request.save(error)
        # The caller has the error: a warning would show it twice without a logging setup.
        logger.info("answer failed: %s: %s", type(error).__name__, error, extra=self._log_context())

    def _expect_new(self) -> None:
        if self._request.attempts:
            raise RuntimeError("expected a new call, got an answer that was requested before")

    def _log_context(self) -> dict[str, Any]:
        events = None if self._events is None else self._events.stats
        return {
            **self._request.log_context,
            "request_id": self.request_id,
            "rate_limits": self.rate_limits,
            "attempts": self._request.attempts,
            "chunks": events.chunks if events else 0,
            "events": events.events if events else 0,
            "parse_failures": self.parse_failures,
            "tokens": len(self._received_ns),
            "finish_reason": self.finish_reason,
        }

    @property
    def _headers(self) -> Mapping[str, str]:
        return {} if self.response is None else self.response.headers


def gaps_between(times_ns: "array[int]") -> list[float]:
    """The gaps between tokens in seconds, from their times in nanoseconds."""
    return [(after - before) / 1e9 for before, after in pairwise(times_ns)]


def time_per_token(times_ns: "array[int]", reported: int | None) -> float | None:
    """The mean gap in seconds, by the server's count of tokens if it is larger than `times_ns`."""
    gaps = max(reported or 0, len(times_ns)) - 1
    return (times_ns[-1] - times_ns[0]) / 1e9 / gaps if len(times_ns) > 1 else None
