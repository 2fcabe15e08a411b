"""The parsers that are compared: a small class for each, over chunks that are here already.

Each peer reads in the fastest way that its own documentation has, without a network; where it
asks for a response, it gets the least that serves it, so that only the parser is measured.
"""

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

Chunks = list[bytes]


class Peer:
    """One parser; making it raises ImportError where it is not installed."""

    name: str
    distribution: str
    module: str

    def __init__(self) -> None:
        self.library: Any = import_module(self.module)
        self.version = version(self.distribution)

    def events(self, chunks: Chunks) -> Iterable[Any]:
        """The events of one stream."""
        raise NotImplementedError

    def read(self, streams: list[Chunks]) -> None:
        """What is measured: each event's data is looked at."""
        for chunks in streams:
            for event in self.events(chunks):
                event.data  # noqa: B018


class Twin(Peer):
    distribution = "fastsse-client"

    def events(self, chunks: Chunks) -> Iterable[Any]:
        feed = self.library.Parser().feed
        return [event for chunk in chunks for event in feed(chunk)]

    def read(self, streams: list[Chunks]) -> None:
        for chunks in streams:
            feed = self.library.Parser().feed
            for chunk in chunks:
                for event in feed(chunk):
                    event.data  # noqa: B018


class Compiled(Twin):
    name = "fastsse"
    module = "fastsse._parser_c"


class Pure(Twin):
    name = "fastsse, pure"
    module = "fastsse._parser_py"


class Response:
    """What httpx-sse and httpx2 ask of a response."""

    headers = {"content-type": "text/event-stream"}  # noqa: RUF012
    request = None

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks

    def iter_text(self) -> Iterator[str]:
        decode = getincrementaldecoder("utf-8")("replace").decode
        for chunk in self._chunks:
            yield decode(chunk)


class HttpxSse(Peer):
    name = distribution = "httpx-sse"
    module = "httpx_sse"

    def events(self, chunks: Chunks) -> Iterable[Any]:
        response: Any = Response(chunks)
        return self.library.EventSource(response).iter_sse()


class Httpx2(Peer):
    name = distribution = module = "httpx2"

    def events(self, chunks: Chunks) -> Iterable[Any]:
        return self.library.EventSource(Response(chunks), max_event_size=None)


class OpenAI(Peer):
    name = distribution = "openai"
    module = "openai._streaming"

    def events(self, chunks: Chunks) -> Iterable[Any]:
        return self.library.SSEDecoder().iter_bytes(iter(chunks))


class Anthropic(OpenAI):
    name = distribution = "anthropic"
    module = "anthropic._streaming"


class SseclientPy(Peer):
    name = distribution = "sseclient-py"
    module = "sseclient"

    def events(self, chunks: Chunks) -> Iterable[Any]:
        return self.library.SSEClient(chunks).events()


class RequestsSse(Peer):
    """Waits and connects again where a stream ends, so that this one ends in an error instead."""

    name = distribution = "requests-sse"
    module = "requests_sse"

    def __init__(self) -> None:
        super().__init__()
        self._response = import_module("requests").Response

    def events(self, chunks: Chunks) -> Iterator[Any]:
        def stream(*_: object, **__: object) -> Iterator[bytes]:
            yield from chunks
            raise EOFError

        response = self._response()
        response.status_code = 200
        response.url = "http://localhost/"
        response.headers["content-type"] = "text/event-stream"
        response.raw = SimpleNamespace(stream=stream)
        session: Any = SimpleNamespace(request=lambda **_: response)
        source = self.library.EventSource(response.url, session=session)
        source.connect()
        with suppress(EOFError):
            yield from source


class Niquests(Peer):
    name = "niquests"
    distribution = "urllib3-future"
    module = "urllib3_future.contrib.webextensions.sse"

    def events(self, chunks: Chunks) -> Iterator[Any]:
        source = self.library.ServerSideEventExtensionFromHTTP()
        source.start(
            SimpleNamespace(
                _fp=SimpleNamespace(_dsa=None),
                _police_officer=None,
                stream=lambda *_, **__: (chunk for chunk in chunks),
            )
        )
        return iter(source.next_payload, None)


class LaunchDarkly(Peer):
    name = distribution = "launchdarkly-eventsource"
    module = "ld_eventsource"

    def __init__(self) -> None:
        super().__init__()
        config = import_module("ld_eventsource.config")

        class Connection(config.ConnectStrategy, config.ConnectionClient):
            def __init__(self, chunks: Chunks) -> None:
                self.chunks = chunks

            def create_client(self, logger: Any) -> Any:
                return self

            def connect(self, last_event_id: str | None) -> Any:
                return config.ConnectionResult(stream=iter(self.chunks), closer=None)

            def close(self) -> None:
                pass

        self._connection = Connection
        self._strategy = config.ErrorStrategy.always_fail()

    def events(self, chunks: Chunks) -> Iterable[Any]:
        client = self.library.SSEClient(self._connection(chunks), error_strategy=self._strategy)
        return client.events


PEERS = (
    Compiled,
    Pure,
    HttpxSse,
    Httpx2,
    OpenAI,
    Anthropic,
    SseclientPy,
    RequestsSse,
    Niquests,
    LaunchDarkly,
)
