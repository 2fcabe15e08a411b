"""Servers of answers that do as they are told: on raw sockets, and as an ASGI app.

On a raw socket each request gets the next act of a list, the last one again and again. An act is
a list of steps: bytes that are sent, seconds that pass, or one of `Step`.
"""

import asyncio
import json
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from http import HTTPStatus
from typing import Any, NamedTuple

# How long a test waits for what has to come; only one that fails waits so long.
PATIENCE = 10.0
STREAM = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}


class Step(Enum):
    """What an act does beside sending: `STALL` waits until the client is gone."""

    STALL = "stall"
    RESET = "reset"
    FIN = "fin"


class Request(NamedTuple):
    """A request as it came; `port` is the client's, and tells its connections apart."""

    path: str
    headers: dict[str, str]
    body: bytes
    port: int
    came: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Act = Sequence[bytes | float | Step]


def head(status: int = 200, headers: dict[str, str] = STREAM) -> bytes:
    """The start of an answer whose body comes in HTTP chunks."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "transfer-encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def http_chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


END = http_chunk(b"")


def whole(status: int, body: Any, **headers: str) -> list[bytes]:
    """An answer that is JSON; underscores in the names of headers are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [head(status, {**JSON, **named}), http_chunk(json.dumps(body).encode()), END]


def event(data: Any, name: str = "", end: str = "\n") -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}{end}" * bool(name) + f"data: {text}{end}{end}").encode()


def chat_chunk(text: str | None = None, finish_reason: str | None = None, **said: Any) -> Any:
    delta = said if text is None else {"content": text, **said}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def completion_chunk(text: str = "", finish_reason: str | None = None, **more: Any) -> Any:
    choice = {"index": 0, "text": text, "finish_reason": finish_reason, **more}
    return {"object": "text_completion", "choices": [choice]}


USAGE = {"prompt_tokens": 7, "completion_tokens": 10, "total_tokens": 17}
WORDS = [f"w{number} " for number in range(10)]
DONE = event("[DONE]")
CHAT_WHOLE = {
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(WORDS)},
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}


def words(count: int = len(WORDS)) -> list[bytes]:
    """Chunks of a chat, one event in each."""
    return [http_chunk(event(chat_chunk(word))) for word in WORDS[:count]]


FINISH = http_chunk(event(chat_chunk(finish_reason="stop")))
USED = http_chunk(event({"object": "chat.completion.chunk", "choices": [], "usage": USAGE}))
CHAT: Act = [head(), *words(), FINISH, USED, http_chunk(DONE), END]


def token_act(*chunks: Any) -> Act:
    usage = {"object": "text_completion", "choices": [], "usage": USAGE}
    events = [http_chunk(event(chunk)) for chunk in [*chunks, usage]]
    return [head(), *events, http_chunk(DONE), END]


class Scripted:
    """A server on raw sockets, in a thread of its own.

    Attributes:
        requests: that came, in order.
        ports: of the clients whose connections are open.
        is_idle: whether the last act came to the end of its answer.
    """

    def __init__(self, acts: Sequence[Act]) -> None:
        self.requests: list[Request] = []
        self.ports: set[int] = set()
        self.is_idle = True
        self._acts = acts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._stopping = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def settles(self, count: int) -> bool:
        """Whether so many connections are open, soon."""
        return wait_until(lambda: len(self.ports) == count)

    def was_asked(self, times: int) -> bool:
        """Whether so many requests came, soon."""
        return wait_until(lambda: len(self.requests) >= times) and len(self.requests) == times

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, sock=self._listener)
        await self._stopping.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("peername")[1]
        self.ports.add(port)
        try:
            while True:
                request = await _request(reader, port)
                act = self._acts[min(len(self.requests), len(self._acts) - 1)]
                self.requests.append(request)
                self.is_idle = act[-1] == END
                for step in act:
                    await _play(step, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # Cancelled is what waits for its next request when the server stops.
            pass
        finally:
            self.ports.discard(port)
            writer.close()


async def _request(reader: asyncio.StreamReader, port: int) -> Request:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    headers = {name.lower(): value for name, value in headers.items()}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(lines[0].split()[1], headers, body, port, time.monotonic())


async def _play(
    step: bytes | float | Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if isinstance(step, bytes):
        writer.write(step)
        await writer.drain()
    elif isinstance(step, Step):
        if step is Step.STALL:
            await reader.read()
        elif step is Step.RESET:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise ConnectionAbortedError
    else:
        await asyncio.sleep(step)


@contextmanager
def scripted(*acts: Act) -> Iterator[Scripted]:
    server = Scripted(acts)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def deaf() -> Iterator[str]:
    """A server that takes no connection: its queue is full. Gives its base URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        queued = []
        for _ in range(3):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
            queued.append(waiting)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for waiting in queued:
                waiting.close()


def refusing_url() -> str:
    """Where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def wait_until(happened: Callable[[], bool]) -> bool:
    ends = time.monotonic() + PATIENCE
    while not happened() and time.monotonic() < ends:
        time.sleep(0.01)
    return happened()


# The same for servers of HTTP: an app that plays what the body of a request says, and tells what
# became of it.

_fates: defaultdict[str, str] = defaultdict(str)


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    """Play `{"key": ..., "play": [text or seconds, ...]}`; `/fate/<key>` tells how it ended."""
    if scope["type"] != "http":
        return
    if scope["path"].startswith("/fate/"):
        await _send(send, 200, JSON, json.dumps(_fates[scope["path"][6:]]).encode())
        return
    content, more = b"", True
    while more:
        message = await receive()
        content += message.get("body", b"")
        more = message.get("more_body", False)
    body = json.loads(content)
    playing = asyncio.create_task(_perform(body, scope["http_version"], send))
    gone = asyncio.create_task(_disconnect(receive))
    await asyncio.wait([playing, gone], return_when=asyncio.FIRST_COMPLETED)
    _fates[body["key"]] = "played" if playing.done() else "dropped"
    playing.cancel()
    gone.cancel()
    with suppress(asyncio.CancelledError, OSError):
        await playing


async def _disconnect(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _perform(body: dict[str, Any], version: str, send: Any) -> None:
    headers = {**STREAM, "x-http-version": version, **body.get("headers", {})}
    _fates[body["key"]] = "begun"
    await asyncio.sleep(body.get("think", 0))
    await _send(send, body.get("status", 200), headers, b"", more=True)
    for step in body["play"]:
        if isinstance(step, str):
            await _send_body(send, step.encode(), more=True)
        else:
            await asyncio.sleep(step)
    await _send_body(send, b"", more=False)


async def _send(
    send: Any, status: int, headers: dict[str, str], body: bytes, *, more: bool = False
) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await _send_body(send, body, more=more)


async def _send_body(send: Any, body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
