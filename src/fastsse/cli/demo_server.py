"""The demo's server: chats in the wire format of OpenAI, and completions in that of vLLM."""

import itertools
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .demo_answers import Generated, GeneratedChat, GeneratedCompletion

MODEL = "demo"
DEFAULT_TOKENS = 120
DEFAULT_RATE = 60.0
RATE_LIMIT = 1000


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """Run an ASGI app under uvicorn on a free loopback port; yields its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


async def chat_completions(request: Request) -> Response:
    """Answer `POST /v1/chat/completions`, streamed or whole.

    Besides OpenAI's own `max_tokens` and `stream_options`, `rate` sets the tokens per second.
    """
    return await _respond(request, GeneratedChat, "messages")


async def completions(request: Request) -> Response:
    """Answer `POST /v1/completions` in the same way; the prompt is a text or its token ids.

    As in vLLM, a request may have `return_token_ids` and `logprobs`.
    """
    return await _respond(request, GeneratedCompletion, "prompt")


async def models(_: Request) -> Response:
    """Answer `GET /v1/models`."""
    return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model"}]})


async def _respond(request: Request, kind: type[Generated], question: str) -> Response:
    try:
        body = await request.json()
        tokens = int(body.get("max_tokens") or DEFAULT_TOKENS)
        rate = float(body.get("rate") or DEFAULT_RATE)
        answer = kind(body, _tokens_in(body[question]), tokens)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"expected a JSON object with {question}, got {error!r}"
        return JSONResponse({"error": {"message": message, "type": "invalid_request"}}, 400)
    return (
        EventSourceResponse(answer.stream(rate))
        if body.get("stream")
        else JSONResponse(answer.whole())
    )


def _tokens_in(question: Any) -> int:
    if isinstance(question, list) and all(isinstance(token, int) for token in question):
        return len(question)
    return len(json.dumps(question).split())


class WithHeaders:
    """ASGI middleware that adds a request ID and rate limits to the headers of responses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        number = next(self._numbers)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = f"demo-request-{number}"
                headers["x-ratelimit-limit-requests"] = str(RATE_LIMIT)
                headers["x-ratelimit-remaining-requests"] = str(-number % RATE_LIMIT)
            await send(message)

        await self._app(scope, receive, send_with_headers)


app = Starlette(
    routes=[
        Route("/v1/chat/completions", chat_completions, methods=["POST"]),
        Route("/v1/completions", completions, methods=["POST"]),
        Route("/v1/models", models),
    ],
    middleware=[Middleware(WithHeaders)],
)
