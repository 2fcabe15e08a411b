"""`fastsse tail`: the events of a URL, a file or standard input, as they arrive."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import IntEnum
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

import httpx
from rich.console import Console
from rich.text import Text

from .. import (
    EventStream,
    EventTooLarge,
    ResponseError,
    ServerSentEvent,
    StreamTimeout,
    iter_events,
)
from . import TWIN

CONNECT_SECONDS = 30.0
READ_SIZE = 64 * 1024


class Exit(IntEnum):
    """What the command ends with."""

    END_OF_STREAM = 0
    USAGE = 2
    RESPONSE = 3
    TRANSPORT = 4
    DEADLINE = 5
    TOO_LARGE = 6
    INTERRUPTED = 130


class UsageError(Exception):
    """The arguments make no request, or name nothing that can be read."""


class Request(NamedTuple):
    """What to send, in curl's terms: -X, -H and -d."""

    url: str
    method: str | None
    headers: list[str]
    data: list[str]

    def send_with(self, client: httpx.Client) -> httpx.Response:
        """The response, streamed.

        Raises:
            UsageError: a header or the URL makes no sense.
            httpx.TransportError: there is no answer.
        """
        body = self._body()
        headers = httpx.Headers({"Accept": "text/event-stream", "Cache-Control": "no-store"})
        if body is not None:
            headers["Content-Type"] = _content_type_of(body)
        for line in self.headers:
            name, colon, value = line.partition(":")
            if not colon or not name.strip():
                raise UsageError(f"-H: expected 'Name: value', got {line!r}")
            headers.pop(name.strip(), None)
            if value.strip():
                headers[name.strip()] = value.strip()
        method = self.method or ("GET" if body is None else "POST")
        try:
            request = client.build_request(method, self.url, headers=headers, content=body)
            return client.send(request, stream=True)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise UsageError(f"{self.url}: {error}") from error

    def _body(self) -> bytes | None:
        return b"&".join(map(_data_of, self.data)) if self.data else None


def _data_of(argument: str) -> bytes:
    if not argument.startswith("@"):
        return argument.encode()
    with _open(argument[1:]) as file:
        return file.read()


def _content_type_of(body: bytes) -> str:
    try:
        is_json = isinstance(json.loads(body), (dict, list))
    except ValueError:
        is_json = False
    return "application/json" if is_json else "application/x-www-form-urlencoded"


@contextmanager
def _open(name: str) -> Iterator[BufferedReader]:
    if name == "-":
        yield cast(BufferedReader, sys.stdin.buffer)
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def _source(target: Request) -> Iterator[Any]:
    """What iter_events reads: a response for a URL, chunks for a file."""
    if "://" in target.url:
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
        with httpx.Client(timeout=timeout, follow_redirects=True) as client:
            yield target.send_with(client)
    else:
        with _open(target.url) as file:
            # read1 gives what is there, so that what comes through a pipe is shown at once.
            yield iter(lambda: file.read1(READ_SIZE), b"")


def run_tail(target: Request, *, as_json: bool, **options: Any) -> int:
    """Show the events on standard output, and the summary on standard error.

    Args:
        target: what to read: a URL with its request, or the name of a file, or "-".
        as_json: one JSON object a line, in place of text.
        options: those of `iter_events`.

    Returns:
        The exit code, one of `Exit`.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    show = _show_json if as_json else _text_shower()
    stream: EventStream | None = None
    try:
        with _source(target) as source:
            stream = iter_events(source, **options)
            # perf_counter has no epoch: its distance to the clock is what makes a stamp of it.
            epoch_ns = time.time_ns() - time.perf_counter_ns()
            with stream:
                for event in stream:
                    show(event, (epoch_ns + stream.received_at) / 1e9)
        code = Exit.END_OF_STREAM
    except BrokenPipeError:
        # Nobody reads on; what Python would still flush at its end goes nowhere, quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.END_OF_STREAM
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except Exception as error:
        code = _code_of(error)
        errors.print(Text(f"fastsse: {error or type(error).__name__}", style="red"))
    if stream is not None:
        errors.print(Text(_summary(stream), style="dim"))
    return code


def _code_of(error: Exception) -> Exit:
    for kinds, code in (
        ((UsageError, ValueError), Exit.USAGE),
        (ResponseError, Exit.RESPONSE),
        (StreamTimeout, Exit.DEADLINE),
        (EventTooLarge, Exit.TOO_LARGE),
        ((httpx.HTTPError, OSError), Exit.TRANSPORT),
    ):
        if isinstance(error, kinds):
            return code
    raise error


def _summary(stream: EventStream) -> str:
    stats = stream.stats
    first = stats.first_event_ns
    return (
        f"{stats.events} events in {stats.chunks} chunks, {stats.bytes} bytes, "
        f"{stats.elapsed_ns / 1e9:.3f} s"
        + ("" if first is None else f" (first event after {first / 1e9:.3f} s)")
        + f"; {TWIN}"
    )


def _show_json(event: ServerSentEvent, received_at: float) -> None:
    fields = {
        "event": event.event,
        "data": event.data,
        "id": event.id,
        "retry": event.retry,
        "received_at": received_at,
    }
    sys.stdout.buffer.write(json.dumps(fields, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.flush()


class _Output(Console):
    def on_broken_pipe(self) -> NoReturn:
        # rich would exit with 1 here.
        raise BrokenPipeError


def _text_shower() -> Callable[[ServerSentEvent, float], None]:
    console = _Output(soft_wrap=True, highlight=False)

    def show(event: ServerSentEvent, received_at: float) -> None:
        clock = datetime.fromtimestamp(received_at).strftime("%H:%M:%S.%f")[:-3]
        line = Text.assemble((clock, "dim"), " ", (_printable(event.event), "bold cyan"))
        if event.id:
            line.append(f" id={_printable(event.id)}", style="yellow")
        if event.retry is not None:
            line.append(f" retry={event.retry}", style="magenta")
        for part in event.data.split("\n"):
            line.append(" " + _printable(part))
            console.print(line)
            line = Text(" " * len(clock))

    return show


def _printable(text: str) -> str:
    # What a server sends must not reach the terminal as commands to it.
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in text)
