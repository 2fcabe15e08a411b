"""The server that adapter tests talk to: an ASGI app with one path for each way to behave."""

import asyncio
import gzip
import itertools
import json
import os
import socket
import subprocess
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import brotli
import zstandard

Send = Callable[[dict[str, Any]], Awaitable[None]]
Body = AsyncIterator[bytes]

STREAM = [("content-type", "text/event-stream")]
UNAUTHORIZED = {"error": {"message": "no such key", "type": "auth"}}
OVERLOADED = {"error": {"message": "overloaded, try later"}}


def event(number: int) -> bytes:
    return f"id: {number}\ndata: event {number} ü\n\n".encode()


async def events(query: dict[str, str]) -> Body:
    for number in range(int(query.get("n", 3))):
        yield event(number)
        await asyncio.sleep(float(query.get("delay", 0)))


acknowledged: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


async def acknowledged_events(query: dict[str, str]) -> Body:
    """Events of many sizes, each sent when the one before it was acknowledged at /acknowledge."""
    texts = [f"HTTP/{query['http_version']}", "ü", "", "x\ny", "z" * int(query["size"])]
    for number, text in enumerate(texts):
        lines = "".join(f"data: {line}\n" for line in text.split("\n"))
        yield f"id: {number}\n{lines}\n".encode()
        await asyncio.wait_for(acknowledged[f"{query['key']}/{number}"].wait(), 3)


async def acknowledge(query: dict[str, str]) -> Body:
    acknowledged[f"{query['key']}/{query['number']}"].set()
    yield b"thanks"


async def cut(query: dict[str, str]) -> Body:
    async for chunk in events(query):
        yield chunk
    yield b"data: half of an ev"
    raise ConnectionError("the server dies here")


async def stall(query: dict[str, str]) -> Body:
    async for chunk in events(query):
        yield chunk
    await asyncio.sleep(60)


async def drip(_: dict[str, str]) -> Body:
    while True:
        yield b": alive\n\n"
        await asyncio.sleep(0.05)


async def trickle(query: dict[str, str]) -> Body:
    for number in itertools.count():
        yield event(number)
        await asyncio.sleep(float(query.get("delay", 0.05)))


async def unended(_: dict[str, str]) -> Body:
    yield b"data: one\n\ndata: two"


async def large(query: dict[str, str]) -> Body:
    yield event(0) + event(1) + b"data: " + b"x" * int(query["size"]) + b"\n\n"


async def bad_utf8(_: dict[str, str]) -> Body:
    yield b"\xef\xbb\xbfdata: \xff\xe2\x82"
    await asyncio.sleep(0.05)
    yield b"\xac \xe2\r"
    await asyncio.sleep(0.05)
    yield b"\ndata: \xe2\x80\xa8\r\n\r\n"


async def gzip_drip(_: dict[str, str]) -> Body:
    # Most of these bytes decode to nothing yet.
    for byte in gzip.compress(event(0)):
        yield bytes([byte])
        await asyncio.sleep(0.02)


async def unauthorized(_: dict[str, str]) -> Body:
    yield json.dumps(UNAUTHORIZED).encode()


async def overloaded(_: dict[str, str]) -> Body:
    yield json.dumps(OVERLOADED).encode()


async def stalled_error(_: dict[str, str]) -> Body:
    yield b"half of the err"
    await asyncio.sleep(60)


async def endless_error(_: dict[str, str]) -> Body:
    while True:
        yield b"no! " * 250
        await asyncio.sleep(0)


async def given(query: dict[str, str]) -> Body:
    """The bytes of the query, in pieces, and then what it says."""
    stream = bytes.fromhex(query["hex"])
    size = int(query.get("size", len(stream) or 1))
    for at in range(0, len(stream), size):
        yield stream[at : at + size]
        await asyncio.sleep(float(query.get("delay", 0)))
    if query.get("then") == "cut":
        raise ConnectionError("the server dies here")
    if query.get("then") == "stall":
        await asyncio.sleep(60)


async def echo(query: dict[str, str]) -> Body:
    yield f"data: {json.dumps(query)}\n\n".encode()


