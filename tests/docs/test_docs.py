"""Every Python example of README and of the docs runs, against a real server.

The blocks of a page run in order, in one namespace, with `await` at the top. What they print is
compared where a block of `text` follows. What they leave open is in `names`.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import json
import re
import threading
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import httpx_sse
import pytest
from paths import ROOT
from serving import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route

import fastsse
from fastsse.cli import demo_server

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)

BODY = {
    "model": demo_server.MODEL,
    "messages": [{"role": "user", "content": "Say something."}],
    "stream": True,
    "max_tokens": 5,
    "rate": 1000,
}
FEED = {
    "1": "retry: 10\nid: 1\nevent: greeting\ndata: hello\n\n",
    "2": 'id: 2\ndata: {"n": 2}\n\n',
    "3": "id: 3\ndata: that is all\n\n",
}
EVENT_STREAM = {"content-type": "text/event-stream"}

pytestmark = pytest.mark.skipif(not PAGES[1:], reason="the docs are not here")


class Block(NamedTuple):
    """One example: where it is, and what it prints if that is told."""

    page: Path
    line: int
    code: str
    printed: str | None

    async def run(self, namespace: dict[str, Any]) -> str:
        # As long as the page above it, so that a traceback names the line of the page.
        source = "\n" * self.line + self.code
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(source, self.page, "exec", flags=flags, dont_inherit=True)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            result = eval(code, namespace)
            if code.co_flags & inspect.CO_COROUTINE:
                await result
        return printed.getvalue()


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start(1)), found[1], found[2])
        for found in BLOCK.finditer(text)
    ]


async def feed(request: Request) -> Response:
    """Two events, then a third to who asks for what came after them, then no more."""
    match request.headers.get("last-event-id"):
        case None:
            return Response(FEED["1"] + FEED["2"], headers=EVENT_STREAM)
        case "2":
            return Response(FEED["3"], headers=EVENT_STREAM)
    return Response(status_code=204)


async def claude(_: Request) -> Response:
    """A message as Anthropic streams it."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    head = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "claude"}
    message = head | {"stop_reason": None, "stop_sequence": None, "usage": usage}
    text = {"type": "text_delta", "text": "streamed"}
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": text},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": usage},
        {"type": "message_stop"},
    ]
    stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Response(stream, headers=EVENT_STREAM)


app = Starlette(
    routes=[
        Route("/v1/chat/completions", feed, methods=["GET"]),
        Route("/v1/messages", claude, methods=["POST"]),
        Mount("/openai", demo_server.app),
        Mount("/", demo_server.app),
    ]
)


@pytest.fixture(scope="module")
def docs_url() -> Iterator[str]:
    with serve(app) as url:
        yield url


