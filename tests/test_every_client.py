"""Each client, sync and async, over each protocol, in each content coding: the same events."""

import asyncio
import itertools
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from opening import ASYNC, SYNC

import fastsse

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
