"""Which lines of a program mypy reports."""

import subprocess
import sys
from pathlib import Path

import pytest


def expect_errors(folder: Path, typed: str, wrong: str) -> None:
    """Expect that mypy accepts a program, and reports each line that is appended to it.

    Args:
        folder: for the program and mypy's cache.
        typed: the program, which ends with a line end.
        wrong: the lines that are appended.
    """
    pytest.importorskip("mypy", reason="mypy is not installed")
    (folder / "typed.py").write_text(typed + wrong)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder), "typed.py"],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    first = typed.count("\n") + 1
    lines = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    assert lines == set(range(first, first + wrong.count("\n"))), done.stdout + done.stderr
