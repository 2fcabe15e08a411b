"""A server of answers that go wrong, each in its own way, which the path names."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from serving import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

EVENT_STREAM = {"content-type": "text/event-stream"}
FOREVER = 60


def chat_chunk(text: str, reason: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return json.dumps({"object": "chat.completion.chunk", "choices": [choice]})


def token(number: int) -> str:
    choice = {"index": 0, "text": f"t{number}", "token_ids": [number], "finish_reason": None}
    return json.dumps({"object": "text_completion", "choices": [choice]})


DONE = "data: [DONE]\n\n"


def stream(*datas: str, end: str = DONE) -> str:
    return "".join(f"data: {data}\n\n" for data in datas) + end


HELLO = stream(chat_chunk("Hello "), chat_chunk("ü.", "stop"))


class FaultyServer:
    """Answers as the first part of the path says, the part before /v1.

    Attributes:
        url: the root of it.
        requests: the JSON and the headers of each request, by that part.
        left: by that part, set when the client is gone before the end.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: dict[str, list[tuple[dict[str, Any], dict[str, str]]]] = {}
        self.left: dict[str, threading.Event] = {}

    def at(self, how: str) -> str:
        self.requests[how] = []
        self.left[how] = threading.Event()
        return f"{self.url}/{how}"

    async def answer(self, request: Request) -> Response:
        how = request.path_params["how"]
        seen = self.requests.setdefault(how, [])
        seen.append((await request.json(), dict(request.headers)))
        answer: Callable[[int], Any] = getattr(self, f"_{how.replace('-', '_')}")
        given = answer(len(seen))
        if asyncio.iscoroutine(given):
            given = await given
        if isinstance(given, Response):
            return given
        if isinstance(given, (str, bytes)):
            return Response(given, headers=EVENT_STREAM)
        return StreamingResponse(self._watched(how, given), headers=EVENT_STREAM)

    async def _watched(self, how: str, chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            self.left[how].set()

    def _hello(self, _: int) -> str:
        return HELLO

    def _crlf_without_end(self, _: int) -> str:
        return HELLO.removesuffix(DONE).rstrip("\n").replace("\n", "\r\n")

    def _named(self, _: int) -> str:
        return 'event: greeting\ndata: {"n": 1}\n\nid: 7\ndata: [2]\n\n'

    def _thoughts(self, _: int) -> str:
        choice = {"index": 0, "delta": {"reasoning_content": "hm\x1b[2J"}}
        thought = json.dumps({"object": "chat.completion.chunk", "choices": [choice]})
        return stream(thought, chat_chunk("Yes\x07.\n"), chat_chunk("", "length"))

    def _no_end(self, _: int) -> str:
        return stream(chat_chunk("Hello "), end="")

    def _404(self, _: int) -> Response:
        return PlainTextResponse("no such ünicorn", 404)

    def _html(self, _: int) -> Response:
        return Response("<p>hi", media_type="text/html")

    def _bad_json(self, _: int) -> str:
        return stream(chat_chunk("Hello "), '{"cut', chat_chunk("never"))

    def _bad_utf8(self, _: int) -> bytes:
        cut = stream(chat_chunk("caf$"), end="").encode().replace(b"$", b"\xe9")
        return stream(chat_chunk("Hello "), end="").encode() + cut

    async def _no_headers(self, _: int) -> str:
        await asyncio.sleep(FOREVER)
        return HELLO

    async def _broken(self, _: int) -> AsyncIterator[str]:  # type: ignore[misc]
        yield stream(chat_chunk("Hello "), token(1), end="")
        await asyncio.sleep(0.1)
        raise ConnectionError("the server dies here")

    async def _endless(self, _: int) -> AsyncIterator[str]:  # type: ignore[misc]
        while True:
            yield stream(chat_chunk("more "), end="")
            await asyncio.sleep(0.02)

    async def _silent(self, _: int) -> AsyncIterator[str]:  # type: ignore[misc]
        yield ": hello\n\n"
        await asyncio.sleep(FOREVER)

    async def _stalls(self, _: int) -> AsyncIterator[str]:  # type: ignore[misc]
        yield stream(chat_chunk("Hello "), end='data: {"half')
        await asyncio.sleep(FOREVER)

    async def _tokens_stall(self, _: int) -> AsyncIterator[str]:  # type: ignore[misc]
        yield stream(token(1), token(2), end='data: {"half')
        await asyncio.sleep(FOREVER)

    def _error_after_ten(self, _: int) -> str:
        error = {"error": {"message": "out of memory", "type": "server_error", "code": 500}}
        return stream(*map(token, range(10)), json.dumps(error), end="")

    def _error_in_chat(self, _: int) -> str:
        return stream(chat_chunk("Hello "), json.dumps({"error": "out of memory"}), end="")

    def _junk_in_tokens(self, _: int) -> str:
        return stream(token(1), "junk 1", token(2), "junk 2", token(3))

    def _junk(self, _: int) -> str:
        return stream(chat_chunk("Hello "), "junk 1", "junk 2", chat_chunk("ü.", "stop"))

    def _429_then_200(self, attempt: int) -> Any:
        busy = PlainTextResponse("later", 429, headers={"retry-after": "1"})
        return busy if attempt == 1 else HELLO

    def _500(self, _: int) -> Response:
        return PlainTextResponse("on fire", 500)

    def _whole(self, attempt: int) -> Response:
        if attempt == 1:
            return PlainTextResponse("not yet", 503)
        message = {"role": "assistant", "content": "All at once."}
        body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        return Response(json.dumps(body), media_type="application/json")


@contextmanager
def serve_faults() -> Iterator[FaultyServer]:
    """Run it, until the end of the block."""
    faulty = FaultyServer()
    app = Starlette(routes=[Route("/{how}/v1/{rest:path}", faulty.answer, methods=["POST"])])
    with serve(app) as faulty.url:
        yield faulty
