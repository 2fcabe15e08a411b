"""`fastsse tail`: the events of a URL, a file or standard input, as they arrive."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from typing import Any, NoReturn, cast

import httpx
from rich.console import Console
from rich.text import Text

from .. import EventStream, ServerSentEvent, StreamTimeout, iter_events
from . import TWIN
from .exit import Exit, code_of, leave_closed_pipe
from .request import Request, UsageError, opened

CONNECT_SECONDS = 30.0
READ_SIZE = 64 * 1024
# For a deadline that passed with the headers: 0 would be none at all.
SOON = 1e-6


@contextmanager
def _source(target: Request, deadlines: dict[str, Any]) -> Iterator[tuple[Any, float]]:
    """What iter_events reads, a response for a URL and chunks for a file, and when that began.

    The wait for the answer's headers is taken off the deadlines.
    """
    limits = [seconds for seconds in deadlines.values() if seconds]
    if "://" in target.url:
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS, read=min(limits, default=None))
        with httpx.Client(timeout=timeout, follow_redirects=True) as client:
            began = time.perf_counter()
            response = target.send_with(client)
            # From here on the deadlines are those of iter_events.
            response.request.extensions["timeout"]["read"] = None
            for name in ("first_event_timeout", "total_timeout"):
                if deadlines[name]:
                    left = deadlines[name] - (time.perf_counter() - began)
                    deadlines[name] = max(left, SOON)
            yield response, began
    elif limits or target.data or target.headers or target.method:
        raise UsageError(f"{target.url}: expected a URL, to go with deadlines and with -X, -H, -d")
    else:
        with opened(target.url) as file:
            # read1 gives what is there, so that what comes through a pipe is shown at once.
            yield iter(lambda: file.read1(READ_SIZE), b""), time.perf_counter()


def run_tail(target: Request, *, as_json: bool, deadlines: dict[str, Any], **options: Any) -> int:
    """Show the events on standard output, and the summary on standard error.

    Args:
        target: what to read: a URL with its request, or the name of a file, or "-".
        as_json: one JSON object a line, in place of text.
        deadlines: the three of `iter_events`, counted from when the request is sent; 0 for none.
        options: the other ones of `iter_events`.

    Returns:
        The exit code, one of `Exit`.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    show = _show_json if as_json else _text_shower()
    stream: EventStream | None = None
    # On the command line 0 is no limit.
    deadlines = {name: seconds or None for name, seconds in deadlines.items()}
    asked = dict(deadlines)
    began = first = 0.0
    try:
        with _source(target, deadlines) as (source, began):
            stream = iter_events(source, **deadlines, **options)
            # perf_counter has no epoch: its distance to the clock is what makes a stamp of it.
            epoch = time.time() - time.perf_counter()
            with stream:
                for event in stream:
                    received_at = stream.received_at_ns / 1e9
                    first = first or received_at - began
                    show(event, epoch + received_at)
        code = Exit.END_OF_STREAM
    except BrokenPipeError:
        return leave_closed_pipe()
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except Exception as error:
        code = code_of(error)
        if isinstance(error, StreamTimeout):
            error.seconds = asked[f"{error.timeout}_timeout"]
        where = f"{target.url}: " if isinstance(error, httpx.HTTPError) else ""
        errors.print(Text(f"fastsse: {where}{error or type(error).__name__}", style="red"))
    if stream is not None:
        seconds = time.perf_counter() - began
        errors.print(Text(_summary(stream, seconds, first), style="dim"))
    return code


def _summary(stream: EventStream, seconds: float, first: float) -> str:
    stats = stream.stats
    return (
        f"events: {stats.events}, chunks: {stats.chunks}, bytes: {stats.bytes}, "
        + (f"first event after {first:.3f} s, " if stats.events else "")
        + f"end after {seconds:.3f} s; {TWIN}"
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
    # What the terminal's encoding cannot say must not end the show.
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    console = _Output(soft_wrap=True, highlight=False)

    def show(event: ServerSentEvent, received_at: float) -> None:
        clock = datetime.fromtimestamp(received_at).strftime("%H:%M:%S.%f")[:-3]
        parts = [(clock, "dim"), (_printable(event.event), "bold cyan")]
        if event.id:
            parts.append((f"id={_printable(event.id)}", "yellow"))
        if event.retry is not None:
            parts.append((f"retry={event.retry}", "magenta"))
        first, *rest = map(_printable, event.data.split("\n"))
        lines = [first, *(f"{'':{len(clock)}} {line}" for line in rest)]
        text = "\n".join(lines)
        if console.is_terminal:
            console.print(Text(" ").join([*(Text(*part) for part in parts), Text(text)]))
        else:
            # Without colours there is nothing for rich to do, and it takes its time.
            sys.stdout.write(" ".join([*(part[0] for part in parts), text]) + "\n")
            sys.stdout.flush()

    return show


def _printable(text: str) -> str:
    # What a server sends must not reach the terminal as commands to it.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in text)
