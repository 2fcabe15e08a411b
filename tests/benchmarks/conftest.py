"""What tests of the benchmarks leave behind them."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _frozen_again() -> Iterator[None]:
    """A measurement thaws what the conftest above froze."""
    yield
    gc.collect()
    gc.freeze()
