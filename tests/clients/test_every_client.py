"""Each client, sync and async: the same events, errors and deadlines over each way to them."""

import asyncio
import gc
import itertools
import json
import os
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import httpx2
import niquests
import opening
import pyreqwest.exceptions
import pytest
import requests
import server
import urllib3
from opening import ASYNC, EVENTS, SYNC, Opener
from proxy import WAYS, serve_proxy
from reading import LATE
from serving import serve

import fastsse

pytestmark = pytest.mark.net

CODINGS = ["identity", "gzip", "deflate", "br", "zstd"]
PROTOCOLS = {"HTTP/1.1": "url", "HTTP/1.1 over TLS": "tls_url", "HTTP/2 over TLS": "http2_tls_url"}
READERS = [
    pytest.param(
        client, is_async, protocol, id=f"{client}-{'async' if is_async else 'sync'}-{protocol}"
    )
    for is_async, clients in ((False, SYNC), (True, ASYNC))
    for client, (_, _, speaks_http2) in clients.items()
    for protocol in PROTOCOLS
    if speaks_http2 or not protocol.startswith("HTTP/2")
]
# brotli's decoder keeps what is over 32,752 bytes for its next call, which these do not make.
SIZES = {(client, "br"): 32_000 for client in ("httpx", "requests", "urllib3")}
keys = itertools.count()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(("client", "is_async", "protocol"), READERS)
def test_each_event_comes_with_its_last_byte(
    client: str,
    is_async: bool,
    protocol: str,
    coding: str,
    certificate: Path,
    request: pytest.FixtureRequest,
) -> None:
    """The server sends an event only when the one before it was acknowledged."""
    base = request.getfixturevalue(PROTOCOLS[protocol])
    authority = certificate / "authority.pem"
    key = next(keys)
    size = SIZES.get((client.partition(" ")[0], coding), 300_000)
    url = f"{base}/acknowledged?key={key}&size={size}"
    url += f"&coding={coding}" if coding != "identity" else ""
    context = ssl.create_default_context(cafile=authority)

    def acknowledge(event: fastsse.ServerSentEvent) -> None:
        where = f"{base}/acknowledge?key={key}&number={event.id}"
        with urllib.request.urlopen(where, context=context if "https" in base else None) as answer:
            assert answer.read() == b"thanks"

    library, opening, _ = (ASYNC if is_async else SYNC)[client]
    opened = opening(library, url, authority, protocol.startswith("HTTP/2"))
    data = asyncio.run(aread(opened, acknowledge)) if is_async else read(opened, acknowledge)
    version = "HTTP/2" if protocol.startswith("HTTP/2") else "HTTP/1.1"
    assert data == [version, "ü", "", "x\ny", "z" * size]


def read(opened: Any, acknowledge: Any) -> list[str]:
    data = []
    with opened as response:
        for event in fastsse.iter_events(response):
            data.append(event.data)
            acknowledge(event)
    return data


async def aread(opened: Any, acknowledge: Any) -> list[str]:
    data = []
    async with opened as response:
        async for event in fastsse.iter_events(response):
            data.append(event.data)
            await asyncio.to_thread(acknowledge, event)
    return data


EVENTS = [f"event {number} ü" for number in range(5)]
OPENERS = [
    pytest.param((client, is_async), id=f"{client}-{'async' if is_async else 'sync'}")
    for is_async, clients in ((False, SYNC), (True, ASYNC))
    for client in clients
]
# What ends a body that is cut off, and what its content coding is not.
CUT: dict[str, type[Exception]] = {
    "httpx": httpx.RemoteProtocolError,
    "httpx2": httpx2.RemoteProtocolError,
    "httpx over aiohttp": httpx.ReadError,
    "httpx2 over aiohttp": httpx2.ReadError,
    "requests": requests.exceptions.ChunkedEncodingError,
    "niquests": niquests.exceptions.ChunkedEncodingError,
    "urllib3": urllib3.exceptions.ProtocolError,
    "aiohttp": aiohttp.ClientPayloadError,
    "pyreqwest": pyreqwest.exceptions.ReadError,
}
NOT_GZIP: dict[str, type[Exception]] = CUT | {
    "httpx": httpx.DecodingError,
    "httpx2": httpx2.DecodingError,
    "httpx over aiohttp": httpx.DecodingError,
    "httpx2 over aiohttp": httpx2.DecodingError,
    "requests": requests.exceptions.ContentDecodingError,
    "niquests": niquests.exceptions.ContentDecodingError,
    "urllib3": urllib3.exceptions.DecodeError,
    "pyreqwest": pyreqwest.exceptions.RequestError,
}


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest, certificate: Path) -> Opener:
    return Opener(*request.param, certificate / "authority.pem")


