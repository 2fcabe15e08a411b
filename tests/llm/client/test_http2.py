"""If httpx lacks a private name, a dropped HTTP/2 stream stays open, and a log says so."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from fastsse.llm._http2 import reset_dropped

REQUEST = httpx.Request("GET", "http://server/")


def client_over(connection: object) -> Any:
    """A client whose pool has this connection, as httpx names the parts."""
    pool = SimpleNamespace(connections=[SimpleNamespace(_connection=connection)])
    transport = SimpleNamespace(_pool=pool)
    return SimpleNamespace(_transport_for_url=lambda _: transport)


@pytest.mark.parametrize(
    ("http", "is_http2", "missing"),
    [
        (SimpleNamespace(), False, "_transport_for_url"),
        (client_over(object()), True, "no connection has _h2_state"),
        (client_over(object()), False, None),
        (client_over(None), True, "no connection has _h2_state"),
    ],
    ids=["no way to the pool", "another connection", "HTTP/1.1", "still opening"],
)
def test_a_missing_name_is_logged(
    http: Any, is_http2: bool, missing: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "fastsse")
    asyncio.run(reset_dropped(http, REQUEST, is_http2=is_http2))
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == (missing is not None)
    assert all("cannot reset HTTP/2 streams" in message for message in messages)
    assert missing is None or missing in messages[0]
