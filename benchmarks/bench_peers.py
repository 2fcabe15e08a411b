"""Every parser in use beside the twins: bytes in, events out, `.data` read, in one run.

    python -m pip install -e ".[bench]" && python benchmarks/bench_peers.py

All take turns in each round; a figure is the median of the rounds in CPU time per event, a ratio
the median of the rounds' own ratios. Rounds are of several processes, since one can be off by 15 %
for its life, as its memory happens to lie. Name a folder of recorded streams in FASTSSE_STREAMS to
have them measured too.
"""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from paired import turns
from peers import PEERS, Chunks, HttpxSse, Peer
from record import record
from rich.console import Console
from rich.progress import track
from rich.table import Table
from workloads import CHUNK_SIZES, SMALL_CHUNK_SIZES, Workload, workloads

BAR = 40
# So long that little of it is the change of caches from one parser to the next.
TURN_NS = 20_000_000
console = Console()

# Nanoseconds per event of each peer, round by round, and the peers that gave other data.
Figures = tuple[dict[str, list[float]], list[str]]


class Row:
    """One workload in one chunking: nanoseconds per event of each peer, round by round."""

    def __init__(self, workload: Workload, chunking: str, peers: list[Peer]) -> None:
        self.workload = workload
        self.chunking = chunking
        self.rounds: dict[str, list[float]] = {peer.name: [] for peer in peers}
        self.wrong: list[str] = []

    def add(self, figures: Figures) -> None:
        rounds, self.wrong = figures
        for name, taken in rounds.items():
            self.rounds[name] += taken

    def ns(self, name: str) -> float:
        return median(self.rounds[name])

    def ratio(self, name: str) -> float:
        """How many times faster than httpx-sse."""
        pairs = zip(self.rounds[HttpxSse.name], self.rounds[name], strict=True)
        return median(theirs / ours for theirs, ours in pairs)

    def as_json(self) -> dict[str, Any]:
        return {
            "workload": self.workload.name,
            "chunks": self.chunking,
            "bytes_per_event": round(self.workload.size / len(self.workload.events)),
            "ns_per_event": {name: round(self.ns(name), 1) for name in self.rounds},
            "ratio_to_httpx_sse": {name: round(self.ratio(name), 2) for name in self.rounds},
            "wrong": self.wrong,
        }


def installed(words: list[str]) -> list[Peer]:
    """The installed peers that have one of the words; others are skipped with a message."""
    peers = []
    for kind in PEERS:
        if any(word in kind.name for word in words):
            try:
                peers.append(kind())
            except ImportError as error:
                console.print(f"left out: {kind.name}, {error}")
    return peers


def measured(
    words: list[str], only: str, sizes: dict[str, int | None], rounds: int
) -> list[Figures]:
    """The figures of each row, from the process that this is called in."""
    with redirect_stdout(StringIO()):
        peers = installed(words)
    return [
        figures(peers, workload, workload.chunks(size), rounds)
        for workload in workloads()
        if only in workload.name
        for size in sizes.values()
    ]


def figures(peers: list[Peer], workload: Workload, streams: list[Chunks], rounds: int) -> Figures:
    """What the peers give is compared first, then they take their turns."""
    expected = [event.data for event in workload.events]
    wrong = [
        peer.name
        for peer in peers
        if expected != [event.data for chunks in streams for event in peer.events(chunks)]
    ]
    calls = [partial(peer.read, streams) for peer in peers]
    costs = zip(*islice(turns(calls, TURN_NS), 1, rounds + 1), strict=True)
    pairs = zip(peers, costs, strict=True)
    return {peer.name: [ns / len(expected) for ns in taken] for peer, taken in pairs}, wrong


def table(rows: Iterable[Row], peers: list[Peer]) -> Table:
    drawn = Table("workload", "chunks", *(peer.name for peer in peers))
    drawn.title = "ns per event (times faster than httpx-sse)"
    for column in drawn.columns[2:]:
        column.justify = "right"
    for row in rows:
        cells = [
            f"{row.ns(peer.name):,.0f} ({row.ratio(peer.name):.1f}x)"
            + (" ≠" if peer.name in row.wrong else "")
            for peer in peers
        ]
        drawn.add_row(row.workload.name, row.chunking, *cells)
    return drawn


def chart(row: Row) -> Table:
    """A bar for each peer: how many times faster than httpx-sse."""
    drawn = Table("", "", "", box=None, show_header=False)
    drawn.title = f"{row.workload.name}, {row.chunking}: times faster than httpx-sse"
    longest = max(map(row.ratio, row.rounds))
    for name in sorted(row.rounds, key=row.ratio, reverse=True):
        bar = "█" * max(1, round(BAR * row.ratio(name) / longest))
        drawn.add_row(name, bar, f"{row.ratio(name):.1f}")
    return drawn


def main(
    rounds: Annotated[int, typer.Option(help="How often all take turns in a process.")] = 7,
    processes: Annotated[int, typer.Option(help="In how many processes.")] = 5,
    only: Annotated[str, typer.Option(help="Workloads whose name has this in it.")] = "",
    peers: Annotated[str, typer.Option(help="Peers whose name has one of these words.")] = "",
    small: Annotated[bool, typer.Option(help="Chunks of 16 bytes and of 1 byte too.")] = False,
    output: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
) -> None:
    """Measure the parsers beside each other."""
    words = [*peers.split(","), HttpxSse.name] if peers else [""]
    here = installed(words)
    sizes = CHUNK_SIZES | SMALL_CHUNK_SIZES if small else CHUNK_SIZES
    rows = [
        Row(workload, chunking, here)
        for workload in workloads()
        if only in workload.name
        for chunking in sizes
    ]
    fresh = get_context("spawn")
    for _ in track(range(processes), "measuring", console=console):
        with ProcessPoolExecutor(1, fresh) as process:
            found = process.submit(measured, words, only, sizes, rounds).result()
        for row, figures in zip(rows, found, strict=True):
            row.add(figures)
    console.print(table(rows, here))
    if any(row.wrong for row in rows):
        console.print("≠ gives other data than the standard")
    console.print(chart(rows[0]))
    versions = {peer.distribution: peer.version for peer in here}
    record(console, versions, [row.as_json() for row in rows], output)


if __name__ == "__main__":
    typer.run(main)