@pytest.fixture(scope="module")
def proxy_url(url: str) -> Iterator[str]:
    with serve_proxy(url) as proxy_url:
        yield proxy_url


@pytest.mark.parametrize("coding", ["", "&coding=gzip"])
@pytest.mark.parametrize("way", WAYS)
def test_behind_a_proxy_that_chunks_anew(
    opener: Opener, proxy_url: str, way: str, coding: str
) -> None:
    read = opener.read(f"{proxy_url}/{way}/events?n=5&delay=0.01{coding}")
    assert read.error is None
    assert read.data == EVENTS


class TestErrors:
    @pytest.mark.parametrize("coding", ["", "&coding=gzip"])
    def test_of_a_cut_come_after_its_events(self, opener: Opener, url: str, coding: str) -> None:
        read = opener.read(f"{url}/cut?n=2&delay=0.02{coding}")
        assert read.data == EVENTS[:2]
        assert isinstance(read.error, CUT[opener.client])

    def test_of_a_cut_come_after_its_events_though_it_is_read_late(
        self, opener: Opener, url: str
    ) -> None:
        read = opener.read(f"{url}/cut?n=2", pause=0.1)
        assert isinstance(read.error, CUT[opener.client])
        if " over " in opener.client:
            # aiohttp drops what it holds at an error, and its transport hides where that is.
            assert read.data in ([], EVENTS[:2])
        else:
            assert read.data == EVENTS[:2]

    def test_of_a_coding_that_is_none(self, opener: Opener, url: str) -> None:
        read = opener.read(f"{url}/not-gzip")
        assert isinstance(read.error, NOT_GZIP[opener.client])
        assert read.events == []

    @pytest.mark.parametrize(
        ("path", "status", "body"),
        [("401", 401, server.UNAUTHORIZED), ("json?coding=gzip", 200, server.OVERLOADED)],
    )
    def test_of_what_is_no_event_stream(
        self, opener: Opener, url: str, path: str, status: int, body: Any
    ) -> None:
        read = opener.read(f"{url}/{path}")
        error = read.error
        assert isinstance(error, fastsse.ResponseError)
        assert error.status_code == status
        assert error.content_type == error.headers.get("content-type") == "application/json"
        assert json.loads(error.body) == body
        assert error.response is read.stream.response

    def test_no_more_is_read_of_what_is_no_event_stream(self, opener: Opener, url: str) -> None:
        error = opener.read(f"{url}/endless-error").error
        assert isinstance(error, fastsse.ResponseError)
        assert error.body == b"no! " * 1024

    def test_the_check_can_be_switched_off(self, opener: Opener, url: str) -> None:
        assert opener.read(f"{url}/500-as-stream?n=5", check_response=False).data == EVENTS


