"""A server that is not what is measured: bytes made before, over raw sockets, on its own core.

`GET /<chunking>/<events>/<crowd>` answers with that many events of an OpenAI chat. The head comes
at once, and the body when as many requests as the crowd has are here. `POST /<chunking>/<events>/
<crowd>/<answer>/...` answers with one of the `ANSWERS`, of as many tokens.
"""

import asyncio
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from subprocess import PIPE, Popen

from workloads import OPENAI, chat, repeated

# Several chunks come in one read, so that no system call for each of them hides their cost.
CHUNKINGS = {"event": None, "32k": 32 * 1024}
# Whether the chunks of a chat are padded.
ANSWERS = {"alike": False, "padded": True}
PACED = "paced"
PACE = 0.001
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@cache
def body(chunking: str, events: int, kind: str) -> list[bytes]:
    """The chunks of a body, as HTTP/1.1 has them."""
    if kind:
        workload = chat(events, padded=ANSWERS[kind])
    else:
        workload = repeated("chat", f"data: {OPENAI}\n\n", OPENAI, count=events)
    (chunks,) = workload.chunks(CHUNKINGS.get(chunking))
    return [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]


@cache
def whole(chunking: str, events: int, kind: str) -> bytes:
    return b"".join(body(chunking, events, kind)) + END


async def path_asked_on(connection: socket.socket) -> str:
    """The path of a request, whose body is read and dropped; empty after the last."""
    loop, came = asyncio.get_running_loop(), b""
    while part := await loop.sock_recv(connection, 64 * 1024):
        came += part
        head, ended, content = came.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if ended and len(content) >= int(length[1] if length else 0):
            return head.split(b" ", 2)[1].decode()
    return ""


async def answer(connection: socket.socket, crowd_of: Callable[[int], asyncio.Barrier]) -> None:
    loop = asyncio.get_running_loop()
    with connection, suppress(ConnectionError):
        while path := await path_asked_on(connection):
            _, chunking, events, crowd, *rest = path.split("/")
            asked = chunking, int(events), rest[0] if rest else ""
            await loop.sock_sendall(connection, HEAD)
            await crowd_of(int(crowd)).wait()
            if chunking == PACED:
                for chunk in body(*asked):
                    await asyncio.sleep(PACE)
                    await loop.sock_sendall(connection, chunk)
                await loop.sock_sendall(connection, END)
            else:
                await loop.sock_sendall(connection, whole(*asked))


async def main(listener: socket.socket) -> None:
    loop, crowd_of, tasks = asyncio.get_running_loop(), cache(asyncio.Barrier), set()
    while True:
        connection, _ = await loop.sock_accept(listener)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = loop.create_task(answer(connection, crowd_of))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


def cores() -> list[int]:
    """The cores that this process may use; none where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(core: int) -> None:
    """Keep this process on one core."""
    os.sched_setaffinity(0, {core})


@contextmanager
def loopback() -> Iterator[str]:
    """The server's base URL, while it runs on the last core and this process on the first."""
    with Popen([sys.executable, Path(__file__)], stdout=PIPE, text=True) as process:
        try:
            if len(cores()) > 1:
                pin(cores()[0])
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


if __name__ == "__main__":
    if len(cores()) > 1:
        pin(cores()[-1])
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        listener.setblocking(False)
        print(listener.getsockname()[1], flush=True)
        with suppress(KeyboardInterrupt):
            asyncio.run(main(listener))
