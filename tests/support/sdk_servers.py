"""What the SDKs talk to in tests, and how they read it: stock or accelerated, in each way."""

import base64
import json
import struct
from binascii import crc32
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import anthropic
import groq
import httpx
import httpx2
import openai
from reading import LOOPS, connections_of
from server import STREAM, Send

import fastsse
from fastsse.sdk import accelerate

# A prime, so that pieces end anywhere: in lines, in characters, between CR and LF.
PIECE = 211
HEADERS = [(name.encode(), value.encode()) for name, value in STREAM]


class Replay:
    """An ASGI app that answers with the bytes that the header `stream` of a request names."""

    def __init__(self) -> None:
        self._bodies: dict[str, tuple[bytes, bool]] = {}
        self._names = map(str, count())

    def add(self, body: bytes, *, cut: bool = False) -> str:
        """The name under which the body is served; one that is cut ends with its connection."""
        name = next(self._names)
        self._bodies[name] = body, cut
        return name

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send
    ) -> None:
        while (await receive()).get("more_body"):
            pass
        body, cut = self._bodies[dict(scope["headers"])[b"stream"].decode()]
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        for at in range(0, len(body), PIECE):
            await self._send(send, body[at : at + PIECE], more=True)
        if cut:
            raise ConnectionError("the server dies here")
        await self._send(send, b"", more=False)

    async def _send(self, send: Send, body: bytes, *, more: bool) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": more})


class Sdk(NamedTuple):
    """A client of an SDK, sync and async, over the HTTP client that it is made for."""

    http: Any
    kinds: tuple[Any, Any]
    options: dict[str, Any]

    def client(self, url: str, way: str) -> Any:
        kind = self.kinds[way != "sync"]
        http_kind = self.http.Client if way == "sync" else self.http.AsyncClient
        # Certificates take longer to load than most tests to run.
        http = http_kind(verify=False)
        return kind(base_url=url, http_client=http, max_retries=0, **self.options)


KEY = {"api_key": "key"}
AWS = {"aws_region": "us-east-1"}
OPENAI = Sdk(httpx2, (openai.OpenAI, openai.AsyncOpenAI), KEY)
AZURE = Sdk(httpx2, (openai.AzureOpenAI, openai.AsyncAzureOpenAI), KEY | {"api_version": "1"})
ANTHROPIC = Sdk(httpx2, (anthropic.Anthropic, anthropic.AsyncAnthropic), KEY)
GROQ = Sdk(httpx, (groq.Groq, groq.AsyncGroq), KEY)
BEDROCK = Sdk(
    httpx2,
    (anthropic.AnthropicBedrock, anthropic.AsyncAnthropicBedrock),
    AWS | {"aws_access_key": "key", "aws_secret_key": "secret"},
)
SDKS = {
    "openai": OPENAI,
    "openai-azure": AZURE,
    "openai-bedrock": Sdk(httpx2, (openai.BedrockOpenAI, openai.AsyncBedrockOpenAI), KEY | AWS),
    "anthropic": ANTHROPIC,
    "anthropic-vertex": Sdk(
        httpx2,
        (anthropic.AnthropicVertex, anthropic.AsyncAnthropicVertex),
        {"region": "here", "project_id": "this", "access_token": "token"},
    ),
    "anthropic-foundry": Sdk(
        httpx2, (anthropic.AnthropicFoundry, anthropic.AsyncAnthropicFoundry), KEY
    ),
    "anthropic-aws": Sdk(
        httpx2,
        (anthropic.AnthropicAWS, anthropic.AsyncAnthropicAWS),
        KEY | AWS | {"workspace_id": "this"},
    ),
    "anthropic-mantle": Sdk(
        httpx2,
        (anthropic.AnthropicBedrockMantle, anthropic.AsyncAnthropicBedrockMantle),
        KEY | AWS,
    ),
    "anthropic-google": Sdk(
        httpx2,
        (anthropic.AnthropicGoogleCloud, anthropic.AsyncAnthropicGoogleCloud),
        {"project": "this", "location": "here", "workspace_id": "w", "skip_auth": True},
    ),
    "groq": GROQ,
}