class TestDeadlines:
    @pytest.mark.parametrize(
        ("protocol", "path", "deadline", "count"),
        [
            ("HTTP/1.1", "/stall?n=2", "idle", 2),
            ("HTTP/1.1", "/stall?n=2&coding=gzip", "idle", 2),
            ("HTTP/1.1", "/stall?n=0", "first_event", 0),
            ("HTTP/1.1", "/drip", "first_event", 0),
            ("HTTP/1.1", "/stall?n=2", "total", 2),
            ("HTTP/1.1 over TLS", "/stall?n=2", "idle", 2),
            ("HTTP/1.1 over TLS", "/stall?n=2", "total", 2),
            ("HTTP/2 over TLS", "/stall?n=2", "idle", 2),
            ("HTTP/2 over TLS", "/drip", "first_event", 0),
        ],
    )
    def test_each(
        self,
        opener: Opener,
        protocol: str,
        path: str,
        deadline: str,
        count: int,
        request: pytest.FixtureRequest,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        http2 = protocol.startswith("HTTP/2")
        if http2 and not (ASYNC if opener.is_async else SYNC)[opener.client][2]:
            return
        if opener == (*PYREQWEST, opener.authority):
            # Nothing but its own timeout ends its wait.
            monkeypatch.setattr(opening, "SECONDS", 0.3)
        base = request.getfixturevalue(PROTOCOLS[protocol])
        read = opener.read(base + path, http2=http2, **{f"{deadline}_timeout": 0.1})
        error = read.error
        assert isinstance(error, fastsse.StreamTimeout)
        assert (error.timeout, error.seconds) == (deadline, 0.1)
        assert len(read.events) == error.events == count
        assert 0.1 <= error.elapsed <= read.seconds < LATE

    def test_those_in_time(self, opener: Opener, url: str) -> None:
        deadlines = {"first_event_timeout": 9, "idle_timeout": 9, "total_timeout": 9}
        assert opener.read(f"{url}/events?n=5&delay=0.02", **deadlines).data == EVENTS

    def test_idle_does_not_count_before_the_first_event(
        self, opener: Opener, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if opener == (*PYREQWEST, opener.authority):
            # Nothing but its own timeout ends its wait.
            monkeypatch.setattr(opening, "SECONDS", 0.8)
        hex_ = b": wait a\n\ndata: a\n\n".hex()
        path = f"/given?hex={hex_}&size=10&delay=0.5&then=stall"
        read = opener.read(url + path, first_event_timeout=30, idle_timeout=0.2)
        assert isinstance(read.error, fastsse.StreamTimeout)
        assert (read.error.timeout, read.data) == ("idle", ["a"])
        # The server may have begun its pause a little before the clock of the read.
        assert 0.6 <= read.seconds < LATE

    def test_those_between_the_chunks_of_a_client_without_a_way_in(
        self, certificate: Path, url: str
    ) -> None:
        opener = Opener(*PYREQWEST, certificate / "authority.pem")
        read = opener.read(f"{url}/trickle?delay=0.3", idle_timeout=0.1)
        assert isinstance(read.error, fastsse.StreamTimeout)
        # What ended the wait is not withheld.
        assert read.data == EVENTS[:2]
        read = opener.read(f"{url}/events?n=1&delay=0.3", idle_timeout=0.1)
        assert isinstance(read.error, fastsse.StreamTimeout)
        assert read.data == EVENTS[:1]

    def test_a_longer_one_takes_the_place_of_the_client_s_own(
        self, opener: Opener, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(opening, "SECONDS", 0.3)
        read = opener.read(f"{url}/events?n=1&delay=0.6", idle_timeout=9)
        assert read.data == EVENTS[:1]
        if opener.client == "pyreqwest" or " over " in opener.client:
            assert "ReadTimeout" in type(read.error).__name__
        else:
            assert read.error is None


PYREQWEST = ("pyreqwest", False)


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


def test_the_bytes_land_one_by_one(opener: Opener, url: str) -> None:
    before = time.perf_counter_ns()
    read = opener.read(f"{url}/events?n=5&delay=0.05")
    stats = read.stream.stats
    assert stats.events == 5
    # Two may land at once on a machine that is busy, but not all that took their time.
    assert 3 <= stats.chunks <= 5
    assert stats.chunks_without_event == 0
    assert before < read.stream.received_at_ns < time.perf_counter_ns()
