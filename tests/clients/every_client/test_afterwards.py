"""Each client stays usable after a stream, and leaks no thread, file or connection."""

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import niquests
import opening
import pytest
import requests
import server
import urllib3
from opening import EVENTS, Opener
from reading import LATE
from serving import serve

import fastsse

pytestmark = pytest.mark.net


class TestAfterwards:
    """The next request over the same session, or pool, finds it as if nothing had been."""

    @pytest.mark.parametrize("lib", [requests, niquests], ids=["requests", "niquests"])
    def test_session(self, lib: Any, url: str) -> None:
        with lib.Session() as session:
            for _ in range(2):
                response = session.get(f"{url}/stall?n=1", stream=True, timeout=9)
                with pytest.raises(fastsse.StreamTimeout):
                    list(fastsse.iter_events(response, idle_timeout=0.05))
                with session.get(f"{url}/events?n=2&delay=0.1", stream=True, timeout=9) as after:
                    assert [event.data for event in fastsse.iter_events(after)] == EVENTS[:2]

    def test_pool(self, url: str) -> None:
        with urllib3.PoolManager(timeout=9) as pool:
            for _ in range(2):
                response = pool.request("GET", f"{url}/stall?n=1", preload_content=False)
                with pytest.raises(fastsse.StreamTimeout):
                    list(fastsse.iter_events(response, idle_timeout=0.05))
                after = pool.request("GET", f"{url}/events?n=2&delay=0.1", preload_content=False)
                assert [event.data for event in fastsse.iter_events(after)] == EVENTS[:2]

    def test_session_over_http2(self, certificate: Path, http2_tls_url: str) -> None:
        options = {"stream": True, "verify": str(certificate / "authority.pem"), "timeout": 9}
        with niquests.Session(disable_http1=True, disable_http3=True) as session:
            for _ in range(2):
                response = session.get(f"{http2_tls_url}/stall?n=1", **options)
                with pytest.raises(fastsse.StreamTimeout):
                    list(fastsse.iter_events(response, idle_timeout=0.05))
                after = session.get(f"{http2_tls_url}/events?n=2&delay=0.1", **options)
                assert [event.data for event in fastsse.iter_events(after)] == EVENTS[:2]

    def test_another_stream_over_http2_has_the_client_s_timeout_again(
        self, certificate: Path, http2_tls_url: str
    ) -> None:
        options = {"stream": True, "verify": str(certificate / "authority.pem"), "timeout": 9}
        with niquests.Session(disable_http1=True, disable_http3=True) as session:
            other = session.get(f"{http2_tls_url}/events?n=3&delay=0.2", **options)
            response = session.get(f"{http2_tls_url}/events?n=2", **options)
            assert len(list(fastsse.iter_events(response, idle_timeout=0.1))) == 2
            assert [event.data for event in fastsse.iter_events(other)] == EVENTS[:3]

    def test_asynchronous_sessions(self, url: str) -> None:
        async def read(get: Callable[[str], Any]) -> None:
            for _ in range(2):
                stream = fastsse.iter_events(await get(f"{url}/stall?n=1"), idle_timeout=0.05)
                with pytest.raises(fastsse.StreamTimeout):
                    async for _event in stream:
                        pass
                stream = fastsse.iter_events(await get(f"{url}/events?n=2&delay=0.1"))
                assert [event.data async for event in stream] == EVENTS[:2]

        async def main() -> None:
            async with aiohttp.ClientSession() as session:
                await read(session.get)
            async with niquests.AsyncSession() as multiplexed:
                await read(lambda url: multiplexed.get(url, stream=True, timeout=9))

        asyncio.run(main())


def test_nothing_is_left_behind(opener: Opener, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread, no file descriptor: of streams that ended, broke off, or had no time left."""
    monkeypatch.setattr(opening, "SECONDS", 0.1 if opener.client == "pyreqwest" else 9)

    def read() -> None:
        opener.read(f"{url}/events?n=5", total_timeout=3600)
        opener.read(f"{url}/stall?n=1", idle_timeout=0.05)
        trickling = opener.opened(f"{url}/trickle?delay=0.01")
        if opener.is_async:
            asyncio.run(abreak_off(trickling))
        else:
            break_off(trickling)

    read()
    before = kept_open()
    for _ in range(8):
        read()
    deadline = time.monotonic() + LATE
    # The server, in this very process, has a few that it is about to close.
    while kept_open() >= before + 6 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert kept_open() < before + 6


def kept_open() -> int:
    gc.collect()
    descriptors = Path("/proc/self/fd")
    return threading.active_count() + (len(os.listdir(descriptors)) if descriptors.exists() else 0)


def break_off(opened: Any) -> None:
    with opened as response:
        for _ in fastsse.iter_events(response, total_timeout=3600):
            break


async def abreak_off(opened: Any) -> None:
    async with opened as response:
        async for _ in fastsse.iter_events(response, total_timeout=3600):
            break


class TestClosing:
    def test_the_server_sees_it(self, opener: Opener) -> None:
        gone = threading.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            body = {"type": "http.response.body", "body": server.event(0), "more_body": True}
            await send(body)
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()

        with serve(app) as url:
            if opener.is_async:
                asyncio.run(self.aclose(opener.opened(url), gone, by_request(opener)))
            else:
                self.close(opener.opened(url), gone, by_request(opener))
            assert gone.wait(LATE)

    def close(self, opened: Any, gone: threading.Event, by_request: bool) -> None:
        with opened as response:
            with fastsse.iter_events(response) as stream:
                for event in stream:
                    assert event.data == EVENTS[0]
                    break
                assert not gone.is_set()
            assert by_request or gone.wait(LATE)
            stream.close()
            with pytest.raises(RuntimeError, match="closed before its end"):
                next(stream)

    async def aclose(self, opened: Any, gone: threading.Event, by_request: bool) -> None:
        async with opened as response:
            async with fastsse.iter_events(response) as stream:
                async for event in stream:
                    assert event.data == EVENTS[0]
                    break
                assert not gone.is_set()
            assert by_request or await asyncio.to_thread(gone.wait, LATE)
            await stream.aclose()
            with pytest.raises(RuntimeError, match="closed before its end"):
                await anext(stream)

    def test_of_the_wrong_kind(self, opener: Opener, url: str) -> None:
        async def wrong(response: Any) -> None:
            with pytest.raises(TypeError, match="is synchronous: expected `for`"):
                async for _ in fastsse.iter_events(response):
                    pass
            with pytest.raises(TypeError, match=r"expected close\(\)"):
                await fastsse.iter_events(response).aclose()

        async def main() -> None:
            async with opener.opened(f"{url}/events") as response:
                with pytest.raises(TypeError, match="is asynchronous: expected `async for`"):
                    list(fastsse.iter_events(response))
                with pytest.raises(TypeError, match=r"expected aclose\(\)"):
                    fastsse.iter_events(response).close()
                assert [event async for event in fastsse.iter_events(response)]

        if opener.is_async:
            asyncio.run(main())
        else:
            with opener.opened(f"{url}/events") as response:
                asyncio.run(wrong(response))
                assert list(fastsse.iter_events(response))


def by_request(opener: Opener) -> bool:
    return opener.client == "pyreqwest"
