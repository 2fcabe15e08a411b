"""The server that replays streams to the SDKs, and the SDK under test."""

from collections.abc import Iterator
from typing import Any

import pytest
from sdk_decoders import BLOCK, CALL_OF
from sdk_servers import Replay, Server
from serving import serve


@pytest.fixture(scope="session")
def sdk_server() -> Iterator[Server]:
    replay = Replay()
    with serve(replay) as url:
        yield Server(url, replay)


@pytest.fixture(params=CALL_OF)
def name(request: pytest.FixtureRequest) -> Any:
    """That of an SDK."""
    return request.param


@pytest.fixture
def three(name: str) -> bytes:
    """A stream of three objects."""
    return b"".join(BLOCK[name] % (b"a", word) for word in (b"one", b"two", b"three"))
