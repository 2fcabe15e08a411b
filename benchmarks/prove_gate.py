"""The proof of the gate: what is slower is caught, and what is not passes on a loaded machine.

    python benchmarks/prove_gate.py

Slow-downs of 10 % are planted in three places of the compiled twin, each caught in 10 runs of 10;
the unchanged tree passes 20 runs of 20 while a busy loop per core loads the machine. Everything is
built once and measured in each run anew.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Annotated, NamedTuple

import typer
from builds import BuildError, build, copy_working_tree
from gate import Row, comparable, instruction_ratios, judge, times
from rich.console import Console
from rich.table import Table
from sample import sample

TWIN = Path("src/fastsse/_parser_c.pyx")
# Where work is planted: before the first statement that follows.
PLACES = {
    "splitting lines": r"cdef [^\n]*\b_split\([^)]*\)[^\n]*:\n.*?\n +while at < end:\n",
    "dispatch": r"cdef [^\n]*\b_dispatch\([^)]*\)[^\n]*:\n",
    "feed": r"def feed\([^)]*\):\n",
}
TURNS = "FASTSSE_PLANTED_TURNS"
# How much work it is comes from the environment: it is sized by measuring, without a build.
# The barrier keeps a compiler from doing all turns at once.
WORK = f'''
cdef extern from *:
    """
    #ifdef _MSC_VER
    #include <intrin.h>
    #define planted_barrier() _ReadWriteBarrier()
    #else
    #define planted_barrier() __asm__ __volatile__("")
    #endif
    static int planted_turns = 0;
    static inline void planted_work(void) {{
        for (int turn = 0; turn < planted_turns; turn++) planted_barrier();
    }}
    """
    int planted_turns
    void planted_work() noexcept nogil

from os import environ

planted_turns = int(environ.get("{TURNS}", 0))
'''
console = Console()


class Plant(NamedTuple):
    """A build that is slower, in one row by `slow_down` and in the others by less."""

    build: Path
    turns: int
    row: str
    slow_down: float


def with_work(text: str, place: str) -> str:
    """The compiled twin's text with work planted in that place."""
    found = list(re.finditer(PLACES[place], text, re.DOTALL))
    if len(found) != 1:
        raise BuildError(f"{place}: expected 1 place in {TWIN}, found {len(found)}")
    end = found[0].end()
    indent = re.match(" +", text[end:])
    if indent is None:
        raise BuildError(f"{place}: expected an indented statement after it in {TWIN}")
    return f"{text[:end]}{indent[0]}planted_work()\n{text[end:]}{WORK}"


def build_with_work(place: str, folder: Path) -> Path:
    """This tree, built with work planted in that place; `folder` is new."""
    tree = copy_working_tree(folder / "tree")
    text = (tree / TWIN).read_text(encoding="utf-8")
    (tree / TWIN).write_text(with_work(text, place), encoding="utf-8")
    return build(tree, folder / "build")


def sized(base: Path, change: Path, names: list[str], slow_down: float) -> Plant:
    """Find how much work slows down by so much, 0.1 is 10 %, the row that feels it most."""
    low, high, row = 0, 32, names[0]
    slowed: dict[int, float] = {}
    while max(slowed.values(), default=0) < slow_down:
        high *= 2
        felt = slow_downs(high, base, change, names, processes=4)
        row = max(felt, key=felt.__getitem__)
        slowed[high] = felt[row]
    while high - low > 1:
        turns = (low + high) // 2
        slowed[turns] = slow_downs(turns, base, change, [row], processes=8)[row]
        low, high = (turns, high) if slowed[turns] < slow_down else (low, turns)
    turns = min(slowed, key=lambda turns: abs(slowed[turns] - slow_down))
    return Plant(change, turns, row, slowed[turns])


def slow_downs(
    turns: int, base: Path, change: Path, names: list[str], *, processes: int
) -> dict[str, float]:
    """By how much so much work slows down each row: 0.1 is 10 %."""
    with planted(turns):
        samples = [
            sample(base, change, names, base_first=number % 2 == 0) for number in range(processes)
        ]
    return {name: median(found[name] for found in samples) - 1 for name in names}


@contextmanager
def planted(turns: int) -> Iterator[None]:
    """Within, the processes that are started do so much planted work."""
    os.environ[TURNS] = str(turns)
    try:
        yield
    finally:
        del os.environ[TURNS]


@contextmanager
def loaded_machine() -> Iterator[None]:
    """Within, a busy loop per core takes what it can get."""
    command = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def run(base: Path, change: Path, names: list[str], times_over: int) -> list[list[Row]]:
    """The gate's rows, so many times over; instructions are the same each time, so counted once."""
    counts = instruction_ratios(base, change, names)
    return [judge(times(base, change, names), counts) for _ in range(times_over)]


def span(rows: list[Row]) -> str:
    ratios = [row.time.ratio - 1 for row in rows]
    return f"{median(ratios):+.1%} ({min(ratios):+.1%} to {max(ratios):+.1%})"


def caught(
    base: Path, place: str, names: list[str], slow_down: float, runs: int
) -> tuple[tuple[str, ...], int]:
    """A line of the table, and how often the gate found that row slower."""
    with TemporaryDirectory() as folder:
        plant = sized(base, build_with_work(place, Path(folder)), names, slow_down)
        with planted(plant.turns):
            done = run(base, plant.build, names, runs)
    felt = [row for rows in done for row in rows if row.name == plant.row]
    return tell(place, plant.row, span(felt)), sum(row.is_slower for row in felt)


def passed(base: Path, same: Path, names: list[str], runs: int) -> tuple[tuple[str, ...], int]:
    """A line of the table, and how often the gate passed what is the same, as it should."""
    with loaded_machine():
        done = run(base, same, names, runs)
    good = sum(not any(row.is_slower for row in rows) for rows in done)
    return tell("unchanged, under load", "all", span([row for rows in done for row in rows])), good


def tell(*cells: str) -> tuple[str, ...]:
    typer.echo(", ".join(cells), err=True)
    return cells


def main(
    runs: Annotated[int, typer.Option(help="Runs for each planted slow-down.")] = 10,
    unchanged: Annotated[int, typer.Option(help="Runs of the unchanged tree.")] = 20,
    slow_down: Annotated[float, typer.Option(help="What is planted: 0.1 is 10 % slower.")] = 0.1,
) -> None:
    """Plant slow-downs and run the gate on each, and on the unchanged tree under load."""
    began = monotonic()
    drawn = Table("planted in", "row", "its time, median (least to most)", "gate")
    right = True
    with TemporaryDirectory() as folder:
        tree = copy_working_tree(Path(folder, "tree"))
        base, same = (build(tree, Path(folder, name)) for name in ("base", "same"))
        names = comparable(base, same)
        for place in PLACES:
            line, count = caught(base, place, names, slow_down, runs)
            drawn.add_row(*line, f"{count} of {runs} caught")
            right &= count == runs
        line, count = passed(base, same, names, unchanged)
        drawn.add_row(*line, f"{count} of {unchanged} passed")
        right &= count == unchanged
    console.print(drawn)
    console.print(f"{(monotonic() - began) / 60:.1f} minutes")
    raise typer.Exit(not right)


if __name__ == "__main__":
    typer.run(main)
