"""How many Python frames of ours one chunk costs, from the HTTP client to the `Delta`."""

import asyncio
import inspect
import json
import sys
from collections.abc import AsyncIterator
from types import CodeType, FrameType
from typing import Any

import httpx

import fastsse
from fastsse.llm import Client

CHOICE = {"index": 0, "delta": {"content": "token"}, "finish_reason": None}
CHUNK = json.dumps({"object": "chat.completion.chunk", "choices": [CHOICE]})
# By then the template of the chunks is found.
WARM = 100


class Body(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(WARM + 1):
            yield f"data: {CHUNK}\n\n".encode()
        yield b"data: [DONE]\n\n"


def respond(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())


async def codes_of_one_chunk() -> list[CodeType]:
    entered: list[CodeType] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(fastsse.__path__[0]):
            entered.append(frame.f_code)

    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        client = Client(http, base_url="http://localhost", model="m")
        async with client.chat([]) as answer:
            seen = 0
            async for _ in answer:
                seen += 1
                if seen == WARM:
                    sys.setprofile(note)
                elif seen > WARM:
                    sys.setprofile(None)
    return entered


def test_a_chunk_enters_six_frames_of_which_two_are_async_generators() -> None:
    codes = asyncio.run(codes_of_one_chunk())
    assert 2 <= len(codes) <= 6, [code.co_qualname for code in codes]
    assert sum(bool(code.co_flags & inspect.CO_ASYNC_GENERATOR) for code in codes) <= 2
