"""`fastsse tail`: the events of a URL, a file or standard input, as they arrive."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from typing import NoReturn, cast

import httpx
from rich.console import Console
from rich.text import Text

from .. import EventStream, Parser, ServerSentEvent, StreamStats
from .._reader import StreamReader
from ..clients import Source, fault_of, source_of
from ..deadlines import Deadlines
from . import TWIN
from .exit import Exit, UsageError, leave_closed_pipe, show_error, stderr
from .request import Request, opened

# Of the first event, of each wait for bytes, and of the whole stream.
Timeouts = tuple[float | None, float | None, float | None]

CONNECT_SECONDS = 30.0
READ_SIZE = 64 * 1024


@contextmanager
def _opened(target: Request, timeouts: Timeouts) -> Iterator[tuple[Source, int]]:
    """What to read, and the `perf_counter_ns()` from which its timeouts count.

    They count from the request, so that the wait for headers is part of them.
    """
    limits = [seconds for seconds in timeouts if seconds is not None]
    if "://" in target.url:
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS, read=min(limits, default=None))
        with httpx.Client(timeout=timeout, follow_redirects=True) as client:
            began_ns = time.perf_counter_ns()
            source = source_of(target.send_with(client))
            # From here on the timeouts are those of the stream.
            source.read_timeout().settimeout(None)
            yield source, began_ns
    elif limits or target.data or target.headers or target.method:
        raise UsageError(f"{target.url}: expected a URL, to go with timeouts and with -X, -H, -d")
    else:
        with opened(target.url) as file:
            # read1 gives what is there, so that what comes through a pipe is shown at once.
            chunks = iter(lambda: file.read1(READ_SIZE), b"")
            yield source_of(chunks), time.perf_counter_ns()


def run_tail(
    target: Request,
    *,
    as_json: bool,
    timeouts: Timeouts,
    last_event_id: str,
    max_event_size: int | None,
) -> int:
    """Show the events on standard output, and the summary on standard error.

    Args:
        target: what to read: a URL with its request, or the name of a file, or "-".
        as_json: one JSON object a line, in place of text.
        timeouts: seconds until the first event, for a wait for bytes, and in all, each counted
            from when the request is sent; None for no limit.
        last_event_id, max_event_size: as of `iter_events`.

    Returns:
        The exit code, one of `Exit`.
    """
    errors = stderr()
    show = _show_json if as_json else _text_shower()
    stream: EventStream | None = None
    try:
        with _opened(target, timeouts) as (source, began_ns):
            parser = Parser(last_event_id=last_event_id, max_event_size=max_event_size)
            reader = StreamReader(parser, started_ns=began_ns)
            stream = EventStream(source, reader, Deadlines(*timeouts))
            # perf_counter has no epoch: its distance to the clock is what makes a stamp of it.
            epoch = time.time() - time.perf_counter()
            with stream:
                for event in stream:
                    show(event, epoch + stream.received_at_ns / 1e9)
        code = Exit.END_OF_STREAM
    except BrokenPipeError:
        return leave_closed_pipe()
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except Exception as error:
        about = f"{target.url}: " if fault_of(error) else ""
        code = show_error(errors, error, about)
    if stream is not None:
        errors.print(Text(_summary(stream.stats), style="dim"))
    return code


def _summary(stats: StreamStats) -> str:
    first = stats.first_event
    return (
        f"events: {stats.events}, chunks: {stats.chunks}, bytes: {stats.bytes}, "
        + ("" if first is None else f"first event after {first:.3f} s, ")
        + f"end after {stats.elapsed:.3f} s; {TWIN}"
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
