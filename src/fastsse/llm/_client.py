"""`Client`: calls of a server of a language model, over the caller's own HTTP client."""

import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar, overload
from urllib.parse import urljoin, urlsplit

from ._answer import Answer
from ._call import Call, without_secrets
from .types import Delta, Token
from ._deltas import DeltaReader, shape_named
from .message import Message
from ._retry import Retry
from ._timeouts import DEFAULTS, Timeouts
from ._tokens import TokenReader
from ._values import EventReader, JsonEvent, OnError, json_decoder, json_value

T = TypeVar("T")

TOKEN = re.compile("[!-~]+")
VERSION = re.compile(r"v\d+[a-z0-9]*")


class Client:
    """Streams answers from a server that speaks as OpenAI's does, and JSON from any other.

    Args:
        http: an `httpx.AsyncClient` or `httpx2.AsyncClient`, which stays open, and whose pool,
            proxies, certificates and HTTP versions are used.
        base_url: of the server, with or without a slash or `/v1` at its end.
        api_key: sent to that server as a bearer token; None for none.
        model: for calls that name none.
        timeouts: what the environment and the defaults say otherwise; see `Timeouts`.
        retry: how often a request is sent before its first event; None for once.
        save_failed_requests: a folder where the JSON of each call that fails is saved, so that
            it can be sent again; None for nowhere.

    Raises:
        TypeError: http is no such client, or an argument has the wrong type.
        ValueError: the URL is not absolute, the key is no token, or a timeout makes no sense, in
            the environment too.

    A call raises, before its first event or between two: `TransportError`, `ResponseError`,
    `StreamTimeout`, `StreamError`, `DecodeError`, and `ProtocolError`, of which
    `IncompleteStreamError` and `ContentTypeError` are kinds. All are `SSEError`.
    """

    def __init__(
        self,
        http: Any,
        base_url: str,
        api_key: str | None = None,
        model: str | None = None,
        timeouts: Timeouts | None = None,
        retry: Retry | None = Retry(),  # noqa: B008 - immutable
        save_failed_requests: str | PathLike[str] | None = None,
    ) -> None:
        if not (hasattr(http, "build_request") and hasattr(http, "aclose")):
            kind = type(http).__qualname__
            raise TypeError(f"http: expected an AsyncClient of httpx or httpx2, got {kind}")
        # What has a line feed at its end, say, the client would show in its own error.
        if api_key is not None and not TOKEN.fullmatch(api_key):
            raise ValueError("api_key: expected visible ASCII characters and no others")
        self.base_url = _base_of(str(base_url))
        self.model = model
        given = _expect("timeouts", timeouts, Timeouts) or Timeouts()
        self.timeouts = given.over(Timeouts.from_environment()).over(DEFAULTS)
        self.retry = _expect("retry", retry, Retry)
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
        """Ask for a chat completion: a stream of `Delta`, or with `await` a `Message`.

        Args:
            messages: of the chat so far, as the server takes them.
            model: for this call.
            timeouts: for this call; see `Timeouts` for what it leaves open.
            headers: more of them.
            on_error: "raise" for a DecodeError at the first event that is no chunk of an answer,
                "skip" to pass over it.
            require_end: raise IncompleteStreamError if it ends with neither `[DONE]` nor a finish
                reason.
            options: the rest of the request, such as `temperature`, `max_tokens`, `seed`,
                `tools`; what is None is left out. Usage is asked for, unless `stream_options`
                says otherwise.

        Raises:
            TypeError: messages is a text.
            ValueError: `stream` or `timeout` is among the options.
        """
        if isinstance(messages, str):
            raise TypeError("messages: expected a list of them, got str")
        return self._answer(
            "chat/completions",
            {"messages": list(messages)},
            DeltaReader(shape_named("openai-chat")),
            model=model,
            timeouts=timeouts,
            headers=headers,
            on_error=on_error,
            require_end=require_end,
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
        """Ask for a completion: a stream of `Token`, or with `await` a `Message`.

        Tokens have their ids if the server sends them, as vLLM does for `return_token_ids=True`.

        Args:
            prompt: a text, or the ids of its tokens.
            model: for this call.
            timeouts: for this call; see `Timeouts` for what it leaves open.
            headers: more of them.
            on_error: "raise" or "skip", as for `chat`.
            require_end: as for `chat`.
            options: the rest of the request, such as `max_tokens`, `stop_token_ids`, `top_k`.

        Raises:
            ValueError: `stream` or `timeout` is among the options, or more than one choice is
                asked for.
        """
        if options.get("n") not in (None, 1):
            raise ValueError(f"n: expected 1, since tokens do not tell choices: {options['n']}")
        return self._answer(
            "completions",
            {"prompt": prompt if isinstance(prompt, str) else list(prompt)},
            TokenReader(shape_named("openai-completions")),
            model=model,
            timeouts=timeouts,
            headers=headers,
            on_error=on_error,
            require_end=require_end,
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
        """Ask any server: a stream of `JsonEvent`, or with `await` one JSON value.

        Args:
            url: from the base URL on, as links go: "embeddings" is below it, "/events" at the
                server's root, and an absolute one is where it says; the key goes to no other
                server.
            body: sent as JSON, as it is; but where it has a `stream`, a call that is awaited says
                false there, and leaves `stream_options` out.
            type: what each value has to be; None for any JSON.
            timeouts: for this call; see `Timeouts` for what it leaves open.
            headers: more of them.
            on_error: "raise" or "skip", as for `chat`.
            require_end: raise IncompleteStreamError if it ends without `[DONE]`.
        """
        loads = json_decoder(type)
        return Answer(
            self._call(url, body, timeouts, headers),
            EventReader(loads),
            lambda content: json_value(content, loads),
            on_error=on_error,
            require_end=require_end,
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
        on_error: OnError,
        require_end: bool,
        options: dict[str, Any],
    ) -> Answer[Any, Message]:
        if "stream" in options:
            raise ValueError("stream: `async with` streams, and `await` does not")
        if "timeout" in options:
            raise ValueError("timeout: expected timeouts=Timeouts(...), which has five")
        asked: dict[str, Any] = {
            "model": model or self.model,
            **body,
            "stream": True,
            "stream_options": {"include_usage": True},
            **options,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        call = self._call(path, given, timeouts, headers)
        return Answer(call, reader, reader.whole, on_error=on_error, require_end=require_end)

    def _call(
        self,
        url: str,
        body: Mapping[str, Any],
        timeouts: Timeouts | None,
        headers: Mapping[str, str] | None,
    ) -> Call:
        url = urljoin(self.base_url, url)
        # Nobody else is to have it.
        is_home = urlsplit(url)[:2] == urlsplit(self.base_url)[:2]
        has_key = self._api_key is not None and is_home
        key = {"Authorization": f"Bearer {self._api_key}"} if has_key else {}
        given = _expect("timeouts", timeouts, Timeouts)
        return Call(
            self._http,
            url,
            body,
            headers={**key, **(headers or {})},
            timeouts=self.timeouts if given is None else given.over(self.timeouts),
            retry=self.retry or Retry(attempts=1),
            save_failed_requests=self._folder,
        )


def _expect(name: str, value: T | None, kind: type[T]) -> T | None:
    if value is None or isinstance(value, kind):
        return value
    expected, got = kind.__name__, type(value).__qualname__
    raise TypeError(f"{name}: expected {expected} or None, got {got}")


def _base_of(url: str) -> str:
    """The URL that paths are added to: with a version, which is /v1 if it has none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"base_url: expected http:// or https:// and a host, got {url!r}")
    if parts.query or parts.fragment:
        raise ValueError("base_url: expected no query and no fragment, which no call would have")
    base = url.rstrip("/")
    if not any(VERSION.fullmatch(part) for part in parts.path.split("/")):
        base += "/v1"
    return base + "/"
