"""Instructions that a build takes for each row, counted by valgrind: the same on any busy machine.

    valgrind --tool=cachegrind ... python instructions.py NAMES BUILD

A fork for each row goes on under the same valgrind, and leaves a count of its own: so the start
of Python, a thousand times the work, is counted once and is the same in all.
"""

import gc
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from builds import load, run_beside
from rows import rows

COUNT = re.compile(r"I +refs: +([\d,]+)")


def instructions(build: Path, names: list[str]) -> dict[str, int] | None:
    """Instructions of one reading of each named row; None without valgrind."""
    if shutil.which("valgrind") is None:
        return None
    with TemporaryDirectory() as logs:
        valgrind = ("valgrind", "--tool=cachegrind", "--cache-sim=no", f"--log-file={logs}/%p")
        under = ("env", "PYTHONHASHSEED=0", *valgrind, "--cachegrind-out-file=/dev/null")
        arguments = ("instructions.py", json.dumps(names), str(build))
        forks = json.loads(run_beside(*arguments, build=build, under=under))
        counts = {pid: _count(Path(logs, str(pid))) for pids in forks.values() for pid in pids}
    return {name: counts[twice] - counts[once] for name, (once, twice) in forks.items()}


def _count(log: Path) -> int:
    found = COUNT.search(log.read_text())
    if found is None:
        raise ValueError(f"no count in what valgrind wrote:\n{log.read_text()}")
    return int(found[1].replace(",", ""))


def _forks(names: list[str], build: Path) -> dict[str, list[int]]:
    reads = rows(load(build))
    gc.disable()
    return {name: [_fork(reads[name], times) for times in (1, 2)] for name in names}


def _fork(read: Callable[[], None], times: int) -> int:
    """The ID of a process that read so many times, and has ended."""
    pid = os.fork()
    if pid == 0:
        for _ in range(times):
            read()
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


if __name__ == "__main__":
    print(json.dumps(_forks(json.loads(sys.argv[1]), Path(sys.argv[2]))))
