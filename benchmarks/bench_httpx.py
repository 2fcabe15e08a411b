"""A chat's answer from socket to `.data`: the client's CPU time, over httpx and its kin.

    python -m pip install -e ".[bench]" && python benchmarks/bench_httpx.py

A server on another core sends the same bytes to all, who take turns in each round; a figure is
the median of the rounds in CPU time per event, a ratio the median of the rounds' own ratios.
Each row compares what its users have now: httpx-sse over stock httpx, or what httpx2 brings.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from bench_peers import machine
from clients import CLIENTS, Client, Httpx, ours, ours_with_deadlines
from loopback import CHUNKINGS, PACED, loopback
from paired import turns
from rich.console import Console
from rich.table import Table
from workloads import OPENAI

# So many that the request, which is in the figure, is less than 1 % of it.
EVENTS = 20_000
PACED_EVENTS = 300
CROWDS = {100: 1000, 1000: 200}
CHUNK_NAMES = dict(zip(CHUNKINGS, ("1 event", "32 KiB"), strict=True))

Rounds = list[float]
console = Console()


class Row:
    """One client in one chunking: nanoseconds per event of each way to read, round by round."""

    def __init__(
        self,
        name: str,
        chunks: str,
        *,
        theirs: Rounds,
        ours: Rounds,
        deadlines: Rounds,
        client: Rounds | None = None,
    ) -> None:
        self.name = name
        self.chunks = chunks
        self.rounds = {"client alone": client, "theirs": theirs, "fastsse": ours}
        self.rounds["with deadlines"] = deadlines

    def ns(self, way: str) -> float | None:
        rounds = self.rounds[way]
        return None if rounds is None else median(rounds)

    def ratio(self, one: str, other: str) -> float:
        pairs = zip(self.rounds[one] or (), self.rounds[other] or (), strict=True)
        return median(a / b for a, b in pairs)

    @property
    def faster(self) -> float:
        return self.ratio("theirs", "fastsse")

    @property
    def deadlines_percent(self) -> float:
        return 100 * (self.ratio("with deadlines", "fastsse") - 1)

    def as_json(self) -> dict[str, Any]:
        return {
            "client": self.name,
            "chunks": self.chunks,
            "ns_per_event": {way: self.ns(way) and round(self.ns(way), 1) for way in self.rounds},
            "times_faster": round(self.faster, 2),
            "times_faster_with_deadlines": round(self.ratio("theirs", "with deadlines"), 2),
            "deadlines_percent": round(self.deadlines_percent, 1),
        }


def installed(url: str) -> list[Client]:
    """The clients that are here; what is missing is left out aloud."""
    clients = []
    for kind in CLIENTS:
        try:
            clients.append(kind(url))
        except ImportError as error:
            console.print(f"left out: {kind.name}, {error}")
    return clients


def expect_right(clients: list[Client], path: str, count: int) -> None:
    """Be wrong aloud, before anything is measured."""
    for client in clients:
        for events in (client.theirs, ours, ours_with_deadlines):
            found = client.data(events, path)
            if found != [OPENAI] * count:
                raise ValueError(f"{client.name}, {path}: wrong events, {len(found)} of {count}")


def measured(calls: dict[Any, Callable[[], Any]], rounds: int, count: int) -> dict[Any, Rounds]:
    """Nanoseconds per event of each call, round by round; the first round warms up."""
    costs = islice(turns(list(calls.values())), 1, rounds + 1)
    taken = zip(*costs, strict=True)
    return {key: [ns / count for ns in of_call] for key, of_call in zip(calls, taken, strict=True)}


def rows_of(
    clients: list[Client], chunking: str, rounds: int, count: int, chunks: str
) -> Iterator[Row]:
    """All clients and ways, in turns."""
    path = f"/{chunking}/{count}/1"
    expect_right(clients, path, count)
    calls: dict[tuple[str, str], Callable[[], None]] = {}
    for client in clients:
        calls[client.name, "client"] = partial(client.drain, path)
        calls[client.name, "ours"] = partial(client.read, ours, path)
        calls[client.name, "deadlines"] = partial(client.read, ours_with_deadlines, path)
        if client.peer_over == client.name:
            calls[client.name, "theirs"] = partial(client.read, client.theirs, path)
    found = measured(calls, rounds, count)
    for client in clients:
        ways = {way: found[client.name, way] for way in ("client", "ours", "deadlines")}
        yield Row(client.name, chunks, theirs=found[client.peer_over, "theirs"], **ways)


def crowd_row(client: Httpx, size: int, count: int, rounds: int) -> Row:
    """Many answers on one loop, in turns too."""
    ways = {"theirs": client.theirs, "ours": ours, "deadlines": ours_with_deadlines}
    found: dict[str, Rounds] = {way: [] for way in ways}
    path = f"/event/{count}/{size}"
    for number in range(rounds):
        for way in ways if number % 2 == 0 else reversed(ways):
            found[way].append(client.crowd(ways[way], path, size, count))
    return Row(f"{client.name}, {size:,} streams", "1 event", **found)


def table(rows: Iterable[Row]) -> Table:
    drawn = Table("client", "chunks", title="ns of the client's CPU per event")
    for name in ("client alone", "theirs", "fastsse", "faster", "with deadlines", "for them"):
        drawn.add_column(name, justify="right")
    for row in rows:
        alone, theirs, own, guarded = (
            "" if row.ns(way) is None else f"{row.ns(way):,.0f}" for way in row.rounds
        )
        faster, more = f"{row.faster:.2f}x", f"{row.deadlines_percent:+.1f} %"
        drawn.add_row(row.name, row.chunks, alone, theirs, own, faster, guarded, more)
    return drawn


def main(
    rounds: Annotated[int, typer.Option(help="How often all take their turns.")] = 11,
    only: Annotated[str, typer.Option(help="Clients whose name has this in it.")] = "",
    events: Annotated[int, typer.Option(help="Events in an answer.")] = EVENTS,
    many: Annotated[bool, typer.Option(help="Paced answers and many at once too.")] = True,
    output: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
) -> None:
    """Measure the whole way, beside what is in use."""
    with loopback() as url:
        clients = [client for client in installed(url) if only in client.name]
        rows: list[Row] = []
        for chunking, chunks in CHUNK_NAMES.items():
            rows += rows_of(clients, chunking, rounds, events, chunks)
        if many:
            rows += rows_of(clients, PACED, 3, PACED_EVENTS, "1 event a wake-up")
            console.print("measured: one stream; now many at once")
            for size, count in CROWDS.items():
                rows.append(crowd_row(clients[0], size, count, 3))
    console.print(table(rows))
    versions = {name: text for client in clients for name, text in client.versions.items()}
    console.print(*(f"{name} {value}" for name, value in (versions | machine()).items()), sep=", ")
    if output is not None:
        figures = {"machine": machine(), "versions": versions}
        figures["rows"] = [row.as_json() for row in rows]
        output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
