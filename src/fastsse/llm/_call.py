"""One call of a server: what is sent, with which patience, and what is done where it fails."""

import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import anyio
import msgspec
import stamina

from .._errors import StreamTimeout
from .._parser import ServerSentEvent
from .._request import headers_for_events
from .._response import BODY_SECONDS, astart_of, response_error
from ..clients import source_of
from ._closing import close
from ._retry import Retry
from ._timeouts import WHOLE_ANSWER, Timeouts
from ._values import Reader
from ._wire import AnswerEvents, our_errors

R = TypeVar("R")

# How much later than a deadline for connecting one that is as long may be told, as by default.
CONNECTING_FIRST = 0.5

logger = logging.getLogger(__name__)
_numbers = itertools.count(1)


class Opened(NamedTuple):
    """An answer whose first event came; None if it had none."""

    events: AnswerEvents
    first: ServerSentEvent | None
    sent_ns: int


class Call:
    """A POST of JSON, with retries until the first event.

    Attributes:
        attempts: how often it was sent.
        elapsed: seconds from the last time until there was an answer, or none; 0 before.
        shown_url: where to, without what may be a secret.
        about: what logs tell of it.
    """

    def __init__(
        self,
        http: Any,
        url: str,
        body: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        retry: Retry,
        save_failed_requests: Path | None,
    ) -> None:
        self.attempts = 0
        self.elapsed = 0.0
        self._started_ns = 0
        self._streams = True
        self._http = http
        self._url = url
        self._body = body
        self._headers = headers
        self._timeouts = timeouts
        self._retry = retry
        self._folder = save_failed_requests
        self.shown_url = without_secrets(url)
        self.about: dict[str, Any] = {
            "model": body.get("model"),
            "url": self.shown_url,
            "timeouts": msgspec.structs.asdict(timeouts),
        }

    async def open(self, reader: Reader[Any]) -> Opened:
        """The answer as a stream for that reader, with its first event."""
        return await self._until_it_works(partial(self._open, reader), self._timeouts.total)

    async def fetch(self) -> tuple[Any, bytes]:
        """The answer and its body, whole."""
        self._streams = False
        total = self._timeouts.total
        return await self._until_it_works(self._fetch, WHOLE_ANSWER if total is None else total)

    def failed(self, error: BaseException) -> None:
        """Keep the request of a call that failed, if that was asked for, and say where."""
        if self._folder is None:
            return
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{next(_numbers)}.json"
        path = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._content(stream=self._streams))
        except Exception:
            # What went wrong first is what the caller has to know; it may be the body itself.
            logger.exception("could not save the request that failed", extra=self.about)
            return
        error.add_note(f"the request was saved to {path}")
        logger.info("saved the request that failed to %s", path, extra=self.about)

    async def _until_it_works(self, attempt: Callable[[], Awaitable[R]], total: float | None) -> R:
        self._started_ns = perf_counter_ns()
        retry = self._retry
        with anyio.move_on_after(total or None):
            async for tried in stamina.retry_context(
                on=self._wait_for,
                attempts=retry.attempts,
                timeout=None,
                wait_initial=retry.wait_initial,
                wait_max=retry.wait_max,
                wait_jitter=retry.wait_jitter,
            ):
                with tried:
                    self.attempts += 1
                    logger.debug("attempt %d", self.attempts, extra=self.about)
                    sent_ns = perf_counter_ns()
                    try:
                        return await attempt()
                    finally:
                        self.elapsed = _seconds_since(sent_ns)
        raise StreamTimeout("total", total or 0.0, elapsed=_seconds_since(self._started_ns))

    def _wait_for(self, error: Exception) -> bool | float:
        wait = self._retry.wait_for(error)
        if wait is not False and self.attempts < self._retry.attempts:
            logger.info("asks again: %s", error, extra=self.about)
        return wait

    async def _open(self, reader: Reader[Any]) -> Opened:
        sent_ns = perf_counter_ns()
        timeouts = self._timeouts
        waits = [("headers", timeouts.headers), ("first_event", timeouts.first_event)]
        request = self._request(stream=True)
        response = await self._send(request, waits)
        try:
            spent = (sent_ns - self._started_ns) / 1e9
            events = AnswerEvents(
                self._http,
                response,
                reader,
                self.shown_url,
                timeouts,
                sent_ns=sent_ns,
                spent=spent,
            )
            return Opened(events, await anext(events, None), sent_ns)
        except BaseException:
            await close(self._http, request, response)
            raise

    async def _fetch(self) -> tuple[Any, bytes]:
        waits = [("headers", self._timeouts.headers)]
        request = self._request(stream=False)
        response = await self._send(request, waits)
        try:
            if not 200 <= response.status_code < 300:
                body = b""
                with anyio.move_on_after(BODY_SECONDS):
                    body = await astart_of(response.aiter_bytes())
                source = source_of(response)
                raise response_error(source.status, source.headers, body, response)
            with our_errors(self.shown_url):
                return response, await response.aread()
        finally:
            await close(self._http, request, response)

    async def _send(self, request: Any, waits: list[tuple[str, float | None]]) -> Any:
        """The response, once its headers are there.

        The soonest of the waits is the one that counts.
        """
        sent_ns = perf_counter_ns()
        limits = [(seconds, deadline) for deadline, seconds in waits if seconds]
        seconds, deadline = min(limits, default=(None, ""))
        # That there is no connection tells more than that there is no answer.
        more = CONNECTING_FIRST if seconds == self._timeouts.connect else 0
        try:
            with anyio.move_on_after(seconds and seconds + more), our_errors(self.shown_url):
                return await self._http.send(request, stream=True)
            raise StreamTimeout(deadline, seconds or 0.0, elapsed=_seconds_since(sent_ns))
        except BaseException:
            await close(self._http, request)
            raise

    def _request(self, *, stream: bool) -> Any:
        headers = {"Content-Type": "application/json", **self._headers}
        request = self._http.build_request(
            "POST",
            self._url,
            content=self._content(stream=stream),
            headers=headers_for_events(headers) if stream else headers,
        )
        # The client's own for writing and for its pool; waits for bytes have ours.
        timeouts = {"connect": self._timeouts.connect or None, "read": None}
        request.extensions["timeout"] = {**request.extensions.get("timeout", {}), **timeouts}
        return request

    def _content(self, *, stream: bool) -> bytes:
        body = dict(self._body)
        if not stream and body.pop("stream", None) is not None:
            # Said, since some servers stream unless they are told.
            body["stream"] = False
            body.pop("stream_options", None)
        return msgspec.json.encode(body)


def without_secrets(url: str) -> str:
    """The URL without what may be one: a user, a password, a query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _seconds_since(started_ns: int) -> float:
    return (perf_counter_ns() - started_ns) / 1e9
