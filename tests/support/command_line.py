"""How tests run the command line: in a process of its own."""

import os
import subprocess
import sys
from typing import Any

import fastsse

COMMAND = [sys.executable, "-m", "fastsse"]
TWIN = "compiled parser" if fastsse.ACCELERATED else "pure Python parser"
SECONDS = 60


def start(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "120"}
    return subprocess.Popen([*COMMAND, *arguments], env=environment, **(pipes | options))


def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    with start(*arguments) as process:
        out, err = process.communicate(stdin, timeout=SECONDS)
    return process.returncode, out.decode(), err.decode()
