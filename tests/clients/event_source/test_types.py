"""`EventSource` is typed: mypy accepts the clients of httpx and httpx2, and reports wrong ones."""

import subprocess
import sys
from pathlib import Path

import pytest

TYPED = """
import httpx, httpx2
from fastsse.event_source import EventSource

def read(client: httpx.Client) -> list[str]:
    source = EventSource(client, "GET", httpx.URL("http://server/"), headers={"a": "b"})
    return [next(source).data, *(event.id for event in source)]

async def aread(client: httpx2.AsyncClient) -> str:
    async with EventSource(client, "GET", "http://server/", total_timeout=5) as source:
        async for event in source:
            return event.data
        return (await anext(source)).data + str(source.stats.events)
"""
WRONG = """EventSource(7, "GET", "http://server/")
EventSource(httpx.Client(), "GET", "http://server/", attempts="3")
"""


def test_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    (tmp_path / "typed.py").write_text(TYPED + WRONG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "typed.py"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    first = TYPED.count("\n") + 1
    lines = [int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line]
    assert lines == [first, first + 1], done.stdout + done.stderr
