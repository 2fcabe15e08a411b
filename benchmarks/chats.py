"""The ways to read a chat's answer, each as its documentation has it: the text of each token."""

import asyncio
import json
from importlib import import_module
from importlib.metadata import version
from typing import Any

from fastsse import iter_events
from fastsse.llm import Client, Timeouts

REQUEST: dict[str, Any] = {
    "model": "gpt-4o-mini-2024-07-18",
    "messages": [{"role": "user", "content": "What does the fox do?"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}
# The name of a transport, and what makes a client with it.
AIOHTTP = "httpx-aiohttp", "httpx_aiohttp:HttpxAiohttpClient"
HTTPX2 = "httpx2", "httpx2:AsyncClient"


class Way:
    """One way over one transport; making it raises ImportError where a part is not installed."""

    name: str
    over: str
    # What makes the HTTP client, and what else is used; each is imported.
    http = "httpx:AsyncClient"
    parts: tuple[str, ...] = ()
    # One loop for all, as an application has: connections are kept from answer to answer.
    runner = asyncio.Runner()

    def __init__(self, url: str) -> None:
        self.url = url
        module, _, kind = self.http.partition(":")
        self._parts: list[Any] = [import_module(name) for name in self.parts]
        self._http: Any = getattr(import_module(module), kind)(timeout=60, trust_env=False)
        self.versions = {name: version(name) for name in (module, *self.parts)}

    def read(self, path: str) -> list[str]:
        """The texts of the answer of the server whose base URL has that path."""
        return self.runner.run(self._read(self.url + path))

    def close(self) -> None:
        self.runner.run(self._http.aclose())

    async def _read(self, base_url: str) -> list[str]:
        raise NotImplementedError


class OpenAI(Way):
    name = "AsyncOpenAI"
    over = "httpx2"
    http = "openai:DefaultAsyncHttpxClient"
    parts = ("openai", "httpx2")

    async def _read(self, base_url: str) -> list[str]:
        client = self._parts[0].AsyncOpenAI(
            base_url=f"{base_url}/v1", api_key="none", http_client=self._http
        )
        texts = []
        async for chunk in await client.chat.completions.create(**REQUEST):
            if chunk.choices and chunk.choices[0].delta.content:
                texts.append(chunk.choices[0].delta.content)
        return texts


class OpenAIOverAiohttp(OpenAI):
    over = "httpx2, aiohttp"
    http = "openai:DefaultAioHttpClient"


class ByHand(Way):
    """Events and json.loads, and what their users write around these."""

    def events(self, response: Any) -> Any:
        raise NotImplementedError

    async def _read(self, base_url: str) -> list[str]:
        texts = []
        url = f"{base_url}/v1/chat/completions"
        async with self._http.stream("POST", url, json=REQUEST) as response:
            async for event in self.events(response):
                if event.data == "[DONE]":
                    break
                chunk = json.loads(event.data)
                if chunk["choices"]:
                    text = chunk["choices"][0]["delta"].get("content")
                    if text:
                        texts.append(text)
        return texts


class HttpxSse(ByHand):
    name = "httpx-sse, json.loads"
    over = "httpx"
    parts = ("httpx_sse",)

    def events(self, response: Any) -> Any:
        return self._parts[0].EventSource(response).aiter_sse()


class HttpxSseOverAiohttp(HttpxSse):
    over, http = AIOHTTP


class IterEventsOverAiohttp(ByHand):
    name = "iter_events, json.loads"
    over, http = AIOHTTP

    def events(self, response: Any) -> Any:
        return iter_events(response)


class Ours(Way):
    name = "Client.chat"
    over = "httpx"
    timeouts: Timeouts | None = None

    async def _read(self, base_url: str) -> list[str]:
        client = Client(
            self._http, base_url=base_url, model=REQUEST["model"], timeouts=self.timeouts
        )
        texts = []
        async with client.chat(REQUEST["messages"]) as answer:
            async for delta in answer:
                if delta.text:
                    texts.append(delta.text)
        return texts


class OursOverHttpx2(Ours):
    over, http = HTTPX2


class OursOverAiohttp(Ours):
    over, http = AIOHTTP


class Patient(Ours):
    name = "Client.chat, no deadlines"
    timeouts = Timeouts(connect=None, headers=None, first_event=None, idle=None, total=None)


class PatientOverHttpx2(Patient):
    over, http = HTTPX2


class PatientOverAiohttp(Patient):
    over, http = AIOHTTP


WAYS = (
    OpenAI,
    OpenAIOverAiohttp,
    HttpxSse,
    HttpxSseOverAiohttp,
    IterEventsOverAiohttp,
    Ours,
    Patient,
    OursOverHttpx2,
    PatientOverHttpx2,
    OursOverAiohttp,
    PatientOverAiohttp,
)
