"""How tests call real inference servers, with our client and with OpenAI's SDK."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from inference_server import CONTEXT, InferenceServer

from fastsse.llm import Client, Delta

MESSAGES = [{"role": "user", "content": "Why is the sky blue? 🙂"}]
GREEDY = {"temperature": 0, "max_tokens": 24}
ENDLESS = {"temperature": 0, "max_tokens": CONTEXT - 1000}
"""Minutes of it, which keep `transformers serve` from any other answer."""
SECONDS = 120


def on(*names: str) -> pytest.MarkDecorator:
    """Tests of what only these servers do."""
    return pytest.mark.parametrize("served", names, indirect=True)


IN_BURSTS = "vllm --stream-interval 5"
"""One that sends a chunk for every five tokens."""


@asynccontextmanager
async def client_of(
    served: InferenceServer, library: Any = httpx, **options: Any
) -> AsyncIterator[Client]:
    async with library.AsyncClient(timeout=SECONDS) as http:
        yield Client(http, base_url=served.url, model=served.model, **options)


def ask(
    served: InferenceServer, call: Callable[[Client], Awaitable[Any]], library: Any = httpx
) -> Any:
    async def main() -> Any:
        async with client_of(served, library) as client:
            return await call(client)

    return asyncio.run(main())


async def read(answer: Any) -> tuple[list[Any], Any]:
    """What an answer yields, and the answer."""
    async with answer:
        return [item async for item in answer], answer


def chat(**options: Any) -> Callable[[Client], Awaitable[tuple[list[Delta], Any]]]:
    return lambda client: read(client.chat(MESSAGES, **(GREEDY | options)))


def text_of(items: list[Any]) -> str:
    return "".join(item.text for item in items)


def chat_of(sdk: Any, served: InferenceServer, **options: Any) -> Any:
    return sdk.chat.completions.create(model=served.model, messages=MESSAGES, **(GREEDY | options))
