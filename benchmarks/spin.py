"""One workload again and again on the compiled twin, for a profiler to look at.

PYTHONHASHSEED=0 valgrind --tool=callgrind python benchmarks/spin.py "tiny data" "1 event" 50
"""

import sys

from peers import Compiled
from workloads import CHUNK_SIZES, SMALL_CHUNK_SIZES, workloads


def main(name: str, chunking: str, times: int) -> None:
    (workload,) = (workload for workload in workloads() if workload.name.startswith(name))
    streams = workload.chunks((CHUNK_SIZES | SMALL_CHUNK_SIZES)[chunking])
    twin = Compiled()
    for _ in range(times):
        twin.read(streams)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
