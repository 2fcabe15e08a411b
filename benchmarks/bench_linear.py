"""Whether the twins' work grows with the bytes and no faster, and what memory an event takes.

    python -m pip install -e ".[bench]" && python benchmarks/bench_linear.py

An exponent is that of growth from the smallest to the largest size: 1 is linear, 2 quadratic.
Page faults of large buffers alone make 1.1 to 1.2 of a time; where valgrind is installed,
instructions are counted too, which know none.
"""

import os
import re
import shutil
import subprocess
import sys
import tracemalloc
from importlib import import_module
from math import log
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time_ns
from typing import Any

import shapes
from rich.console import Console
from rich.table import Table
from shapes import KIB, MIB, SHAPES, TWINS, pieces, read

RUNS = 5
I_REFS = re.compile(r"I +refs: +([\d,]+)")
ENDLESS = {"comment": b": ", "unknown field": b"colour: ", "name without end": b""}


def time(twin: str, shape: str, size: int) -> float:
    """The median of some runs, in ns of CPU time."""
    taken = []
    for _ in range(RUNS):
        began = process_time_ns()
        read(twin, shape, size)
        taken.append(process_time_ns() - began)
    return median(taken)


def instructions(twin: str, shape: str, size: int) -> int:
    """Those of a process that does this and nothing else, its start included."""
    with TemporaryDirectory() as folder:
        output = f"{folder}/log"
        command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--log-file={output}"]
        command += ["--cachegrind-out-file=/dev/null", sys.executable, shapes.__file__]
        # The start of Python is another with each seed.
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        subprocess.run([*command, twin, shape, str(size)], check=True, env=environment)
        with open(output) as file:
            found = I_REFS.search(file.read())
    assert found is not None
    return int(found[1].replace(",", ""))


def exponent(small: float, large: float, sizes: tuple[int, int]) -> float:
    return log(large / small) / log(sizes[1] / sizes[0])


def peak(twin: str, shape: str, size: int) -> tuple[float, float, float]:
    """Memory at its peak until `.data` is read, at its peak after, and kept: times the bytes."""
    parser = import_module(TWINS[twin]).Parser(max_event_size=None)
    tracemalloc.start()
    events: list[Any] = []
    for piece in pieces(shape, size):
        events += parser.feed(piece)
    _, until = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    bytes_ = len(events[0].data)
    kept, after = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return until / bytes_, after / bytes_, kept / bytes_


def endless(twin: str, begin: bytes, size: int) -> float:
    """MiB at the peak, of a line that cannot matter."""
    parser = import_module(TWINS[twin]).Parser()
    part = b"x" * KIB
    tracemalloc.start()
    parser.feed(begin)
    for _ in range(size // KIB):
        parser.feed(part)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / MIB


def growth_table(counted: bool) -> Table:
    table = Table("twin", "shape", "from", "to", "ns per byte", "exponent", "of instructions")
    for twin in TWINS:
        for shape, (_, _, step) in SHAPES.items():
            sizes = (64 * KIB, 64 * MIB) if step > 1 else (64 * KIB, MIB)
            small, large = (time(twin, shape, size) for size in sizes)
            row = [twin, shape, f"{sizes[0] // KIB} KiB", f"{sizes[1] // MIB} MiB"]
            row += [f"{large / sizes[1]:.2f}", f"{exponent(small, large, sizes):.2f}"]
            if counted:
                start, *counts = (instructions(twin, shape, size) for size in (KIB, *sizes))
                small, large = (count - start for count in counts)
                row.append(f"{exponent(small, large, sizes):.3f}")
            table.add_row(*row)
    return table


def memory_table() -> Table:
    table = Table("twin", "shape of 16 MiB", "peak until .data", "peak at .data", "kept")
    table.title = "memory, in times the bytes of the event"
    for twin in TWINS:
        for shape in ("one data line", "short data lines"):
            table.add_row(twin, shape, *(f"{times:.2f}" for times in peak(twin, shape, 16 * MIB)))
    return table


def endless_table() -> Table:
    table = Table("twin", "64 MiB of one", "peak, MiB")
    for twin in TWINS:
        for name, begin in ENDLESS.items():
            table.add_row(twin, name, f"{endless(twin, begin, 64 * MIB):.3f}")
    return table


def main() -> None:
    console = Console()
    counted = shutil.which("valgrind") is not None
    if not counted:
        console.print("left out: instructions, valgrind is not installed")
    for table in (growth_table(counted), memory_table(), endless_table()):
        console.print(table)


if __name__ == "__main__":
    main()
