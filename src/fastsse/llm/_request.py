"""One request: its body, timeouts, retries, and saving it on failure."""

import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any, TypeVar

import anyio
import msgspec
import stamina

from .._errors import StreamTimeout
from .._http import headers_for_events, without_secrets
from .._parser import Parser
from .._reader import StreamReader
from .._response import BODY_SECONDS, astart_of, response_error
from .._stream import EventStream
from ..clients import source_of
from ..deadlines import Deadlines
from ._transport import close, is_connect_timeout, translate_errors, translated
from .options import WHOLE_ANSWER, Retry, Timeouts

R = TypeVar("R")

# Grace in seconds when another timeout equals the connect timeout, because the connect error says
# more.
GRACE = 0.5

logger = logging.getLogger(__name__)
_numbers = itertools.count(1)


class JsonRequest:
    """A POST of JSON, sent again until its first event is received.

    Attributes:
        attempts: how often the request has been sent.
        sent_ns: `perf_counter_ns()` of the last attempt; 0 before the first.
        elapsed: seconds from the last attempt to its response or failure; 0 before.
        log_context: the `extra` of log records.
    """

    def __init__(
        self,
        http: Any,
        url: str,
        body: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        timeout_names: Mapping[str, str],
        retry: Retry,
        max_event_size: int | None,
        save_failed_requests: Path | None,
    ) -> None:
        self.attempts = 0
        self.sent_ns = 0
        self.elapsed = 0.0
        self._started_ns = 0
        self._streams = True
        self._http = http
        self._url = url
        self._shown_url = without_secrets(url)
        self._body = body
        self._headers = headers
        self._timeouts = timeouts
        self._timeout_names = timeout_names
        self._retry = retry
        self._max_event_size = max_event_size
        self._folder = save_failed_requests
        self.log_context: dict[str, Any] = {
            "model": body.get("model"),
            "url": self._shown_url,
            "timeouts": {name: timeouts.limit(name) for name in timeout_names},
        }

    async def open(self) -> EventStream:
        """Send the request; returns the events once the first is received, or none remains."""
        return await self._retried(self._open, self._timeouts.limit("total"))

    async def fetch(self) -> tuple[Any, bytes]:
        """Send the request without streaming; returns the response and its body."""
        self._streams = False
        return await self._retried(self._fetch, self._timeouts.limit("total", WHOLE_ANSWER))

    def save(self, error: BaseException) -> None:
        """Save the request of a call that failed, if the client has a folder for that."""
        if self._folder is None:
            return
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{next(_numbers)}.json"
        path = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._content())
        except Exception:
            # The caller must see the first error; this one may be about the body itself.
            logger.exception("could not save the failed request", extra=self.log_context)
            return
        error.add_note(f"the request was saved to {path}")
        logger.info("saved the failed request to %s", path, extra=self.log_context)

    async def _retried(self, attempt: Callable[[], Awaitable[R]], total: float | None) -> R:
        self._started_ns = perf_counter_ns()
        retry = self._retry
        with anyio.move_on_after(total):
            async for tried in stamina.retry_context(
                on=self._wait_for,
                attempts=retry.attempts,
                timeout=None,
                wait_initial=retry.wait_initial,
                wait_max=retry.wait_max,
                wait_jitter=retry.wait_jitter,
            ):
                with tried, self._attempt():
                    return await attempt()
        raise self._timeout("total", total, since_ns=self._started_ns)

    @contextmanager
    def _attempt(self) -> Iterator[None]:
        self.attempts += 1
        logger.debug("attempt %d", self.attempts, extra=self.log_context)
        self.sent_ns = perf_counter_ns()
        try:
            yield
        finally:
            self.elapsed = _seconds_since(self.sent_ns)

    def _wait_for(self, error: Exception) -> bool | float:
        wait = self._retry.wait_for(error)
        if wait is not False and self.attempts < self._retry.attempts:
            logger.info("retrying: %s", error, extra=self.log_context)
        return wait

    async def _open(self) -> EventStream:
        request = self._new_request()
        response = await self._send(request, ("headers", "first_event"))
        try:
            source = source_of(response)._replace(
                aclose=partial(close, self._http, request, response)
            )
            reader = StreamReader(
                Parser(max_event_size=self._max_event_size),
                flush_at_end=True,
                started_ns=self.sent_ns,
                explain=partial(translated, self._shown_url),
            )
            events = EventStream(source, reader, self._deadlines())
            if await anext(events, None) is not None:
                reader.rewind()
            return events
        except BaseException:
            await close(self._http, request, response)
            raise

    def _deadlines(self) -> Deadlines:
        limit = self._timeouts.limit
        names = ("first_event", "idle", "total")
        written = self._timeout_names
        deadlines = Deadlines(
            *map(limit, names), names=(written["first_event"], written["idle"], written["total"])
        )
        deadlines.call_age = (self.sent_ns - self._started_ns) / 1e9
        return deadlines

    async def _fetch(self) -> tuple[Any, bytes]:
        request = self._new_request()
        response = await self._send(request, ("headers",))
        try:
            if not 200 <= response.status_code < 300:
                body = b""
                with anyio.move_on_after(BODY_SECONDS):
                    body = await astart_of(response.aiter_bytes())
                raise response_error(response.status_code, response.headers, body, response)
            with translate_errors(self._shown_url):
                return response, await response.aread()
        finally:
            await close(self._http, request, response)

    async def _send(self, request: Any, names: tuple[str, ...]) -> Any:
        """Return the response once its headers are received, within the shortest named timeout."""
        limits = [(limit, name) for name in names if (limit := self._timeouts.limit(name))]
        seconds, name = min(limits, default=(None, ""))
        connect = self._timeouts.limit("connect")
        is_close = None not in (seconds, connect) and 0 <= seconds - connect < GRACE  # type: ignore[operator]
        wait = seconds + GRACE if seconds is not None and is_close else seconds
        try:
            with anyio.move_on_after(wait), translate_errors(self._shown_url):
                return await self._http.send(request, stream=True)
            raise self._timeout(name, seconds, since_ns=self.sent_ns)
        except BaseException as error:
            await close(self._http, request)
            if is_connect_timeout(error):
                timeout = self._timeout("connect", connect, since_ns=self.sent_ns)
                raise timeout from error.__cause__
            raise

    def _timeout(self, name: str, seconds: float | None, *, since_ns: int) -> StreamTimeout:
        elapsed = _seconds_since(since_ns)
        return StreamTimeout(name, seconds or 0.0, name=self._timeout_names[name], elapsed=elapsed)

    def _new_request(self) -> Any:
        headers = {"Content-Type": "application/json", **self._headers}
        request = self._http.build_request(
            "POST",
            self._url,
            content=self._content(),
            headers=headers_for_events(headers) if self._streams else headers,
        )
        # Writing and the pool keep the client's own timeouts; `Timeouts` limit waits for bytes.
        timeouts = {"connect": self._timeouts.limit("connect"), "read": None}
        request.extensions["timeout"] = {**request.extensions.get("timeout", {}), **timeouts}
        return request

    def _content(self) -> bytes:
        body = dict(self._body)
        if not self._streams and body.pop("stream", None) is not None:
            # Sent explicitly, because some servers stream by default.
            body["stream"] = False
            body.pop("stream_options", None)
        return msgspec.json.encode(body)


def _seconds_since(started_ns: int) -> float:
    return (perf_counter_ns() - started_ns) / 1e9