CALLS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "chat": lambda client: partial(client.chat.completions.create, model="m", messages=[]),
    "completions": lambda client: partial(client.completions.create, model="m", prompt=""),
    "responses": lambda client: partial(client.responses.create, model="m", input=""),
    "runs": lambda client: partial(client.beta.threads.runs.create, "t", assistant_id="a"),
    "messages": lambda client: partial(
        client.messages.create, model="m", messages=[], max_tokens=1
    ),
}


class Read(NamedTuple):
    """What an SDK made of a stream, to its end or to its error."""

    objects: list[Any]
    error: tuple[type, str] | None
    decoder: type
    connections: int
    """Those that the client's pool still holds in use after that."""

    @property
    def outcome(self) -> tuple[list[Any], tuple[type, str] | None]:
        return self.objects, self.error


class Server(NamedTuple):
    """The server's address and what it serves, read by the SDKs."""

    url: str
    replay: Replay

    def read(
        self,
        sdk: Sdk,
        call: str,
        body: bytes,
        way: str = "sync",
        *,
        cut: bool = False,
        first: int | None = None,
        prepare: Callable[[Any], Any] = accelerate,
    ) -> Read:
        """Read a stream with a client that is prepared; of that many objects, None for all."""
        name = self.replay.add(body, cut=cut)
        arguments = {"stream": True, "extra_headers": {"stream": name}}
        if way == "sync":
            return self._read(prepare(sdk.client(self.url, way)), call, arguments, first)
        return LOOPS[way](
            lambda: self._aread(prepare(sdk.client(self.url, way)), call, arguments, first)
        )

    def stock(self, *arguments: Any, **options: Any) -> Read:
        return self.read(*arguments, prepare=lambda client: client, **options)

    def _read(self, client: Any, call: str, arguments: Any, first: int | None) -> Read:
        objects: list[Any] = []
        error = None
        with client, CALLS[call](client)(**arguments) as stream:
            try:
                for item in stream:
                    objects.append(item)
                    if len(objects) == first:
                        break
            except Exception as caught:
                error = type(caught), str(caught)
            stream.close()
            return Read(objects, error, type(stream._decoder), connections_of(client._client))

    async def _aread(self, client: Any, call: str, arguments: Any, first: int | None) -> Read:
        objects: list[Any] = []
        error = None
        async with client, await CALLS[call](client)(**arguments) as stream:
            try:
                async for item in stream:
                    objects.append(item)
                    if len(objects) == first:
                        break
            except Exception as caught:
                error = type(caught), str(caught)
            await stream.close()
            return Read(objects, error, type(stream._decoder), connections_of(client._client))


def call_of(stream: bytes) -> str:
    """Which of the calls gets such a stream, as its first event tells; a chat's if none does."""
    event = fastsse.Parser().feed(stream)[0]
    try:
        data = event.json()
    except ValueError:
        return "chat"
    if event.event == "message_start":
        return "messages"
    if event.event.startswith("thread."):
        return "runs"
    if data.get("object") == "text_completion":
        return "completions"
    return "responses" if "response" in data else "chat"


def aws_event_stream(stream: bytes) -> bytes:
    """The events of a stream as Bedrock sends them: in binary messages of AWS, not as SSE."""
    return b"".join(_aws_message(event.data_bytes) for event in fastsse.Parser().feed(stream))


def _aws_message(data: bytes) -> bytes:
    fields = {
        ":event-type": "chunk",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value))
        + value.encode()
        for name, value in fields.items()
    )  # fmt: skip
    payload = json.dumps({"bytes": base64.b64encode(data).decode()}).encode()
    message = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message += struct.pack("!I", crc32(message)) + headers + payload
    return message + struct.pack("!I", crc32(message))
