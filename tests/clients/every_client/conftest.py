"""Each client, sync and async."""

from pathlib import Path

import pytest
from opening import ASYNC, SYNC, Opener

OPENERS = [
    pytest.param((client, is_async), id=f"{client}-{'async' if is_async else 'sync'}")
    for is_async, clients in ((False, SYNC), (True, ASYNC))
    for client in clients
]


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest, certificate: Path) -> Opener:
    return Opener(*request.param, certificate / "authority.pem")
