"""What is measured is right: each workload parses to the events that it names."""

from typing import Any

import pytest
from feeding import plain
from reference import Event
from workloads import CHUNK_SIZES, WORKLOADS, Workload, chunks


@pytest.mark.parametrize("size", CHUNK_SIZES.values(), ids=CHUNK_SIZES)
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_workload(twin: Any, workload: Workload, size: int | None) -> None:
    parser = twin.Parser()
    events = [event for chunk in chunks(workload, size) for event in parser.feed(chunk)]
    _, block, event, data, id, retry, count = workload
    assert len(events) == count
    assert b"".join(chunks(workload, size)) == block * count
    assert set(plain(events)) == {Event(event, data, id, retry, data.encode())}
