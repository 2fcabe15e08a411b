"""The demo's server: chat completions in the wire format of OpenAI, from a small stock of words."""

import asyncio
import itertools
import json
import random
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import uvicorn
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MODEL = "demo"
TEXT = (
    "a stream of events is read line by line and each blank line sends what has come before it "
    "so an answer grows word by word while it is still being thought of"
)
THINKING_SECONDS = (0.05, 0.3)
DEFAULT_TOKENS = 120
DEFAULT_RATE = 60.0

_ids = itertools.count(1)


@contextmanager
def serve(
    app: Any, *, lifespan: Literal["auto", "on", "off"] = "off", **settings: Any
) -> Iterator[str]:
    """Run an ASGI app under uvicorn on a free port of the loopback; gives its base URL.

    `lifespan` and the settings are those of `uvicorn.Config`.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="critical", lifespan=lifespan, timeout_graceful_shutdown=1, **settings
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        scheme = "https" if config.is_ssl else "http"
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


async def chat_completions(request: Request) -> Response:
    """Answer `POST /v1/chat/completions`, streamed or whole.

    Beside OpenAI's own `max_tokens` and `stream_options`, `rate` sets the tokens per second.
    """
    try:
        body = await request.json()
        messages = body["messages"]
        tokens = int(body.get("max_tokens") or DEFAULT_TOKENS)
        rate = float(body.get("rate") or DEFAULT_RATE)
    except (ValueError, KeyError, TypeError) as error:
        message = f"expected a JSON object with messages, got {error!r}"
        return JSONResponse({"error": {"message": message, "type": "invalid_request"}}, 400)
    answer = _Answer(body, len(json.dumps(messages).split()), tokens)
    if body.get("stream"):
        return EventSourceResponse(answer.stream(rate))
    return JSONResponse(answer.whole())


async def models(_: Request) -> Response:
    """Answer `GET /v1/models`."""
    return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model"}]})


class _Answer:
    def __init__(self, body: dict[str, Any], prompt_tokens: int, tokens: int) -> None:
        self._head = {
            "id": f"chatcmpl-{next(_ids)}",
            "created": int(time.time()),
            "model": body.get("model", MODEL),
        }
        self._with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self._usage = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": prompt_tokens + tokens,
        }
        self._words = [f"{word} " for word in random.choices(TEXT.split(), k=tokens)]

    def whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(self._words)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return self._head | {
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._usage,
        }

    async def stream(self, rate: float) -> AsyncIterator[dict[str, str]]:
        yield self._chunk({"role": "assistant", "content": ""})
        await asyncio.sleep(random.uniform(*THINKING_SECONDS))
        for word in self._words:
            yield self._chunk({"content": word})
            await asyncio.sleep(1 / rate)
        yield self._chunk({}, finish_reason="stop")
        if self._with_usage:
            yield self._data(choices=[], usage=self._usage)
        yield {"data": "[DONE]"}

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, str]:
        return self._data(choices=[{"index": 0, "delta": delta, "finish_reason": finish_reason}])

    def _data(self, **fields: Any) -> dict[str, str]:
        return {"data": json.dumps(self._head | {"object": "chat.completion.chunk"} | fields)}


app = Starlette(
    routes=[
        Route("/v1/chat/completions", chat_completions, methods=["POST"]),
        Route("/v1/models", models),
    ]
)
