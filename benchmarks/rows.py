"""The rows of the gate's table: a workload in a chunking, as a callable that reads it.

    python rows.py BUILD      prints for the name of each row whether it gives the right events

What they are made of is told in `workloads.py`.
"""

import json
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import ModuleType

from builds import load
from workloads import CHUNK_SIZES, Fields, Workload, workloads

Chunks = list[bytes]


def rows(twin: ModuleType) -> dict[str, Callable[[], None]]:
    """A callable for each row: parse all of it with that twin, and look at the data."""
    return {name: partial(_read, twin, streams) for name, (_, streams) in _inputs().items()}


def reads_right(twin: ModuleType) -> dict[str, bool]:
    """Whether each row gives the events that it should."""
    return {name: _is_right(twin, *parts) for name, parts in _inputs().items()}


@cache
def _inputs() -> dict[str, tuple[Workload, list[Chunks]]]:
    # All twins get the very same bytes: a copy may be slower to read for where it lies.
    return {
        f"{workload.name}, {chunking}": (workload, workload.chunks(size))
        for workload in workloads()
        for chunking, size in CHUNK_SIZES.items()
    }


def _read(twin: ModuleType, streams: list[Chunks]) -> None:
    for chunks in streams:
        feed = twin.Parser().feed
        for chunk in chunks:
            for event in feed(chunk):
                event.data  # noqa: B018


def _is_right(twin: ModuleType, workload: Workload, streams: list[Chunks]) -> bool:
    found = []
    for chunks in streams:
        feed = twin.Parser().feed
        found += [event for chunk in chunks for event in feed(chunk)]
    return workload.events == [
        Fields(event.event, event.data, event.id, event.retry) for event in found
    ]


if __name__ == "__main__":
    print(json.dumps(reads_right(load(Path(sys.argv[1])))))
