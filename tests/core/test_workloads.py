"""What is measured is right: each workload parses to the events that it names."""

from typing import Any

import pytest
from feeding import plain
from reference import Event
from workloads import CHUNK_SIZES, SMALL_CHUNK_SIZES, Workload, workloads

SIZES = CHUNK_SIZES | SMALL_CHUNK_SIZES
# Byte by byte, in a time that a test may take.
SMALL = 4 * 2**20


@pytest.mark.parametrize("chunking", SIZES)
@pytest.mark.parametrize("workload", workloads(), ids=lambda workload: workload.name)
def test_workload(twin: Any, workload: Workload, chunking: str) -> None:
    if chunking in SMALL_CHUNK_SIZES and workload.size > SMALL:
        pytest.skip("too many calls for a test")
    size, events = SIZES[chunking], []
    for chunks, blocks in zip(workload.chunks(size), workload.streams, strict=True):
        assert b"".join(chunks) == b"".join(blocks)
        parser = twin.Parser()
        for chunk in chunks:
            events += plain(parser.feed(chunk))
    assert events == [
        Event(event, data, id, retry, data.encode()) for event, data, id, retry in workload.events
    ]
