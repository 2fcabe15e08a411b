"""`Client`: calls to a server of a language model, over the caller's own HTTP client."""

import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload
from urllib.parse import urljoin, urlsplit

from .._arguments import DEFAULT_MAX_EVENT_SIZE, expect_limit
from .._http import HttpClient, without_secrets
from ._request import JsonRequest
from .answer import Answer
from .deltas import DeltaReader, TokenReader
from .options import DEFAULTS, Retry, Timeouts, written_names
from .shapes import shape_named
from .types import Delta, Message, Token
from .values import EventReader, JsonEvent, OnError, json_decoder, json_value

T = TypeVar("T")

TOKEN = re.compile("[!-~]+")
VERSION = re.compile(r"v\d+[a-z0-9]*")


class AsyncHttpClient(HttpClient, Protocol):
    """The methods of an `httpx.AsyncClient` or `httpx2.AsyncClient` that `Client` calls."""

    @property
    def aclose(self) -> Any: ...


class Client:
    """Streams answers from a server with OpenAI's API, and JSON from any other server.

    Args:
        http: an `httpx.AsyncClient` or `httpx2.AsyncClient`; it stays open. Its pool, proxies,
            certificates and HTTP versions are used.
        base_url: of the server, with or without a slash or `/v1` at its end.
        api_key: sent to that server as a bearer token; None for no key.
        model: the model of calls that name none.
        timeouts: replace those of the environment and the defaults; see `Timeouts`.
        retry: how often a request is sent before its first event; None for one attempt.
        max_event_size: the most bytes that an event may have (see `Parser`); None for no limit.
        save_failed_requests: a folder where the JSON of each failed call is saved, so that it can
            be sent again; None to save nothing.

    Raises:
        TypeError: http is not an AsyncClient, or an argument has the wrong type.
        ValueError: the URL is not absolute, the key is not a token, or a timeout is not valid, in
            the environment too.

    A call raises these errors, before its first event or later: `TransportError`, `ResponseError`,
    `StreamTimeout`, `StreamError`, and `ProtocolError`, whose subclasses are `DecodeError`,
    `IncompleteStreamError`, `EventTooLargeError` and `ContentTypeError`. All are `SSEError`.
    """

    def __init__(
        self,
        http: AsyncHttpClient,
        *,
        base_url: str,
        api_key: str | None = None,
        model: str | None = None,
        timeouts: Timeouts | None = None,
        retry: Retry | None = Retry(),  # noqa: B008 - immutable
        max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE,
        save_failed_requests: str | PathLike[str] | None = None,
    ) -> None:
        if not (hasattr(http, "build_request") and hasattr(http, "aclose")):
            kind = type(http).__qualname__
            raise TypeError(f"http: expected an AsyncClient of httpx or httpx2, got {kind}")
        # The HTTP client's own error about a line feed, for example, would show the key.
        if api_key is not None and not TOKEN.fullmatch(api_key):
            raise ValueError("api_key: expected visible ASCII characters and no others")
        self.base_url = _base_of(str(base_url))
        self.model = model
        given = _expect("timeouts", timeouts, Timeouts) or Timeouts()
        self.timeouts = given.inherit(Timeouts.from_environment()).inherit(DEFAULTS)
        self._timeout_names = written_names(given)
        self.retry = _expect("retry", retry, Retry)
        expect_limit(max_event_size)
        self._max_event_size = max_event_size
        self._http = http
        self._api_key = api_key
        folder = save_failed_requests
        self._folder = None if folder is None else Path(folder)

    def __repr__(self) -> str:
        return f"Client({without_secrets(self.base_url)!r}, model={self.model!r})"

    def chat(
        self,
        messages: Iterable[Mapping[str, Any]],
        *,
        model: str | None = None,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        on_error: OnError = "raise",
        require_end: bool = True,
        **options: Any,
    ) -> Answer[Delta, Message]:
        """Request a chat completion: a stream of `Delta`, or with `await` a `Message`.

        Args:
            messages: the chat so far, as the server expects them.
            model: for this call.
            timeouts: for this call; those not given are the client's.
            headers: further headers.
            on_error: "raise" a DecodeError at the first event that is not a chunk of an answer, or
                "skip" such events.
            require_end: raise IncompleteStreamError if the stream ends without `[DONE]` or a
                finish reason; False accepts a stream that stops without either.
            options: the rest of the request, such as `temperature`, `max_tokens`, `seed`,
                `tools`; None is left out. Usage is requested, unless `stream_options` says
                otherwise.

        Raises:
            TypeError: messages is a str.
            ValueError: `stream` or `timeout` is among the options.
        """
        if isinstance(messages, str):
            raise TypeError("messages: expected a list of messages, got str")
        return self._answer(
            "chat/completions",
            {"messages": list(messages)},
            DeltaReader(shape_named("openai-chat"), on_error=on_error, require_end=require_end),
            model=model,
            timeouts=timeouts,
            headers=headers,
            options=options,
        )

    def complete(
        self,
        prompt: str | Sequence[int],
        *,
        model: str | None = None,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        on_error: OnError = "raise",
        require_end: bool = True,
        **options: Any,
    ) -> Answer[Token, Message]:
        """Request a completion: a stream of `Token`, or with `await` a `Message`.

        Tokens have ids if the server sends them, as vLLM does for `return_token_ids=True`.

        Args:
            prompt: a text, or its token ids.
            model: for this call.
            timeouts: for this call; those not given are the client's.
            headers: further headers.
            on_error: "raise" or "skip", as for `chat`.
            require_end: as for `chat`.
            options: the rest of the request, such as `max_tokens`, `stop_token_ids`, `top_k`.

        Raises:
            ValueError: `stream` or `timeout` is among the options, or `n` is not 1.
        """
        if options.get("n") not in (None, 1):
            raise ValueError(f"n: expected 1, because a Token has no index, got {options['n']}")
        return self._answer(
            "completions",
            {"prompt": prompt if isinstance(prompt, str) else list(prompt)},
            TokenReader(
                shape_named("openai-completions"), on_error=on_error, require_end=require_end
            ),
            model=model,
            timeouts=timeouts,
            headers=headers,
            options=options,
        )

    @overload
    def post(
        self,
        url: str,
        body: Mapping[str, Any],
        *,
        type: None = None,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        on_error: OnError = "raise",
        require_end: bool = False,
    ) -> Answer[JsonEvent[Any], Any]: ...
    @overload
    def post(
        self,
        url: str,
        body: Mapping[str, Any],
        *,
        type: type[T],
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        on_error: OnError = "raise",
        require_end: bool = False,
    ) -> Answer[JsonEvent[T], T]: ...
    def post(
        self,
        url: str,
        body: Mapping[str, Any],
        *,
        type: type[T] | None = None,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        on_error: OnError = "raise",
        require_end: bool = False,
    ) -> Answer[JsonEvent[Any], Any]:
        """Send JSON to any server: a stream of `JsonEvent`, or with `await` one JSON value.

        Args:
            url: relative to the base URL, as links are: "embeddings" is below it, "/events" is at
                the server's root; or absolute. The key is not sent to any other server.
            body: sent as JSON, unchanged, except that an awaited call turns `stream` to false and
                leaves `stream_options` out.
            type: the type of each value; None for any JSON.
            timeouts: for this call; those not given are the client's.
            headers: further headers.
            on_error: "raise" or "skip", as for `chat`.
            require_end: raise IncompleteStreamError if the stream ends without `[DONE]`.
        """
        loads = json_decoder(type)
        return Answer(
            self._request(url, body, timeouts, headers),
            EventReader(loads, on_error=on_error, require_end=require_end),
            lambda content: json_value(content, loads),
        )

    def _answer(
        self,
        path: str,
        body: dict[str, Any],
        reader: Any,
        *,
        model: str | None,
        timeouts: Timeouts | None,
        headers: Mapping[str, str] | None,
        options: dict[str, Any],
    ) -> Answer[Any, Message]:
        if "stream" in options:
            raise ValueError("stream: not an option: `async with` streams, `await` does not")
        if "timeout" in options:
            raise ValueError("timeout: not an option: pass timeouts=Timeouts(...)")
        fields: dict[str, Any] = {
            "model": model or self.model,
            **body,
            "stream": True,
            "stream_options": {"include_usage": True},
            **options,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return Answer(self._request(path, given, timeouts, headers), reader, reader.whole)

    def _request(
        self,
        url: str,
        body: Mapping[str, Any],
        timeouts: Timeouts | None,
        headers: Mapping[str, str] | None,
    ) -> JsonRequest:
        url = urljoin(self.base_url, url)
        # The key goes to this server only.
        is_same_server = urlsplit(url)[:2] == urlsplit(self.base_url)[:2]
        has_key = self._api_key is not None and is_same_server
        key = {"Authorization": f"Bearer {self._api_key}"} if has_key else {}
        given = _expect("timeouts", timeouts, Timeouts) or Timeouts()
        return JsonRequest(
            self._http,
            url,
            body,
            headers={**key, **(headers or {})},
            timeouts=given.inherit(self.timeouts),
            timeout_names=written_names(given, self._timeout_names),
            retry=self.retry or Retry(attempts=1),
            max_event_size=self._max_event_size,
            save_failed_requests=self._folder,
        )


def _expect(name: str, value: T | None, kind: type[T]) -> T | None:
    if value is None or isinstance(value, kind):
        return value
    expected, got = kind.__name__, type(value).__qualname__
    raise TypeError(f"{name}: expected {expected} or None, got {got}")


def _base_of(url: str) -> str:
    """The URL to append paths to; it ends with /v1 if no version is given."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"base_url: expected http:// or https:// and a host, got {url!r}")
    if parts.query or parts.fragment:
        raise ValueError("base_url: expected no query and no fragment")
    base = url.rstrip("/")
    if not any(VERSION.fullmatch(part) for part in parts.path.split("/")):
        base += "/v1"
    return base + "/"
