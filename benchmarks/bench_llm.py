"""A chat's answer from socket to text: the client's CPU time per token, beside what is in use.

    python -m pip install -e ".[bench]" && python benchmarks/bench_llm.py

A server on another core sends the same bytes to all, who take turns in each round; a figure is
the median of the rounds, a ratio the median of the rounds' own ratios. A token counts when its
text was put into a list. What a request costs by itself is measured by answers of one token, and
told apart: the figures per token are without it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from chats import WAYS, Ours, Patient, Way
from loopback import loopback
from paired import turns
from record import record
from rich.console import Console
from rich.table import Table
from workloads import chat_words

TOKENS = 5_000
# Chunks that are alike but for their text, and as OpenAI pads them; 1 token each, and many.
ANSWERS = (("event", "alike"), ("event", "padded"), ("32k", "alike"), ("32k", "padded"))
CHUNK_NAMES = {"event": "1 token", "32k": "32 KiB"}
TURN_NS = 50_000_000
BEST, STOCK = "httpx-aiohttp", "httpx"

Rounds = list[float]
console = Console()


class Row:
    """One way to read one kind of answer: nanoseconds, round by round."""

    def __init__(self, way: Way, chunks: str, answer: str, tokens: Rounds, request: Rounds) -> None:
        self.way = way
        self.chunks = chunks
        self.answer = answer
        self.tokens = tokens
        self.request = request

    def times(self, other: "Row") -> float:
        """How many times the other's CPU time per token this one's is."""
        return median(a / b for a, b in zip(self.tokens, other.tokens, strict=True))

    def as_json(self, rows: list["Row"]) -> dict[str, Any]:
        ours = {row.way.over: row for row in rows if type(row.way) in OURS}
        patient = {row.way.over: row for row in rows if isinstance(row.way, Patient)}
        found: dict[str, Any] = {
            "way": self.way.name,
            "over": self.way.over,
            "chunks": self.chunks,
            "answer": self.answer,
            "ns_per_token": round(median(self.tokens)),
            "us_per_request": round(median(self.request) / 1000),
            "times_ours": {
                over: round(self.times(ours[over]), 2) for over in (BEST, STOCK) if over in ours
            },
        }
        if type(self.way) in OURS:
            found["deadlines_percent"] = round(100 * (self.times(patient[self.way.over]) - 1), 1)
        return found


OURS = {way for way in WAYS if issubclass(way, Ours) and not issubclass(way, Patient)}


def installed(url: str, only: str) -> list[Way]:
    """The ways that are here, and ours; missing ones are skipped with a message."""
    ways = []
    for kind in WAYS:
        if only in f"{kind.name} over {kind.over}" or issubclass(kind, Ours):
            try:
                ways.append(kind(url))
            except (ImportError, RuntimeError) as error:
                console.print(f"left out: {kind.name} over {kind.over}, {error}")
    return ways


def expect_right(ways: list[Way], path: str, tokens: int) -> None:
    """Be wrong aloud, before anything is measured."""
    for way in ways:
        found = way.read(path)
        if found != chat_words(tokens):
            name = f"{way.name} over {way.over}"
            raise ValueError(f"{name}, {path}: wrong text, {len(found)} tokens of {tokens}")


def rows_of(ways: list[Way], chunks: str, answer: str, tokens: int, rounds: int) -> Iterator[Row]:
    """All ways, in turns; the first round warms up."""
    calls: list[Callable[[], object]] = []
    for count in (1, tokens):
        path = f"/{chunks}/{count}/1/{answer}"
        expect_right(ways, path, count)
        calls += [partial(way.read, path) for way in ways]
    costs = zip(*islice(turns(calls, TURN_NS), 1, rounds + 1), strict=True)
    requests, wholes = list(islice(costs, len(ways))), list(costs)
    for way, request, whole in zip(ways, requests, wholes, strict=True):
        per_token = [(b - a) / (tokens - 1) for a, b in zip(request, whole, strict=True)]
        yield Row(way, CHUNK_NAMES[chunks], answer, per_token, list(request))


def table(rows: list[dict[str, Any]]) -> Table:
    drawn = Table("way", "over", "chunks", "answer", title="µs of CPU")
    for name in ("token", "request", f"x ours, {BEST}", f"x ours, {STOCK}", "deadlines"):
        drawn.add_column(name, justify="right")
    for row in rows:
        percent = row.get("deadlines_percent")
        drawn.add_row(
            *(row[name] for name in ("way", "over", "chunks", "answer")),
            f"{row['ns_per_token'] / 1000:,.2f}",
            f"{row['us_per_request']:,}",
            *(f"{times:.2f}" for times in row["times_ours"].values()),
            "" if percent is None else f"{percent:+.1f} %",
        )
    return drawn


def main(
    rounds: Annotated[int, typer.Option(help="How often all take their turns.")] = 11,
    only: Annotated[str, typer.Option(help="Of theirs, those whose name has this in it.")] = "",
    tokens: Annotated[int, typer.Option(help="Tokens in an answer.")] = TOKENS,
    output: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
) -> None:
    """Measure what a token costs, beside what is in use."""
    with loopback() as url:
        ways = installed(url, only)
        rows: list[dict[str, Any]] = []
        for chunks, answer in ANSWERS:
            found = list(rows_of(ways, chunks, answer, tokens, rounds))
            rows += [row.as_json(found) for row in found]
        for way in ways:
            way.close()
    console.print(table(rows))
    versions = {name: text for way in ways for name, text in way.versions.items()}
    record(console, versions, rows, output)


if __name__ == "__main__":
    typer.run(main)
