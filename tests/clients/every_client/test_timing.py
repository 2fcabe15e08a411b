"""Each client delivers an event as soon as its last byte arrives."""

import asyncio
import itertools
import ssl
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opening import ASYNC, EVENTS, PROTOCOLS, SYNC, Opener
from proxy import WAYS, serve_proxy

import fastsse

pytestmark = pytest.mark.net

CODINGS = ["identity", "gzip", "deflate", "br", "zstd"]
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


def test_the_bytes_land_one_by_one(opener: Opener, url: str) -> None:
    before = time.perf_counter_ns()
    read = opener.read(f"{url}/events?n=5&delay=0.05")
    stats = read.stream.stats
    assert stats.events == 5
    # Two may land at once on a machine that is busy, but not all that took their time.
    assert 3 <= stats.chunks <= 5
    assert stats.chunks_without_event == 0
    assert before < read.stream.received_at_ns < time.perf_counter_ns()
