"""The commands and their options."""

import platform
from typing import Annotated

import typer

from .. import __version__
from .._arguments import DEFAULT_MAX_EVENT_SIZE
from ..llm import Timeouts
from . import TWIN
from .chat import Server, run_chat
from .demo import run_demo
from .request import Request
from .tail import run_tail

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        python = f"{platform.python_implementation()} {platform.python_version()}"
        typer.echo(f"fastsse {__version__} ({TWIN}, {python})")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version, and which parser is in use.",
        ),
    ] = False,
) -> None:
    """Read Server-Sent Events, fast and per the standard."""


@app.command()
def tail(
    url: Annotated[str, typer.Argument(metavar="URL | FILE | -")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    method: Annotated[
        str | None, typer.Option("-X", "--request", help="The method; GET, or POST with -d.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("-H", "--header", help="A header: 'Name: value'.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("-d", "--data", help="The body, or @FILE; sent as JSON if it is JSON."),
    ] = None,
    last_event_id: Annotated[
        str, typer.Option(help="Resume after this event ID, which is sent as Last-Event-ID.")
    ] = "",
    first_event_timeout: Annotated[
        float, typer.Option(min=0, help="Seconds until the first event; 0 for no limit.")
    ] = 0,
    idle_timeout: Annotated[
        float, typer.Option(min=0, help="Seconds without a byte; 0 for no limit.")
    ] = 0,
    total_timeout: Annotated[
        float, typer.Option(min=0, help="Seconds in total; 0 for no limit.")
    ] = 0,
    max_event_size: Annotated[
        int, typer.Option(min=0, help="Bytes that one event may have; 0 for any.")
    ] = DEFAULT_MAX_EVENT_SIZE,
) -> None:
    """Show events as they arrive, and a summary on standard error.

    Exit codes: 0 end of stream, 2 usage, 3 status or content type,
    4 transport, 5 timeout, 6 event too large, 130 Ctrl-C.
    """
    headers = header or []
    if last_event_id:
        headers = [f"Last-Event-ID: {last_event_id}", *headers]
    code = run_tail(
        Request(url, method, headers, data or []),
        as_json=as_json,
        timeouts=(first_event_timeout or None, idle_timeout or None, total_timeout or None),
        last_event_id=last_event_id,
        max_event_size=max_event_size or None,
    )
    raise typer.Exit(code)


@app.command()
def chat(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT | -")],
    base_url: Annotated[str, typer.Option(help="The server's URL, with or without /v1.")],
    model: Annotated[str, typer.Option(help="The model's name on that server.")],
    api_key: Annotated[
        str | None,
        typer.Option(envvar="FASTSSE_API_KEY", help="Sent as a bearer token.", show_default=False),
    ] = None,
    system: Annotated[str | None, typer.Option(help="The system message.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Tokens in the answer.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="0: likeliest tokens.")] = None,
    connect_timeout: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds until connected; 30 by default."),
    ] = None,
    first_event_timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds until the first event; 30 by default.")
    ] = None,
    idle_timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds without a byte; 60 by default.")
    ] = None,
    total_timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds in total; no limit by default.")
    ] = None,
    max_event_size: Annotated[
        int, typer.Option(min=0, help="Bytes that one event may have; 0 for any.")
    ] = DEFAULT_MAX_EVENT_SIZE,
) -> None:
    """Show a model's answer as it arrives, and a summary on standard error.

    A timeout of 0 means no limit; variables such as FASTSSE_IDLE_TIMEOUT set other defaults.
    Until the first event is received, the request is sent up to 3 times.

    Exit codes: 0 end of the answer, 2 usage, 3 status or content type, 4 transport, 5 timeout,
    6 event too large, 7 the answer reports an error or is incomplete, 130 Ctrl-C.
    """
    given = {
        "connect": connect_timeout,
        "first_event": first_event_timeout,
        "idle": idle_timeout,
        "total": total_timeout,
    }
    timeouts = Timeouts(
        **{name: seconds or None for name, seconds in given.items() if seconds is not None}
    )
    code = run_chat(
        prompt,
        Server(base_url, model, api_key, timeouts, max_event_size or None),
        system=system,
        options={"max_tokens": max_tokens, "temperature": temperature},
    )
    raise typer.Exit(code)


@app.command()
def demo(
    streams: Annotated[int, typer.Option(min=1, max=1000, help="Answers at the same time.")] = 6,
    tokens: Annotated[int, typer.Option(min=1, help="Tokens in each answer.")] = 120,
    rate: Annotated[float, typer.Option(min=1, help="Tokens per second in each answer.")] = 60,
) -> None:
    """Stream chat answers from a server on this machine, over real sockets, and time them."""
    run_demo(streams=streams, tokens=tokens, rate=rate)
