"""Both twins beside httpx-sse: CPU time per event, bytes in and `.data` read, in one run.

    python -m pip install -e ".[bench]" && python benchmarks/bench_parser.py

The three take turns in each round, so that a machine that changes its speed changes it for all;
a figure is the median of the rounds, a ratio the median of the rounds' own ratios.
"""

import platform
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable
from importlib.metadata import version
from statistics import median
from time import process_time_ns
from typing import Any

import httpx_sse
from rich.console import Console
from rich.table import Table
from workloads import CHUNK_SIZES, WORKLOADS, Workload, chunks

from fastsse import _parser_c, _parser_py

ROUNDS = 15


class Response:
    """What httpx-sse asks of a response, over chunks that are here already."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.headers = {"content-type": "text/event-stream"}
        self._pieces = pieces

    def iter_text(self) -> Iterable[str]:
        decode = getincrementaldecoder("utf-8")("replace").decode
        for piece in self._pieces:
            yield decode(piece)


def read_with_httpx_sse(pieces: list[bytes]) -> int:
    count = 0
    response: Any = Response(pieces)
    for event in httpx_sse.EventSource(response).iter_sse():
        count += event.data is not None
    return count


def read_with(twin: Any) -> Callable[[list[bytes]], int]:
    def read(pieces: list[bytes]) -> int:
        count = 0
        feed = twin.Parser().feed
        for piece in pieces:
            for event in feed(piece):
                count += event.data is not None
        return count

    return read


READERS = {
    "compiled": read_with(_parser_c),
    "pure": read_with(_parser_py),
    "httpx-sse": read_with_httpx_sse,
}


def measure(workload: Workload, chunk_size: int | None) -> dict[str, list[float]]:
    """Nanoseconds per event, of each reader in each round."""
    pieces = chunks(workload, chunk_size)
    figures: dict[str, list[float]] = {name: [] for name in READERS}
    for _ in range(ROUNDS + 1):
        for name, read in READERS.items():
            began = process_time_ns()
            count = read(pieces)
            figures[name].append((process_time_ns() - began) / count)
            if count != workload.count:
                sys.exit(f"{name} gave {count} events of {workload.name}, not {workload.count}")
    return {name: rounds[1:] for name, rounds in figures.items()}


def main() -> None:
    title = f"ns per event, {platform.python_implementation()} {platform.python_version()}"
    table = Table("workload", "chunks", *READERS, "compiled", "pure", title=title)
    for column in table.columns[2:]:
        column.justify = "right"
    for workload in WORKLOADS:
        for chunking, chunk_size in CHUNK_SIZES.items():
            figures = measure(workload, chunk_size)
            peer = figures["httpx-sse"]
            ratios = [
                median(theirs / ours for theirs, ours in zip(peer, figures[name], strict=True))
                for name in ("compiled", "pure")
            ]
            table.add_row(
                workload.name,
                chunking,
                *(f"{median(rounds):,.0f}" for rounds in figures.values()),
                *(f"{ratio:.1f}x" for ratio in ratios),
            )
    console = Console()
    console.print(table)
    console.print(f"The last columns: times faster than httpx-sse {version('httpx-sse')}.")


if __name__ == "__main__":
    main()