PATHS: dict[str, tuple[int, list[tuple[str, str]], Callable[[dict[str, str]], Body]]] = {
    "/events": (200, STREAM, events),
    "/acknowledged": (200, STREAM, acknowledged_events),
    "/acknowledge": (200, [], acknowledge),
    "/charset": (200, [("content-type", 'TEXT/Event-Stream ;charset="latin-1"')], events),
    "/cut": (200, STREAM, cut),
    "/stall": (200, STREAM, stall),
    "/drip": (200, STREAM, drip),
    "/trickle": (200, STREAM, trickle),
    "/unended": (200, STREAM, unended),
    "/large": (200, STREAM, large),
    "/bad-utf8": (200, STREAM, bad_utf8),
    "/given": (200, STREAM, given),
    "/echo": (200, STREAM, echo),
    "/gzip-drip": (200, [*STREAM, ("content-encoding", "gzip")], gzip_drip),
    "/not-gzip": (200, [*STREAM, ("content-encoding", "gzip")], events),
    "/201": (201, STREAM, events),
    "/302": (302, STREAM, events),
    "/401": (401, [("content-type", "application/json")], unauthorized),
    "/500-as-stream": (500, STREAM, events),
    "/json": (200, [("content-type", "application/json")], overloaded),
    "/no-type": (200, [], events),
    "/near-type": (200, [("content-type", "text/event-stream-2")], events),
    "/stalled-error": (503, [("content-type", "text/plain")], stalled_error),
    "/endless-error": (503, [("content-type", "text/plain")], endless_error),
}


class Coding:
    """A content coding, flushed after each chunk so that each can be read when it comes."""

    def __init__(self, name: str) -> None:
        if name == "br":
            encoder: Any = brotli.Compressor()
            self.encode, self._flush, self.finish = encoder.process, encoder.flush, encoder.finish
            return
        if name == "zstd":
            encoder = zstandard.ZstdCompressor().compressobj()
            mark = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        else:
            encoder = zlib.compressobj(wbits=31 if name == "gzip" else 15)
            mark = zlib.Z_SYNC_FLUSH
        self.encode, self.finish = encoder.compress, encoder.flush
        self._flush = lambda: encoder.flush(mark)

    def chunk(self, data: bytes) -> bytes:
        return bytes(self.encode(data) + self._flush())


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
    if scope["type"] != "http":
        return
    query = dict(parse_qsl(scope["query_string"].decode()), http_version=scope["http_version"])
    if scope["path"] == "/echo":
        query = await _request(scope, receive)
    # What has no end must not keep the server busy when its client is gone.
    answer = asyncio.create_task(_answer(scope["path"], query, send))
    gone = asyncio.create_task(_disconnect(receive))
    try:
        await asyncio.wait([answer, gone], return_when=asyncio.FIRST_COMPLETED)
    finally:
        answer.cancel()
        gone.cancel()
    with suppress(asyncio.CancelledError):
        await answer


async def _disconnect(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(path: str, query: dict[str, str], send: Send) -> None:
    status, headers, body = PATHS[path]
    await asyncio.sleep(float(query.get("think", 0)))
    coding = Coding(query["coding"]) if "coding" in query else None
    if coding:
        headers = [*headers, ("content-encoding", query["coding"])]
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
    )
    async for chunk in body(query):
        await _send_body(send, coding.chunk(chunk) if coding else chunk)
    await _send_body(send, bytes(coding.finish()) if coding else b"", more=False)


async def _send_body(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _request(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]]) -> dict[str, str]:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    seen = {name.decode(): value.decode() for name, value in scope["headers"]}
    return seen | {"method": scope["method"], "body": body.decode()}


@contextmanager
def serve_http2(app: str = "server:app", *, certificate: Path | None = None) -> Iterator[str]:
    """The same app, or another, under hypercorn, which speaks HTTP/2; gives its base URL.

    With TLS if there is a folder with the keys of a certificate, else by prior knowledge.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    command = [sys.executable, "-m", "hypercorn", "--bind", address, "--log-level", "critical"]
    # In one process: a worker would outlive a parent that is killed.
    command += ["--workers", "0"]
    if certificate:
        command += ["--keyfile", str(certificate / "key.pem")]
        command += ["--certfile", str(certificate / "chain.pem")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    folder = Path(__file__).parent
    with subprocess.Popen([*command, app], cwd=folder, env=environment) as process:
        try:
            _wait_for(address)
            yield f"{'https' if certificate else 'http'}://{address}"
        finally:
            process.kill()


def _wait_for(address: str) -> None:
    host, _, port = address.partition(":")
    for _ in range(300):
        with suppress(OSError), socket.create_connection((host, int(port))):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers at {address}")
