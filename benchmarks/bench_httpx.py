"""A chat's answer from socket to `.data`: the client's CPU time, over httpx and its kin.

    python -m pip install -e ".[bench]" && python benchmarks/bench_httpx.py

A server on another core sends the same bytes to all, who take turns in each round; a figure is
the median of the rounds in CPU time per event, a ratio the median of the rounds' own ratios.
Each row compares with what its users have now: httpx-sse over stock httpx, or what httpx2 brings.
"client" is the client alone, which makes nothing of the chunks; "deadlines" is fastsse with all
three. "paced" streams send an event every millisecond, so that each wakes the client.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice, product
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from clients import CLIENTS, Client, Httpx, ours, ours_with_deadlines
from loopback import CHUNKINGS, PACED, loopback
from paired import turns
from record import record
from rich.console import Console
from rich.table import Table
from workloads import OPENAI

# So many that the request, which is in the figures and costs up to 1 ms, hardly shows in them.
EVENTS = 20_000
MORE_IN_LARGE_CHUNKS = 10
PACED_EVENTS = 200
CROWDS = {100: 1000, 1000: 200}
FEW_ROUNDS = 3
# So long that little of it is the caches' change from one client's code to the next one's.
TURN_NS = 50_000_000
CHUNK_NAMES = dict(zip(CHUNKINGS, ("1 event", "32 KiB"), strict=True))

ALONE, THEIRS, OURS, GUARDED = "client", "theirs", "fastsse", "deadlines"

Rounds = list[float]
console = Console()


class Row:
    """One client in one chunking: nanoseconds per event of each way to read, round by round."""

    def __init__(self, name: str, chunks: str, rounds: dict[str, Rounds]) -> None:
        self.name = name
        self.chunks = chunks
        self.rounds = rounds

    def ns(self, way: str) -> float:
        return median(self.rounds[way])

    def ratio(self, one: str, other: str) -> float:
        return median(a / b for a, b in zip(self.rounds[one], self.rounds[other], strict=True))

    @property
    def faster(self) -> float:
        return self.ratio(THEIRS, OURS)

    @property
    def deadlines_percent(self) -> float:
        return 100 * (self.ratio(GUARDED, OURS) - 1)

    def as_json(self) -> dict[str, Any]:
        return {
            "client": self.name,
            "chunks": self.chunks,
            "ns_per_event": {way: round(self.ns(way), 1) for way in self.rounds},
            "times_faster": round(self.faster, 2),
            "times_faster_with_deadlines": round(self.ratio(THEIRS, GUARDED), 2),
            "deadlines_percent": round(self.deadlines_percent, 1),
        }


def installed(url: str) -> list[Client]:
    """The clients that are here; missing ones are skipped with a message."""
    clients = []
    for kind in CLIENTS:
        try:
            clients.append(kind(url))
        except ImportError as error:
            console.print(f"left out: {kind.name}, {error}")
    return clients


def chosen(clients: list[Client], name: str) -> list[Client]:
    """Those with this in their name, and those that they are compared with."""
    wanted = {
        kind
        for client in clients
        if name in client.name
        for kind in (client.name, client.peer_over)
    }
    return [client for client in clients if client.name in wanted]


def expect_right(clients: list[Client], path: str, count: int) -> None:
    """Be wrong aloud, before anything is measured."""
    for client in clients:
        for events in (client.theirs, ours, ours_with_deadlines):
            found = client.data(events, path)
            if found != [OPENAI] * count:
                raise ValueError(f"{client.name}, {path}: wrong events, {len(found)} of {count}")


def measured(calls: dict[Any, Callable[[], Any]], rounds: int, count: int) -> dict[Any, Rounds]:
    """Nanoseconds per event of each call, round by round; the first round warms up."""
    costs = islice(turns(list(calls.values()), TURN_NS), 1, rounds + 1)
    taken = zip(*costs, strict=True)
    return {key: [ns / count for ns in of_call] for key, of_call in zip(calls, taken, strict=True)}


def rows_of(
    clients: list[Client], chunking: str, chunks: str, count: int, rounds: int
) -> Iterator[Row]:
    """All clients and ways, in turns."""
    path = f"/{chunking}/{count}/1"
    expect_right(clients, path, count)
    calls: dict[tuple[str, str], Callable[[], None]] = {}
    for client in clients:
        calls[client.name, ALONE] = partial(client.drain, path)
        calls[client.name, OURS] = partial(client.read, ours, path)
        calls[client.name, GUARDED] = partial(client.read, ours_with_deadlines, path)
        if client.peer_over == client.name:
            calls[client.name, THEIRS] = partial(client.read, client.theirs, path)
    found = measured(calls, rounds, count)
    for client in clients:
        own = {way: found[client.name, way] for way in (ALONE, OURS, GUARDED)}
        yield Row(client.name, chunks, own | {THEIRS: found[client.peer_over, THEIRS]})


def crowd_row(client: Httpx, size: int, count: int, rounds: int) -> Row:
    """Many answers on one loop, in turns too."""
    ways = {THEIRS: client.theirs, OURS: ours, GUARDED: ours_with_deadlines}
    found: dict[str, Rounds] = {way: [] for way in ways}
    path = f"/event/{count}/{size}"
    for number in range(rounds):
        for way in ways if number % 2 == 0 else reversed(ways):
            found[way].append(client.crowd(ways[way], path, size, count))
    return Row(f"{client.name}, {size:,} streams", "1 event", found)


def table(rows: Iterable[Row]) -> Table:
    drawn = Table(
        "client",
        "chunks",
        title="ns of CPU per event (times faster than theirs; what deadlines add)",
    )
    for name in (ALONE, THEIRS, OURS, GUARDED):
        drawn.add_column(name, justify="right")
    for row in rows:
        ns = {way: f"{row.ns(way):,.0f}" for way in row.rounds}
        own = f"{ns[OURS]} ({row.faster:.2f}x)"
        guarded = f"{ns[GUARDED]} ({row.deadlines_percent:+.1f} %)"
        drawn.add_row(row.name, row.chunks, ns.get(ALONE, ""), ns[THEIRS], own, guarded)
    return drawn


def main(
    rounds: Annotated[int, typer.Option(help="How often all take their turns.")] = 11,
    only: Annotated[str, typer.Option(help="Clients whose name has this in it.")] = "",
    events: Annotated[
        int, typer.Option(help="Events in an answer, more in large chunks.")
    ] = EVENTS,
    many: Annotated[bool, typer.Option(help="Paced answers and many at once too.")] = True,
    output: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
) -> None:
    """Measure the whole way, beside what is in use."""
    with loopback() as url:
        clients = chosen(installed(url), only)
        rows: list[Row] = []
        for chunking, size in CHUNKINGS.items():
            count = events * MORE_IN_LARGE_CHUNKS if size else events
            rows += rows_of(clients, chunking, CHUNK_NAMES[chunking], count, rounds)
        if many:
            rows += rows_of(clients, PACED, "1, paced", PACED_EVENTS, FEW_ROUNDS)
            crowded = [client for client in clients if type(client) is Httpx]
            for client, (size, count) in product(crowded, CROWDS.items()):
                rows.append(crowd_row(client, size, count, FEW_ROUNDS))
        for client in clients:
            client.close()
    console.print(table(rows))
    versions = {name: text for client in clients for name, text in client.versions.items()}
    record(console, versions, [row.as_json() for row in rows], output)


if __name__ == "__main__":
    typer.run(main)
