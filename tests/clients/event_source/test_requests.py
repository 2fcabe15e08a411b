"""`EventSource` sends the requests that its arguments describe, and rejects wrong arguments."""

import asyncio
import io
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
import requests
from event_sources import GONE, Way, event, expect_end, serving, status, stream
from reading import DROPS

from fastsse.event_source import EventSource

pytestmark = DROPS


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestRequest:
    def test_headers(self, some: Way) -> None:
        with serving(GONE) as server:
            some.read(server.url)
            some.read(server.url, headers={"ACCEPT": "text/x", "X-Mine": "a", "Cache-control": "x"})
        ours, given = server.asked
        assert ours.header("accept") == b"text/event-stream"
        assert ours.header("cache-control") == ours.header("pragma") == b"no-cache"
        assert given.header("accept") == b"text/x"
        assert given.header("cache-control") == b"x"
        assert given.header("x-mine") == b"a"

    def test_is_the_same_each_time(self, some: Way) -> None:
        with serving(stream(event(1)), stream(event(2)), GONE) as server:
            headers = (pair for pair in [("X-Key", "a"), ("X-Key", "b")])
            some.read(
                "/path", client={"base_url": server.url}, headers=headers, params={"q": "ü"},
                auth=("user", "pass"),
            )  # fmt: skip
        for asked in server.asked:
            assert asked.target == "/path?q=%C3%BC"
            assert [value for name, value in asked.headers if name == "x-key"] == [b"a", b"b"]
            assert asked.header("authorization") == b"Basic dXNlcjpwYXNz"

    @pytest.mark.parametrize(
        ("given", "body"),
        [
            ({"json": {"a": ["ü"]}}, '{"a":["ü"]}'.encode()),
            ({"content": b"\x00bytes"}, b"\x00bytes"),
            ({"content": "text ü"}, "text ü".encode()),
            ({"data": {"a": "1", "b": "2"}}, b"a=1&b=2"),
        ],
    )
    def test_a_body_is_sent_again(self, some: Way, given: Any, body: bytes) -> None:
        moved = status(307, "Location: /there")
        with serving(stream(event(1)), moved, stream(event(2)), GONE) as server:
            read = some.read(server.url, "POST", **given)
        expect_end(read, ["1", "2"])
        assert [asked.body for asked in server.asked] == [body] * 4
        assert [asked.method for asked in server.asked] == ["POST"] * 4

    @pytest.mark.parametrize("name", ["content", "data"])
    def test_a_body_that_cannot_be_sent_again_is_refused(
        self, library: Any, name: str, tmp_path: Path
    ) -> None:
        async def chunks() -> Any:
            yield b"a"

        (tmp_path / "file").write_bytes(b"a")
        with library.Client() as client, (tmp_path / "file").open("rb") as file:
            for body in (iter([b"a"]), (b for b in [b"a"]), chunks(), file, io.BytesIO(b"a")):
                with pytest.raises(TypeError, match=f"{name}: expected .* sent again"):
                    EventSource(client, "POST", "http://x/", **{name: body})
            with pytest.raises(TypeError, match=r"files: expected .* sent again"):
                EventSource(client, "POST", "http://x/", files={"f": file})


class TestArguments:
    @pytest.mark.parametrize("client", [None, requests.Session(), "http://x/", object()])
    def test_another_client_is_refused(self, client: Any) -> None:
        kind = type(client).__name__
        with pytest.raises(TypeError, match=f"expected a client of httpx or httpx2, got {kind}"):
            EventSource(client, "GET", "http://x/")

    def test_one_of_aiohttp_is_refused(self) -> None:
        async def main() -> None:
            async with aiohttp.ClientSession() as client:
                with pytest.raises(TypeError, match="httpx or httpx2, got ClientSession"):
                    EventSource(client, "GET", "http://x/")

        asyncio.run(main())

    def test_for_with_an_async_client(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", "http://x/")
                with pytest.raises(TypeError, match="AsyncClient is asynchronous: use `async for`"):
                    list(source)
                with pytest.raises(TypeError, match=r"asynchronous: use .* aclose\(\)"):
                    source.close()
                with pytest.raises(TypeError, match="asynchronous"), source:
                    raise AssertionError
                assert source.state == "connecting"

        loop(main)

    def test_async_for_with_a_sync_client(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            with library.Client() as client:
                source = EventSource(client, "GET", "http://x/")
                with pytest.raises(TypeError, match="Client is synchronous: use `for`"):
                    async for _ in source:
                        pass
                with pytest.raises(TypeError, match=r"synchronous: use .* close\(\)"):
                    await source.aclose()
                with pytest.raises(TypeError, match="synchronous"):
                    async with source:
                        raise AssertionError
                assert source.state == "connecting"

        loop(main)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"attempts": 0}, ValueError, "attempts: expected 1 or more, got 0"),
            ({"attempts": -1}, ValueError, "attempts"),
            ({"attempts": True}, TypeError, "attempts: expected int, got bool"),
            ({"attempts": 1.5}, TypeError, "attempts: .* got float"),
            ({"max_event_size": "1"}, TypeError, "max_event_size"),
            ({"max_event_size": -1}, ValueError, "max_event_size"),
            ({"idle_timeout": -1}, ValueError, "idle_timeout"),
            ({"first_event_timeout": "1"}, TypeError, "first_event_timeout"),
            ({"last_event_id": 7}, TypeError, None),
            ({"last_event_id": None}, TypeError, None),
            ({"last_event_id": "\ud800"}, ValueError, None),
            ({"on_reconnect": 7}, TypeError, "on_reconnect: expected a function or None, got int"),
            ({"on_reconnect": anyio.sleep}, TypeError, "on_reconnect: expected a plain function"),
            ({"total_timeout": 0}, ValueError, "total_timeout"),
            ({"reset_after": 0}, ValueError, "reset_after"),
            ({"timeouts": 1}, TypeError, r"EventSource\(\) got an unexpected .* 'timeouts'"),
            ({"headers": 7}, TypeError, None),
            ({"url": None}, TypeError, None),
            ({"url": "http://x:port/"}, Exception, "Invalid port"),
        ],
    )
    def test_wrong_ones_are_told_at_once(
        self, library: Any, options: Any, error: Any, message: str | None
    ) -> None:
        options = {"url": "http://x/"} | options
        with library.Client() as client, pytest.raises(error, match=message):
            EventSource(client, "GET", **options)

    def test_a_closed_client_is_told(self, library: Any) -> None:
        with library.Client() as client:
            source = EventSource(client, "GET", "http://x/")
        with pytest.raises(RuntimeError, match="closed"):
            list(source)
