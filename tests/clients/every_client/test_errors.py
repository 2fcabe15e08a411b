"""Each client raises the same errors and the same timeouts."""

import json
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
from opening import ASYNC, EVENTS, PROTOCOLS, PYREQWEST, SYNC, Opener
from reading import LATE

import fastsse

pytestmark = pytest.mark.net

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
