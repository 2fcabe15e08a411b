"""The ways to call a server: over sockets with each client, and in memory with one."""

import gc
from collections.abc import Iterator

import pytest
from in_memory import MEMORY
from llm_calling import WAYS, Way
from reading import DROPS

SOCKETS = [
    pytest.param(way, id=name, marks=[pytest.mark.net, *[DROPS] * way.on_trio])
    for name, way in WAYS.items()
]


def collecting(way: Way) -> Iterator[Way]:
    """Have what was not closed say so in the very test that left it."""
    yield way
    gc.collect()


@pytest.fixture
def memory() -> Iterator[Way]:
    """For what no client can change: requests, logs, options, which timeout counts."""
    yield from collecting(MEMORY)


@pytest.fixture(params=SOCKETS)
def wire(request: pytest.FixtureRequest) -> Iterator[Way]:
    """For what a test without sockets cannot show."""
    yield from collecting(request.param)


@pytest.fixture(params=[pytest.param(MEMORY, id="memory"), *SOCKETS])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    """For what depends on the client: how it sends, breaks, waits and closes."""
    yield from collecting(request.param)
