"""A server of numbered events that dies at a random place, to be started anew each time.

    python -S -E numbered_server.py PORT SEED LIFE

LIFE is how many bytes it sends before it kills itself. With "last" it sends `LAST` events, ends the
stream, and answers 204 from then on.
"""

import os
import random
import signal
import socket
import sys
from collections.abc import Iterator
from itertools import chain

# Windows has no SIGKILL, and ends a process at once for any signal.
DEATH = getattr(signal, "SIGKILL", signal.SIGTERM)
LAST = 20
RETRY = b"retry: 1\n\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Padding: %s\r\n"


def data_of(number: int) -> str:
    return f"event {number} ü {'x' * (number * 7919 % 50)}"


def events_after(last: int, count: int | None) -> Iterator[bytes]:
    number = last
    while count is None or number < last + count:
        number += 1
        yield f"id: {number}\ndata: {data_of(number)}\n\n".encode()


def answer(last: int, count: int | None, dice: random.Random) -> Iterator[bytes]:
    is_chunked = dice.random() < 0.5
    framing = b"Transfer-Encoding: chunked\r\n\r\n" if is_chunked else b"Connection: close\r\n\r\n"
    yield HEAD % (b"p" * dice.randrange(100)) + framing
    for event in chain([RETRY], events_after(last, count)):
        yield b"%x\r\n%s\r\n" % (len(event), event) if is_chunked else event
    yield b"0\r\n\r\n" if is_chunked else b""


def last_event_id_of(connection: socket.socket) -> int:
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += connection.recv(65536)
    for line in request.splitlines():
        name, _, value = line.partition(b":")
        if name.lower() == b"last-event-id":
            return int(value)
    return 0


def main(port: int, seed: str, life: str) -> None:
    dice = random.Random(f"{seed} {life}")
    is_last = life == "last"
    left = sys.maxsize if is_last else int(life)
    with socket.create_server(("127.0.0.1", port)) as listener:
        connection, _ = listener.accept()
        with connection:
            last = last_event_id_of(connection)
            for piece in answer(last, LAST if is_last else None, dice):
                connection.sendall(piece[:left])
                left -= len(piece)
                if left <= 0:
                    os.kill(os.getpid(), DEATH)
        while True:
            connection, _ = listener.accept()
            with connection:
                last_event_id_of(connection)
                connection.sendall(NO_CONTENT)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
