"""`fastsse.httpx_sse` is typed: mypy accepts right uses and reports wrong ones."""

import subprocess
import sys
from pathlib import Path

import pytest
from reading import DROPS

pytestmark = DROPS

TYPED = """
import fastsse, httpx
import fastsse.httpx_sse as httpx_sse

def facts(event: httpx_sse.ServerSentEvent) -> tuple[str, str, str, int | None]:
    return event.event, event.data, event.id, event.retry

def of_the_core(event: fastsse.ServerSentEvent) -> bytes:
    return event.data_bytes

def read(client: httpx.Client) -> list[httpx_sse.ServerSentEvent]:
    try:
        with httpx_sse.connect_sse(client, "GET", "http://server", headers={"a": "b"}) as source:
            return list(source.iter_sse())
    except httpx_sse.SSEError as error:
        its: fastsse.SSEError = error
        raise its

async def aread(client: httpx.AsyncClient) -> None:
    async with httpx_sse.aconnect_sse(client, "GET", "http://server") as source:
        events = source.aiter_sse()
        async for event in events:
            facts(event), of_the_core(event)
        await events.aclose()

facts(httpx_sse.ServerSentEvent("e", None, "1", 5))
"""


def test_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    wrong = (
        'facts(1)\nhttpx_sse.ServerSentEvent().data = ""\nhttpx_sse.ServerSentEvent(retry="5")\n'
    )
    (tmp_path / "typed.py").write_text(TYPED + wrong)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "typed.py"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    first = TYPED.count("\n") + 1
    lines = [int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line]
    assert lines == [first, first + 1, first + 2], done.stdout + done.stderr
