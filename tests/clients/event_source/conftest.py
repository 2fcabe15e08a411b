"""Fixtures of the `EventSource` tests: clients in each way of waiting, and short waits."""

from typing import Any

import httpx
import httpx2
import pytest
from event_sources import Way

from fastsse.event_source import _policy


@pytest.fixture
def reader(library: Any, way: str) -> Way:
    return Way(library, way)


@pytest.fixture
def short(monkeypatch: Any) -> None:
    """Waits that are a fraction of what they would be, for what is not about them."""
    monkeypatch.setattr(_policy, "SHORTEST_WAIT", 0.01)
    monkeypatch.setattr(_policy, "DEFAULT_WAIT", 0.01)


# For what does not hang on the client or the loop: each of them once.
SOME = [Way(httpx2, "sync"), Way(httpx, "asyncio"), Way(httpx2, "trio")]


@pytest.fixture(params=SOME, ids=lambda some: f"{some.library.__name__}-{some.way}")
def some(request: pytest.FixtureRequest) -> Any:
    return request.param
