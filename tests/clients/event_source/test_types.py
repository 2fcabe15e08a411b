"""`EventSource` is typed: mypy accepts the clients of httpx and httpx2, and reports wrong ones."""

from pathlib import Path

from type_checking import expect_errors

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
    expect_errors(tmp_path, TYPED, WRONG)
