"""`Answer`: what a client's call gives, as a stream or whole."""

import logging
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

import anyio

from ._call import Call, Opened
from .types import Usage
from ._events import EventIterable
from ._stats import AnswerStats, Stamps
from ._values import OnError, Reader, ValueStream

T = TypeVar("T")
W = TypeVar("W")

# How much is read after the end of an answer to have its connection back, and for how long.
DRAIN_SIZE = 64 * 1024
DRAIN_SECONDS = 1.0

REQUEST_ID_HEADERS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid")
RATE_LIMIT_HEADERS = ("x-ratelimit-", "ratelimit", "anthropic-ratelimit-", "retry-after")

logger = logging.getLogger(__name__)


class Answer(ValueStream[T], Generic[T, W]):
    """An answer of a `Client`: its stream in `async with`, or the whole of it with `await`.

        async with client.chat(messages) as answer:
            async for delta in answer:
                ...

        message = await client.chat(messages)

    `async with` sends the request, again where that helps, and waits for the first event. At its
    end the connection goes back to the pool if the answer was read to its end, and is closed
    otherwise. `await` asks for an answer that does not stream.

    Attributes:
        response: the response of the client that it came from; None before.
    """

    def __init__(
        self,
        call: Call,
        reader: Reader[T],
        whole: Callable[[bytes], W],
        *,
        on_error: OnError,
        require_end: bool,
    ) -> None:
        super().__init__(EventIterable(()), reader, on_error=on_error, require_end=require_end)
        self.response: Any = None
        self._call = call
        self._whole = whole
        self._opened: Opened | None = None

    @property
    def usage(self) -> Usage | None:
        """The tokens that it took, as far as the server said; None before it did."""
        usage: Usage | None = getattr(self._reader, "usage", None)
        return usage

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended; None before."""
        reason: str | None = getattr(self._reader, "finish_reason", None)
        return reason

    @property
    def request_id(self) -> str | None:
        """What the server calls the request, for a question to those who run it."""
        headers = self._headers
        return next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), None)

    @property
    def rate_limits(self) -> dict[str, str]:
        """The headers that tell of limits of rate, their names in lower case."""
        return {
            name.lower(): value
            for name, value in self._headers.items()
            if name.lower().startswith(RATE_LIMIT_HEADERS)
        }

    @property
    def stats(self) -> AnswerStats:  # type: ignore[override]
        """How far it has come, and how fast."""
        events, opened, usage = self._events.stats, self._opened, self.usage
        stamps = opened.events.stamps if opened else Stamps()
        # Those of the last chunk, of which more may be to come.
        stamps.add(self._events.received_at_ns, self._reader.tokens)
        return AnswerStats(
            attempts=self._call.attempts,
            chunks=events.chunks,
            bytes=events.bytes,
            lines=opened.events.lines if opened else 0,
            events=events.events,
            parse_failures=self.parse_failures,
            tokens=stamps.tokens,
            elapsed=events.elapsed_ns / 1e9 if opened else self._call.elapsed,
            ttft=stamps.ttft(opened.sent_ns) if opened else None,
            itl=stamps.itl(),
            tpot=stamps.tpot(usage.completion_tokens if usage else None),
        )

    async def __aenter__(self) -> Self:
        self._expect_new()
        try:
            self._opened = opened = await self._call.open(self._reader)
            self._events, self.response = opened.events, opened.events.response
            logger.info(
                "answer began: request %s, limits %s",
                self.request_id,
                self.rate_limits,
                extra=self._about(),
            )
            if opened.first is not None:
                self._take(opened.first)
        except BaseException as error:
            self._error = error
            await self._leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leave()

    def __await__(self) -> Generator[Any, Any, W]:
        return self._fetch().__await__()

    def __aiter__(self) -> AsyncGenerator[T]:
        if self._opened is None:
            raise RuntimeError("expected `async with` around `async for`, or `await` alone")
        return super().__aiter__()

    def __iter__(self) -> Iterator[T]:
        raise TypeError("an answer is asynchronous: expected `async for`, got `for`")

    async def _fetch(self) -> W:
        self._expect_new()
        try:
            self.response, body = await self._call.fetch()
            logger.info("answer came", extra=self._about())
            return self._whole(body)
        except Exception as error:
            self._error = error
            self._failed(error)
            raise

    async def _leave(self) -> None:
        try:
            if self._is_over and self._error is None and self._opened is not None:
                with suppress(Exception), anyio.move_on_after(DRAIN_SECONDS):
                    await self._opened.events.drain(DRAIN_SIZE)
        finally:
            await self._events.aclose()
        if isinstance(self._error, Exception):
            self._failed(self._error)
        else:
            logger.info("answer ended", extra=self._about())

    def _failed(self, error: Exception) -> None:
        if self.response is None:
            # One that was refused tells of itself too.
            self.response = getattr(error, "response", None)
        self._call.failed(error)
        # The caller has the error: a warning would show it twice where nobody set up logging.
        logger.info("answer failed: %s: %s", type(error).__name__, error, extra=self._about())

    def _expect_new(self) -> None:
        if self._call.attempts:
            raise RuntimeError("an answer is asked for once: make another call")

    def _about(self) -> dict[str, Any]:
        events = self._events.stats
        return {
            **self._call.about,
            "request_id": self.request_id,
            "rate_limits": self.rate_limits,
            "attempts": self._call.attempts,
            "chunks": events.chunks,
            "events": events.events,
            "parse_failures": self.parse_failures,
            "tokens": self._reader.tokens,
            "finish_reason": self.finish_reason,
        }

    @property
    def _headers(self) -> Mapping[str, str]:
        return {} if self.response is None else self.response.headers
