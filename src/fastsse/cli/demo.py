"""`fastsse demo`: streams several chat answers at once over real sockets, and times them."""

import asyncio
import platform
from statistics import median
from time import perf_counter_ns
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from .. import iter_events
from . import TWIN
from .demo_server import MODEL, app, serve


class Row:
    """A row of the table: one answer, as far as received."""

    def __init__(self) -> None:
        self.events = 0
        self.tokens = 0
        self.sent_at_ns = 0
        self.first_token_at_ns = 0
        self.last_token_at_ns = 0

    @property
    def seconds_to_first_token(self) -> float:
        return (self.first_token_at_ns - self.sent_at_ns) / 1e9

    @property
    def tokens_per_second(self) -> float:
        seconds = (self.last_token_at_ns - self.first_token_at_ns) / 1e9
        return (self.tokens - 1) / seconds if seconds else 0.0

    async def stream(self, client: httpx.AsyncClient, request: dict[str, Any]) -> None:
        self.sent_at_ns = perf_counter_ns()
        async with client.stream("POST", "/v1/chat/completions", json=request) as response:
            stream = iter_events(response, first_event_timeout=30, idle_timeout=30)
            async for event in stream:
                self.events += 1
                if event.data == "[DONE]":
                    continue
                choices = event.json()["choices"]
                if choices and choices[0]["delta"].get("content"):
                    self.tokens += 1
                    self.first_token_at_ns = self.first_token_at_ns or stream.received_at_ns
                    self.last_token_at_ns = stream.received_at_ns


def run_demo(*, streams: int, tokens: int, rate: float) -> None:
    """Start the server, stream the answers with live progress, and print the table."""
    console = Console()
    answers = [Row() for _ in range(streams)]
    with serve(app) as url:
        console.print(f"{streams} chat answers from {url} read with httpx and iter_events")
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console
        ) as progress:
            bars = [progress.add_task(f"answer {n + 1}", total=tokens) for n in range(streams)]
            asyncio.run(_stream_all(url, answers, tokens, rate, progress, bars))
    console.print(_table(answers))


async def _stream_all(
    url: str,
    answers: list[Row],
    tokens: int,
    rate: float,
    progress: Progress,
    bars: list[TaskID],
) -> None:
    request = {"model": MODEL, "stream": True, "max_tokens": tokens, "rate": rate}

    async def show() -> None:
        while True:
            for bar, answer in zip(bars, answers, strict=True):
                progress.update(bar, completed=answer.tokens)
            await asyncio.sleep(0.1)

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as client:
        shown = asyncio.create_task(show())
        async with asyncio.TaskGroup() as group:
            for number, answer in enumerate(answers, start=1):
                messages = [{"role": "user", "content": f"question {number}"}]
                group.create_task(answer.stream(client, request | {"messages": messages}))
        await asyncio.sleep(0.1)
        shown.cancel()


def _table(answers: list[Row]) -> Table:
    table = Table(
        "stream", "events", "tokens", "time to first token", "tokens per second",
        title=f"{TWIN}, {platform.python_implementation()} {platform.python_version()}",
    )  # fmt: skip
    for column in table.columns[1:]:
        column.justify = "right"
    for number, answer in enumerate(answers, start=1):
        table.add_row(
            str(number),
            str(answer.events),
            str(answer.tokens),
            f"{answer.seconds_to_first_token * 1000:.0f} ms",
            f"{answer.tokens_per_second:.1f}",
        )
    began = min(answer.first_token_at_ns for answer in answers)
    seconds = (max(answer.last_token_at_ns for answer in answers) - began) / 1e9
    tokens = sum(answer.tokens for answer in answers)
    table.add_section()
    table.add_row(
        f"all {len(answers)}",
        str(sum(answer.events for answer in answers)),
        str(tokens),
        f"{median(answer.seconds_to_first_token for answer in answers) * 1000:.0f} ms (median)",
        f"{tokens / seconds:.1f}" if seconds else "-",
    )
    return table
