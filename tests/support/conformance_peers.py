"""The parsers that the table of conformance compares, each as its documentation uses it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from importlib.metadata import version
from typing import Any


class Peer:
    """A parser with the HTTP client that its documentation has it read from."""

    name: str
    distribution: str
    attributes = {"event": "event", "data": "data", "id": "id", "retry": "retry"}  # noqa: RUF012
    # Whether it looks at more than bytes.
    sees_response = True

    def __init__(self) -> None:
        self.version = version(self.distribution)

    def events(self, url: str) -> Iterator[Any]:
        """The events of one stream; imports what it needs."""
        raise NotImplementedError

    def value(self, event: Any, tells: str) -> Any:
        value = getattr(event, self.attributes.get(tells, "data"))
        if tells == "event":
            return value or "message"
        return "" if tells == "id" and value is None else value


class Fastsse(Peer):
    name, distribution = "fastsse", "fastsse-client"

    def events(self, url: str) -> Iterator[Any]:
        import httpx

        import fastsse

        with httpx.Client(verify=False) as client, client.stream("GET", url) as response:
            yield from fastsse.iter_events(response)


class HttpxSse(Peer):
    name = distribution = "httpx-sse"

    def events(self, url: str) -> Iterator[Any]:
        import httpx
        import httpx_sse

        with (
            httpx.Client(verify=False) as client,
            httpx_sse.connect_sse(client, "GET", url) as source,
        ):
            yield from source.iter_sse()


class Httpx2(Peer):
    name = distribution = "httpx2"

    def events(self, url: str) -> Iterator[Any]:
        import httpx2

        with httpx2.Client(verify=False) as client, client.stream("GET", url) as response:
            yield from httpx2.EventSource(response)


class Decoder(Peer):
    """An SDK's own decoder, which sees bytes only."""

    sees_response = False

    def __init__(self) -> None:
        super().__init__()
        self._decoder = import_module(f"{self.distribution}._streaming").SSEDecoder

    def events(self, url: str) -> Iterator[Any]:
        import httpx

        with httpx.Client(verify=False) as client, client.stream("GET", url) as response:
            yield from self._decoder().iter_bytes(response.iter_bytes())


class OpenAI(Decoder):
    name = distribution = "openai"


class Anthropic(Decoder):
    name = distribution = "anthropic"


class Groq(Decoder):
    name = distribution = "groq"


class SseclientPy(Peer):
    name = distribution = "sseclient-py"

    def events(self, url: str) -> Iterator[Any]:
        import requests
        import sseclient

        with requests.get(url, stream=True, timeout=30) as response:
            yield from sseclient.SSEClient(response).events()


class RequestsSse(Peer):
    """Connects again where a stream ends; the server then says that there is no more."""

    name = distribution = "requests-sse"
    attributes = {"event": "type", "data": "data", "id": "last_event_id"}  # noqa: RUF012

    def events(self, url: str) -> Iterator[Any]:
        import requests_sse

        with (
            suppress(requests_sse.InvalidStatusCodeError),
            requests_sse.EventSource(url, reconnection_time=timedelta(0)) as source,
        ):
            yield from source


class Niquests(Peer):
    name, distribution = "niquests", "urllib3-future"

    def events(self, url: str) -> Iterator[Any]:
        import niquests

        with niquests.get(url.replace("http:", "psse:"), timeout=30) as response:
            yield from iter(response.extension.next_payload, None)


class LaunchDarkly(Peer):
    name = distribution = "launchdarkly-eventsource"
    attributes = {"event": "event", "data": "data", "id": "last_event_id"}  # noqa: RUF012

    def events(self, url: str) -> Iterator[Any]:
        import ld_eventsource
        import urllib3

        # A pool of our own, since it cannot close that of urllib3-future, which niquests puts in
        # the place of urllib3.
        with urllib3.PoolManager() as pool:
            connect = ld_eventsource.config.ConnectStrategy.http(url, pool=pool)
            with ld_eventsource.SSEClient(connect) as client:
                yield from client.events


class AiohttpSse(Peer):
    """Connects again where a stream ends, like requests-sse."""

    name = distribution = "aiohttp-sse-client"
    attributes = {"event": "type", "data": "data", "id": "last_event_id"}  # noqa: RUF012

    def events(self, url: str) -> Iterator[Any]:
        import aiohttp
        from aiohttp_sse_client.client import EventSource

        async def read() -> AsyncIterator[Any]:
            async with (
                aiohttp.ClientSession() as session,
                EventSource(url, session=session, reconnection_time=timedelta(0)) as source,
            ):
                with suppress(ConnectionAbortedError):
                    async for event in source:
                        yield event

        with asyncio.Runner() as runner:
            events = read()
            with suppress(StopAsyncIteration):
                while True:
                    yield runner.run(anext(events))


PEERS: tuple[type[Peer], ...] = (
    Fastsse,
    HttpxSse,
    Httpx2,
    OpenAI,
    Anthropic,
    Groq,
    SseclientPy,
    RequestsSse,
    Niquests,
    LaunchDarkly,
    AiohttpSse,
)
