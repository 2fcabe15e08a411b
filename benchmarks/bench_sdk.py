"""The decoders of the SDKs beside ours in their place: a response's bytes in, events out.

    python -m pip install -e ".[bench]" && python benchmarks/bench_sdk.py

Both take turns in each round; a figure is the median of the rounds in CPU time, a ratio the median
of the rounds' own ratios. An event counts when its `.event` and `.data` were looked at; what the
SDK makes of it, a model of pydantic, is not in the figures. Name a folder of recorded streams in
FASTSSE_STREAMS to have them measured too.
"""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module, metadata
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from paired import turns
from record import record
from rich.console import Console
from rich.table import Table
from workloads import CHUNK_SIZES, WORKLOADS, Workload, recorded, repeated

from fastsse.sdk import SSEDecoder

SDKS = ("openai", "anthropic", "groq")
LARGE = repeated("16 MiB of data", f"data: {'x' * 2**24}\n\n", "x" * 2**24, count=1)
# What small HTTP chunks give, what a record of TLS gives at most, and a read of a plain connection.
LARGE_CHUNK_SIZES = {"1 KiB": 1024, "16 KiB": 16 * 1024, "64 KiB": 64 * 1024}
TURN_NS = 20_000_000
FEW_ROUNDS = 3
console = Console()


def read(decoder: Callable[[], Any], streams: list[list[bytes]]) -> None:
    for chunks in streams:
        for event in decoder().iter_bytes(iter(chunks)):
            event.event, event.data  # noqa: B018


def rows_of(
    sdk: str, workload: Workload, chunkings: dict[str, Any], rounds: int
) -> Iterator[dict[str, Any]]:
    """Nanoseconds of CPU time per event, of theirs and of ours."""
    theirs = import_module(f"{sdk}._streaming").SSEDecoder
    count = len(workload.events)
    for name, size in chunkings.items():
        streams = workload.chunks(size)
        calls = [partial(read, decoder, streams) for decoder in (theirs, SSEDecoder)]
        costs = list(islice(turns(calls, TURN_NS), 1, rounds + 1))
        yield {
            "sdk": sdk,
            "workload": workload.name,
            "chunks": name,
            "theirs_ns": round(median(their for their, _ in costs) / count),
            "ours_ns": round(median(our for _, our in costs) / count),
            "times_faster": round(median(their / our for their, our in costs), 2),
        }


def table(rows: list[dict[str, Any]]) -> Table:
    drawn = Table("SDK", "workload", "chunks", title="ns of CPU per event")
    for name in ("stock", "fastsse", "faster"):
        drawn.add_column(name, justify="right")
    for row in rows:
        sdk, workload, chunks, theirs, ours, faster = row.values()
        drawn.add_row(sdk, workload, chunks, f"{theirs:,}", f"{ours:,}", f"{faster:.1f}x")
    return drawn


def main(
    rounds: Annotated[int, typer.Option(help="How often both take their turns.")] = 11,
    large: Annotated[bool, typer.Option(help="One event of 16 MiB too.")] = True,
    output: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
) -> None:
    """Measure the decoders of the SDKs beside ours."""
    found = recorded()
    small = [*WORKLOADS[:2], *([found] if found else [])]
    rows: list[dict[str, Any]] = []
    for sdk in SDKS:
        for workload in small:
            rows += rows_of(sdk, workload, CHUNK_SIZES, rounds)
        if large:
            rows += rows_of(sdk, LARGE, LARGE_CHUNK_SIZES, FEW_ROUNDS)
    console.print(table(rows))
    record(console, {name: metadata.version(name) for name in SDKS}, rows, output)


if __name__ == "__main__":
    typer.run(main)
