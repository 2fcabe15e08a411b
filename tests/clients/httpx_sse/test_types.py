"""`fastsse.httpx_sse` is typed: mypy accepts right uses and reports wrong ones."""

from pathlib import Path

from reading import DROPS
from type_checking import expect_errors

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
WRONG = """facts(1)
httpx_sse.ServerSentEvent().data = ""
httpx_sse.ServerSentEvent(retry="5")
"""


def test_types(tmp_path: Path) -> None:
    expect_errors(tmp_path, TYPED, WRONG)
