"""The twins under pytest-benchmark: each workload in each chunking, alone and with statistics.

    python -m pip install -e ".[bench]" && pytest benchmarks/bench_parser.py

Times are per stream. Compare with an earlier run by --benchmark-autosave and --benchmark-compare;
beside other parsers see bench_peers.py, and for a verdict on a busy machine gate.py.
"""

from itertools import chain
from time import process_time

import pytest
from peers import Compiled, Pure, Twin
from pytest_benchmark.fixture import BenchmarkFixture
from workloads import CHUNK_SIZES, Workload, workloads


@pytest.mark.benchmark(timer=process_time, min_rounds=5, max_time=0.2, warmup=True)
@pytest.mark.parametrize("kind", [Compiled, Pure], ids=lambda kind: kind.name)
@pytest.mark.parametrize("chunking", CHUNK_SIZES)
@pytest.mark.parametrize("workload", workloads(), ids=lambda workload: workload.name)
def test_read(
    benchmark: BenchmarkFixture, workload: Workload, chunking: str, kind: type[Twin]
) -> None:
    twin = kind()
    streams = workload.chunks(CHUNK_SIZES[chunking])
    found = chain.from_iterable(map(twin.events, streams))
    assert [event.data for event in found] == [event.data for event in workload.events]
    benchmark.group = f"{workload.name}, {chunking}"
    benchmark.extra_info["events"] = len(workload.events)
    benchmark(twin.read, streams)
