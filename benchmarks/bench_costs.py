"""What the compiled twin costs beside what it could cost, each row in one interleaved run.

    python -m pip install -e ".[bench]" && python benchmarks/bench_costs.py

The object floor is a list of as many events with as long texts, and nothing parsed; it is built
when this runs. The other rows compare two ways to feed the parser, or to read an event.
"""

import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from fastsse._parser_c import Parser, ServerSentEvent
from paired import turns
from rich.console import Console
from rich.table import Table
from workloads import CHINESE, CHUNK_SIZES, SMALL_CHUNK_SIZES, WORKLOADS, Workload, repeated

ROUNDS = 41
TURN_NS = 10_000_000
FLOOR = Path(__file__).with_name("floor.pyx")

# As many bytes as the Chinese one has, and JSON too.
ASCII = CHINESE.encode().decode("ascii", "replace").replace("\ufffd", "x")

Read = Callable[[ServerSentEvent], object]


def built_floor() -> Any:
    """The module of `floor.pyx`, compiled here and now."""
    with TemporaryDirectory() as folder:
        source = Path(folder, FLOOR.name)
        source.write_text(FLOOR.read_text())
        command = [sys.executable, "-m", "Cython.Build.Cythonize", "--inplace", "--quiet", source]
        subprocess.run(command, check=True, capture_output=True)
        sys.path.insert(0, folder)
        try:
            return __import__("floor")
        finally:
            sys.path.remove(folder)


def data(event: ServerSentEvent) -> object:
    return event.data


def data_bytes(event: ServerSentEvent) -> object:
    return event.data_bytes


def as_json(event: ServerSentEvent) -> object:
    return event.json(loads=msgspec.json.decode)


def parse(chunks: Iterable[Any], read: Read | None = None) -> None:
    feed = Parser().feed
    for chunk in chunks:
        for event in feed(chunk):
            if read is None:
                event.data  # noqa: B018
            else:
                read(event)


def make(floor: Any, counts: list[int], size: int) -> None:
    for count in counts:
        for event in floor.events(count, size):
            event.data  # noqa: B018


def rows() -> Iterable[tuple[str, str, Callable[[], object], Callable[[], object]]]:
    """What is compared: names of the workload and of the pair, and the two callables."""
    floor = built_floor()
    for workload in (*WORKLOADS[:3], WORKLOADS[-1]):
        sizes = CHUNK_SIZES | SMALL_CHUNK_SIZES if workload is WORKLOADS[0] else CHUNK_SIZES
        for chunking, size in sizes.items():
            (chunks,) = workload.chunks(size)
            parser = Parser()
            counts = [len(parser.feed(chunk)) for chunk in chunks]
            length = len(workload.events[0].data)
            pair = partial(parse, chunks), partial(make, floor, counts, length)
            yield f"{workload.name}, {chunking}", "parsed / object floor", *pair
    for chunking, size in CHUNK_SIZES.items():
        (chunks,) = WORKLOADS[0].chunks(size)
        for kind in (bytearray, memoryview):
            other = [kind(chunk) for chunk in chunks]
            pair = partial(parse, other), partial(parse, chunks)
            yield f"{WORKLOADS[0].name}, {chunking}", f"{kind.__name__} / bytes", *pair
    chinese, ascii_ = lines("Chinese", CHINESE), lines("ASCII", ASCII)
    for chunking, size in CHUNK_SIZES.items():
        (ours,), (theirs,) = chinese.chunks(size), ascii_.chunks(size)
        for read in (data_bytes, as_json, data):
            pair = partial(parse, ours, read), partial(parse, theirs, read)
            yield f"{read.__name__}, {chunking}", "Chinese / ASCII", *pair


def lines(name: str, text: str) -> Workload:
    return repeated(name, f"data: {text}\n\n", text)


def main() -> None:
    table = Table("what", "ratio of", "µs", "µs", "ratio")
    for column in table.columns[2:]:
        column.justify = "right"
    for what, names, one, other in rows():
        rounds = list(islice(turns([one, other], TURN_NS), 1, ROUNDS + 1))
        figures = [median(costs) / 1000 for costs in zip(*rounds, strict=True)]
        ratio = median(first / second for first, second in rounds)
        table.add_row(what, names, *(f"{us:,.0f}" for us in figures), f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
