"""Which bytes of a response are read: those that cost least and are the content."""

import asyncio
import io
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import niquests
import pyreqwest.client
import pytest
import requests
import urllib3
from reading import Reader

import fastsse
from fastsse.clients import source_of

EVENTS = ["event 0 ü", "event 1 ü"]
NOT_KEPT = "consumed|not kept"


@pytest.mark.parametrize(
    ("headers", "coded"),
    [
        ({}, False),
        ({"content-encoding": "identity"}, False),
        ({"content-encoding": " Identity "}, False),
        ({"content-encoding": "gzip"}, True),
        ({"content-encoding": "br, gzip"}, True),
    ],
)
def test_raw_bytes_are_decoded_only_if_they_are_coded(
    library: Any, headers: dict[str, str], coded: bool
) -> None:
    response = library.Response(200, headers=headers, content=iter([b"x"]))
    source = source_of(response)
    assert source.chunks == response.iter_raw
    assert source.async_chunks is None
    assert (source.decoding is not None) == coded

    async def content() -> Any:
        yield b"x"

    response = library.Response(200, headers=headers, content=content())
    source = source_of(response)
    assert source.async_chunks == response.aiter_raw
    assert source.chunks is None
    assert (source.decoding is not None) == coded


def test_content_that_was_read(library: Any) -> None:
    source = source_of(library.Response(200, content=b"x"))
    assert list(source.iterate()) == [b"x"]

    async def main() -> list[bytes]:
        return [chunk async for chunk in source.aiterate()]

    assert asyncio.run(main()) == [b"x"]


def test_the_bytes_land_one_by_one(reader: Reader) -> None:
    stats = reader.read("/events?n=5&delay=0.05").stream.stats
    assert (stats.chunks, stats.events, stats.chunks_without_event) == (5, 5, 0)


def expect_all(response: Any) -> None:
    assert [event.data for event in fastsse.iter_events(response)] == EVENTS


async def aexpect_all(response: Any) -> None:
    assert [event.data async for event in fastsse.iter_events(response)] == EVENTS


def expect_not_kept(response: Any) -> None:
    with pytest.raises(Exception, match=NOT_KEPT):
        list(fastsse.iter_events(response))


async def aexpect_not_kept(response: Any) -> None:
    with pytest.raises(Exception, match=NOT_KEPT):
        [event async for event in fastsse.iter_events(response)]


