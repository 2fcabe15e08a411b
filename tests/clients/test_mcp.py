"""The MCP SDK's client and server on loopback: its reader's limit, and the recipe of the docs."""

import asyncio
import re
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import DEFAULT_MAX_SSE_EVENT_SIZE, streamable_http_client
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from paths import DOCS
from serving import serve

PAGE = DOCS / "mcp.md"
SIZE = 20_000_000
STREAM = "text/event-stream"
STOCK_LIMIT = f"exceeded the {DEFAULT_MAX_SSE_EVENT_SIZE} byte limit"

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(not PAGE.exists(), reason="the docs are not here"),
]

tools = MCPServer("tools", log_level="CRITICAL")
abandoned: dict[str, threading.Event] = defaultdict(threading.Event)


def text_of(size: int) -> str:
    return ("twenty million bytes, ü\n" * (size // 20 + 1))[:size]


@tools.tool(structured_output=False)
async def text(size: int, context: Context) -> str:
    await context.report_progress(1, 2)
    return text_of(size)


@tools.tool(structured_output=False)
async def text_alone(size: int) -> str:
    return text_of(size)


@tools.tool(structured_output=False)
async def silence(name: str, context: Context) -> str:
    await context.report_progress(1, 2)
    try:
        await asyncio.sleep(60)
    finally:
        abandoned[name].set()
    return name


@pytest.fixture(scope="module")
def mcp_url() -> Iterator[str]:
    with serve(tools.streamable_http_app(), lifespan="on") as url:
        yield f"{url}/mcp"


@pytest.fixture(params=["2026-07-28", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """The protocol: of one exchange for each request, or of sessions."""
    return request.param


@pytest.fixture(scope="module")
def recipes() -> SimpleNamespace:
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S):
        exec(compile(block, str(PAGE), "exec"), names)
    return SimpleNamespace(**names)


class Session:
    """A client, the media types that it was answered with, and the progress that it was told."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.types: list[str] = []
        self.progress: list[float] = []
        self.progressed = asyncio.Event()

    async def text(self, tool: str, **arguments: Any) -> str:
        self.types.clear()
        result = await asyncio.wait_for(
            self.client.call_tool(tool, arguments, progress_callback=self._progress), 20
        )
        return result.content[0].text

    async def _progress(self, done: float, *_: object) -> None:
        self.progress.append(done)
        self.progressed.set()


@asynccontextmanager
async def connected(transport: Any, url: str, mode: str, **options: Any) -> AsyncIterator[Session]:
    async with (
        httpx2.AsyncClient(timeout=30) as http,
        Client(transport(http, url, **options), mode=mode) as client,
    ):
        session = Session(client)

        async def note(response: httpx2.Response) -> None:
            session.types.append(response.headers["content-type"])

        await client.list_tools()
        http.event_hooks = {"response": [note]}
        yield session


def stock(http: httpx2.AsyncClient, url: str, **options: Any) -> AbstractAsyncContextManager[Any]:
    return streamable_http_client(url, http_client=http, **options)


class TestTheStockReader:
    def test_stops_at_its_limit(self, mcp_url: str, mode: str) -> None:
        async def main() -> None:
            async with connected(stock, mcp_url, mode) as session:
                with pytest.raises(MCPError, match=STOCK_LIMIT):
                    await session.text("text", size=SIZE)
                assert session.types == [STREAM]

        asyncio.run(main())

    def test_takes_any_size_without_its_limit(self, mcp_url: str, mode: str) -> None:
        async def main() -> None:
            async with connected(stock, mcp_url, mode, max_sse_event_size=None) as session:
                assert await session.text("text", size=SIZE) == text_of(SIZE)
                assert session.types == [STREAM]

        asyncio.run(main())

    def test_has_no_limit_for_an_answer_in_json(self, mcp_url: str) -> None:
        async def main() -> None:
            async with connected(stock, mcp_url, "2026-07-28") as session:
                assert await session.text("text_alone", size=SIZE) == text_of(SIZE)
                assert session.types == ["application/json"]
            async with connected(stock, mcp_url, "legacy") as session:
                with pytest.raises(MCPError, match=STOCK_LIMIT):
                    await session.text("text_alone", size=SIZE)

        asyncio.run(main())

    def test_has_no_limit_to_set_with_the_url_alone(self, mcp_url: str, mode: str) -> None:
        async def main() -> None:
            async with Client(mcp_url, mode=mode) as client:
                with pytest.raises(MCPError, match=STOCK_LIMIT):
                    await Session(client).text("text", size=SIZE)

        asyncio.run(main())


class TestOurReader:
    def test_takes_20_mb(self, recipes: Any, mcp_url: str, mode: str) -> None:
        async def main() -> None:
            async with connected(recipes.fastsse_transport, mcp_url, mode) as session:
                assert await session.text("text", size=SIZE) == text_of(SIZE)
                assert session.types == [STREAM]
                assert session.progress == [1]
                assert await session.text("text_alone", size=9) == text_of(9)

        asyncio.run(main())

    @pytest.mark.parametrize(
        ("options", "call", "error"),
        [
            ({"max_event_size": 1_000_000}, {"tool": "text", "size": SIZE}, "EventTooLargeError"),
            ({"idle_timeout": 0.5}, {"tool": "silence", "name": "idle"}, "StreamTimeout"),
        ],
    )
    def test_has_its_own_limit_and_deadlines(
        self, recipes: Any, mcp_url: str, mode: str, options: Any, call: Any, error: str
    ) -> None:
        async def main() -> None:
            async with connected(recipes.fastsse_transport, mcp_url, mode, **options) as session:
                with pytest.raises(MCPError, match=error):
                    await session.text(**call)
                assert session.types == [STREAM]
                assert await session.text("text", size=9) == text_of(9)

        asyncio.run(main())

    def test_lets_a_call_be_abandoned(self, recipes: Any, mcp_url: str, mode: str) -> None:
        async def main() -> None:
            async with connected(recipes.fastsse_transport, mcp_url, mode) as session:
                call = asyncio.create_task(session.text("silence", name=mode))
                await session.progressed.wait()
                call.cancel()
                assert await asyncio.to_thread(abandoned[mode].wait, 20)
                assert await session.text("text", size=9) == text_of(9)

        asyncio.run(main())

    def test_says_what_broke(self, recipes: Any, url: str) -> None:
        async def main() -> None:
            async with httpx2.AsyncClient(timeout=30) as http:
                transport = recipes.fastsse_transport(http, f"{url}/no-type")
                async with Client(transport, mode="2026-07-28") as client:
                    with pytest.raises(MCPError, match="ContentTypeError"):
                        await client.list_tools()

        asyncio.run(main())


def test_the_docs_own_calls(recipes: Any, mcp_url: str) -> None:
    async def main() -> None:
        for call in (recipes.call, recipes.call_with_deadline):
            result = await call(mcp_url, "text", {"size": SIZE})
            assert result.content[0].text == text_of(SIZE)

    asyncio.run(main())