@pytest.fixture
def names(docs_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the examples leave open; the SDKs' clients find the server in the environment."""
    for sdk, path in {"OPENAI": "/v1", "ANTHROPIC": "", "GROQ": ""}.items():
        monkeypatch.setenv(f"{sdk}_BASE_URL", docs_url + path)
        monkeypatch.setenv(f"{sdk}_API_KEY", "none")
    monkeypatch.setattr(demo_server, "DEFAULT_RATE", 1000.0)
    return {
        "__name__": "__example__",
        "aconnect_sse": httpx_sse.aconnect_sse,
        "base_url": docs_url,
        "body": BODY,
        "chunks": [b"data: one\n\n", b"data: two\n\n"],
        "fastsse": fastsse,
        "messages": BODY["messages"],
        "request": BODY,
        "url": f"{docs_url}/v1/chat/completions",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples(page: Path, names: dict[str, Any]) -> None:
    async def run_all() -> None:
        async with httpx.AsyncClient() as client:
            names["client"] = names["http"] = client
            namespace: dict[str, Any] = {}
            for block in blocks(page):
                namespace |= names
                printed = await block.run(namespace)
                where = f"{page.name}, line {block.line}"
                if block.printed is not None:
                    assert printed == block.printed, where
                else:
                    assert bool(printed) == ("print(" in block.code), where
                await close(
                    value for name, value in namespace.items() if names.get(name) is not value
                )

    asyncio.run(run_all())


async def close(clients: Iterable[Any]) -> None:
    """Close clients that an example made, as its reader leaves to the end of the program."""
    for client in clients:
        if callable(getattr(client, "is_closed", None)) and not isinstance(client, type):
            closed = client.close()
            if inspect.isawaitable(closed):
                await closed


def test_navigation_has_every_page() -> None:
    # The strict build does not look for that.
    navigation = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    named = [name for entry in navigation for name in entry.values()]
    assert sorted(named) == sorted(page.name for page in PAGES[1:])


class Model:
    """An upstream of the FastAPI recipe that does as the request says."""

    def __init__(self) -> None:
        self.left = threading.Event()

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        request = Request(scope, receive)
        answer = await getattr(self, (await request.json())["do"])(request)
        # The recipe's client lives as long as its process, which here ends before that.
        answer.headers["connection"] = "close"
        await answer(scope, receive, send)

    async def events(self, _: Request) -> Response:
        stream = "id: 1\nretry: 5\nevent: a\ndata: x\u2028\ndata:  y\n\nid\ndata\n\n"
        return Response(stream, headers=EVENT_STREAM)

    async def nothing(self, _: Request) -> Response:
        return Response(": nothing\n\n", headers=EVENT_STREAM)

    async def busy(self, _: Request) -> Response:
        return Response("later", 429)

    async def forbidden(self, _: Request) -> Response:
        return Response("your key", 401)

    async def html(self, _: Request) -> Response:
        return Response("<p>", headers={"content-type": "text/html"})

    async def broken(self, _: Request) -> Response:
        async def stream() -> AsyncIterator[bytes]:
            yield b"data: x\n\n"
            await asyncio.sleep(0.1)
            raise ConnectionError("the model dies here")

        return StreamingResponse(stream(), headers=EVENT_STREAM)

    async def endless(self, _: Request) -> Response:
        async def stream() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"data: x\n\n"
                    await asyncio.sleep(0.05)
            finally:
                self.left.set()

        return StreamingResponse(stream(), headers=EVENT_STREAM)


class Endpoint(NamedTuple):
    """The endpoint of the FastAPI recipe, and the model behind it."""

    url: str
    model: Model
    namespace: dict[str, Any]

    def ask(self, client: httpx.Client, what: str) -> Any:
        return client.stream("POST", f"{self.url}/chat", json={"do": what})


@pytest.mark.net
class TestFastAPI:
    @pytest.fixture
    def endpoint(self, names: dict[str, Any]) -> Iterator[Endpoint]:
        (block,) = blocks(ROOT / "docs" / "fastapi.md")
        asyncio.run(block.run(names))
        model = Model()
        with serve(model) as upstream, serve(names["app"]) as url:
            names["UPSTREAM"] = upstream
            yield Endpoint(url, model, names)

    def test_passes_events_on_as_they_are(self, endpoint: Endpoint) -> None:
        with httpx.Client() as client, endpoint.ask(client, "events") as response:
            assert list(fastsse.iter_events(response)) == [
                fastsse.ServerSentEvent(event="a", data="x\u2028\n y", id="1", retry=5),
                fastsse.ServerSentEvent(),
            ]

    @pytest.mark.parametrize(
        ("what", "status"),
        [("busy", 429), ("forbidden", 502), ("html", 502), ("nothing", 502)],
    )
    def test_makes_a_status_of_an_error_before(
        self, endpoint: Endpoint, what: str, status: int
    ) -> None:
        with httpx.Client() as client, endpoint.ask(client, what) as response:
            assert response.status_code == status
            detail = json.loads(response.read())["detail"]
        # What is not for the caller may have a key in it.
        assert detail == ("later" if status == 429 else detail) != "your key"

    def test_makes_a_status_of_a_model_that_is_not_there(self, endpoint: Endpoint) -> None:
        endpoint.namespace["UPSTREAM"] = "http://127.0.0.1:1"
        with httpx.Client() as client, endpoint.ask(client, "events") as response:
            assert response.status_code == 502

    def test_breaks_off_where_the_model_does(self, endpoint: Endpoint) -> None:
        with httpx.Client() as client, endpoint.ask(client, "broken") as response:
            events = fastsse.iter_events(response)
            assert next(events).data == "x"
            with pytest.raises(httpx.RemoteProtocolError):
                next(events)

    def test_lets_go_of_the_model_when_the_caller_goes(self, endpoint: Endpoint) -> None:
        with httpx.Client() as client, endpoint.ask(client, "endless") as response:
            events = fastsse.iter_events(response)
            assert next(events).data == "x"
            assert not endpoint.model.left.is_set()
        assert endpoint.model.left.wait(10)