@pytest.mark.parametrize("coding", ["", "&coding=gzip"])
class TestReadAlready:
    """What the client kept gives its events; what somebody else took is an error, not silence."""

    @pytest.fixture
    def events_url(self, url: str, coding: str) -> str:
        return f"{url}/events?n=2{coding}"

    @pytest.mark.parametrize("lib", [requests, niquests], ids=["requests", "niquests"])
    def test_requests(self, lib: Any, events_url: str) -> None:
        with lib.Session() as session:
            expect_all(session.get(events_url))
            response = session.get(events_url, stream=True)
            assert response.content
            expect_all(response)
            expect_all(response)
            for take in (
                lambda response: list(response.iter_content(10)),
                lambda response: response.raw.read(),
            ):
                response = session.get(events_url, stream=True)
                assert take(response)
                expect_not_kept(response)

    @pytest.mark.parametrize("lib", [requests, niquests], ids=["requests", "niquests"])
    def test_requests_closed_in_between(self, lib: Any, events_url: str) -> None:
        with lib.Session() as session, session.get(events_url, stream=True) as response:
            stream = fastsse.iter_events(response)
        with pytest.raises(RuntimeError, match="read or closed before"):
            list(stream)

    def test_requests_over_an_adapter_that_gives_a_file(self, coding: str) -> None:
        response = requests.Response()
        response.status_code = 200
        response.headers["content-type"] = "text/event-stream"
        response.raw = io.BytesIO("data: event 0 ü\n\ndata: event 1 ü\n\n".encode())
        expect_all(response)

    def test_urllib3(self, events_url: str) -> None:
        headers = {"accept-encoding": "gzip"}
        with urllib3.PoolManager() as pool:
            expect_all(pool.request("GET", events_url, headers=headers))
            response = pool.request("GET", events_url, preload_content=False)
            assert response.data
            expect_all(response)
            for take in (
                lambda response: response.read(),
                lambda response: list(response.stream()),
            ):
                response = pool.request("GET", events_url, preload_content=False)
                assert take(response)
                expect_not_kept(response)
            empty = pool.request("GET", events_url.partition("?")[0] + "?n=0")
            assert list(fastsse.iter_events(empty)) == []
            response = pool.request("GET", events_url, preload_content=False)
            stream = fastsse.iter_events(response)
            response.close()
            with pytest.raises(RuntimeError, match="read or closed before"):
                list(stream)

    def test_pyreqwest(self, events_url: str) -> None:
        with pyreqwest.client.SyncClientBuilder().build() as client:
            expect_all(client.get(events_url).build().send())
            response = client.get(events_url).build().send()
            assert response.bytes()
            expect_all(response)
            response = client.get(events_url).build().send()
            assert list(iter(response.body_reader.read_chunk, None))
            expect_not_kept(response)

    def test_aiohttp(self, events_url: str) -> None:
        async def main() -> None:
            async with aiohttp.ClientSession() as session:
                response = await session.get(events_url)
                assert await response.read()
                await aexpect_all(response)
                response = await session.get(events_url)
                assert [chunk async for chunk in response.content.iter_any()]
                await aexpect_not_kept(response)
                response = await session.get(events_url)
                response.close()
                with pytest.raises(aiohttp.ClientConnectionError):
                    await aexpect_all(response)

        asyncio.run(main())

    def test_niquests_async(self, events_url: str) -> None:
        async def main() -> None:
            async with niquests.AsyncSession() as session:
                response = await session.get(events_url)
                await aexpect_all(response)
                expect_all(response)
                streamed = await session.get(events_url, stream=True)
                assert await streamed.content
                await aexpect_all(streamed)
                streamed = await session.get(events_url, stream=True)
                assert [chunk async for chunk in await streamed.iter_content()]
                await aexpect_not_kept(streamed)

        asyncio.run(main())

    def test_pyreqwest_async(self, events_url: str) -> None:
        async def main() -> None:
            async with pyreqwest.client.ClientBuilder().build() as client:
                await aexpect_all(await client.get(events_url).build().send())
                response = await client.get(events_url).build().send()
                assert await response.bytes()
                await aexpect_all(response)
                response = await client.get(events_url).build().send()
                while await response.body_reader.read_chunk() is not None:
                    pass
                await aexpect_not_kept(response)

        asyncio.run(main())


async def coroutine() -> None:
    pass


class TestUnknown:
    @pytest.mark.parametrize(
        ("make", "found"),
        [
            (lambda: None, "NoneType"),
            (lambda: 7, "int"),
            (lambda: "data: x", "str"),
            (lambda: b"data: x", "bytes"),
            (lambda: {b"data: x": 1}, "dict"),
            (lambda: httpx.Request("GET", "http://server/"), "Request"),
            (httpx.AsyncClient, "AsyncClient: pass the response that `with` or `async with` gives"),
            (
                lambda: httpx.stream("GET", "http://server/"),
                "_GeneratorContextManager: pass the response that `with` or `async with` gives",
            ),
            (
                lambda: httpx.AsyncClient().stream("GET", "http://server/"),
                "_AsyncGeneratorContextManager: pass the response that `with` or `async with`",
            ),
            (
                lambda: (
                    pyreqwest.client.ClientBuilder().build().get("http://server/").build_streamed()
                ),
                "StreamRequest",
            ),
        ],
    )
    def test_is_named_beside_what_is_taken(self, make: Callable[[], Any], found: str) -> None:
        clients = "httpx, httpx2, requests, niquests, aiohttp, urllib3, pyreqwest"
        taken = f"expected a response of {clients}, or an iterable or async iterable of bytes"
        with pytest.raises(TypeError, match=f"^{taken}, got {found}"):
            fastsse.iter_events(make())

    def test_what_has_to_be_awaited(self) -> None:
        async def main() -> None:
            async with aiohttp.ClientSession() as session:
                request = session.get("http://server/")
                with pytest.raises(TypeError, match="ContextManager: await it first"):
                    fastsse.iter_events(request)
                request.close()
            unawaited = coroutine()
            with pytest.raises(TypeError, match="got coroutine: await it first"):
                fastsse.iter_events(unawaited)  # type: ignore[arg-type]
            unawaited.close()

        asyncio.run(main())
