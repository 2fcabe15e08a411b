"""`fastsse tail`: shows the events of a URL, a file or standard input as they arrive."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from operator import itemgetter
from typing import NoReturn, cast

import httpx
from rich.console import Console
from rich.text import Text

from .. import EventStream, Parser, ServerSentEvent, StreamStats, StreamTimeout
from .._reader import StreamReader
from ..clients import Source, fault_of, source_of
from ..deadlines import Deadlines
from . import TWIN
from .exit import Exit, UsageError, leave_closed_pipe, option_of, show_error, stderr
from .request import Request, open_file

# In seconds: until the first event, for each wait for bytes, and for the whole stream.
Timeouts = tuple[float | None, float | None, float | None]

NAMES = (option_of("first_event"), option_of("idle"), option_of("total"))
CONNECT_SECONDS = 30.0
READ_SIZE = 64 * 1024


@contextmanager
def _open_source(target: Request, timeouts: Timeouts) -> Iterator[tuple[Source, int]]:
    """Yield the source, and the `perf_counter_ns()` at which its timeouts start.

    They start when the request is sent, so that they include the wait for headers.
    """
    if "://" in target.url:
        name, seconds = _timeout_for_headers(timeouts)
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS, read=seconds)
        with httpx.Client(timeout=timeout, follow_redirects=True) as client:
            began_ns = time.perf_counter_ns()
            try:
                source = source_of(target.send_with(client))
            except httpx.ReadTimeout as error:
                elapsed = (time.perf_counter_ns() - began_ns) / 1e9
                raise StreamTimeout(
                    name, seconds or 0.0, name=option_of(name), elapsed=elapsed
                ) from error
            # From here on, the stream keeps the timeouts.
            source.read_timeout().settimeout(None)
            yield source, began_ns
    elif any(timeouts) or target.data or target.headers or target.method:
        raise UsageError(f"{target.url}: expected a URL, which timeouts, -X, -H and -d need")
    else:
        with open_file(target.url) as file:
            # read1 returns the bytes that are available, so that a pipe's events show at once.
            chunks = iter(lambda: file.read1(READ_SIZE), b"")
            yield source_of(chunks), time.perf_counter_ns()


def _timeout_for_headers(timeouts: Timeouts) -> tuple[str, float | None]:
    """The timeout that expires first while headers are awaited; idle counts alone only."""
    first_event, idle, total = timeouts
    waiting = ("idle", idle) if first_event is None else ("first_event", first_event)
    limits = [(name, limit) for name, limit in (waiting, ("total", total)) if limit is not None]
    return min(limits, key=itemgetter(1), default=("total", None))


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
        target: a URL with its request, the name of a file, or "-" for standard input.
        as_json: print one JSON object per line instead of text.
        timeouts: seconds until the first event, for each wait for bytes, and in total, counted
            from the request; None for no limit.
        last_event_id, max_event_size: as of `iter_events`.

    Returns:
        The exit code, one of `Exit`.
    """
    errors = stderr()
    show = _show_json if as_json else _text_printer()
    stream: EventStream | None = None
    try:
        with _open_source(target, timeouts) as (source, began_ns):
            parser = Parser(last_event_id=last_event_id, max_event_size=max_event_size)
            reader = StreamReader(parser, started_ns=began_ns)
            stream = EventStream(source, reader, Deadlines(*timeouts, names=NAMES))
            # perf_counter has no epoch. Adding this offset turns its values into Unix timestamps.
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


def _text_printer() -> Callable[[ServerSentEvent, float], None]:
    # A character that the terminal's encoding lacks must not raise an error.
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
            # Without colours rich is not needed, and it is slow.
            sys.stdout.write(" ".join([*(part[0] for part in parts), text]) + "\n")
            sys.stdout.flush()

    return show


def _printable(text: str) -> str:
    # Control characters from a server must not reach the terminal, which may take them as commands.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in text)
