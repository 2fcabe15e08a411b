"""`EventSource` over httpx and httpx2, sync, on asyncio and on trio, against real servers."""

import asyncio
import gc
import io
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import anyio
import httpx
import httpx2
import numbered_server
import pytest
import requests
from reading import LOOPS, connections_of
from seeds import SEED

import fastsse
from fastsse.event_source import EventSource, Reconnection, _policy
from fastsse.event_source._policy import ReconnectPolicy
from fastsse.event_source._redirects import Redirects

# After a break, trio finds the async generators of the client and ours where they stand.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

# What ends early does so long before this, and what it leaves would take longer.
SOON = 5.0
LONG = 60_000

GONE = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class Held(bytes):
    """An answer after which the connection stays open."""


def stream(*blocks: str, retry: int | None = 1) -> bytes:
    """An answer that ends with its connection; the shortest wait follows unless told."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    first = "" if retry is None else f"retry: {retry}\n\n"
    return (head + first + "".join(blocks)).encode()


def event(number: int) -> str:
    return f"id: {number}\ndata: {number}\n\n"


def status(code: int, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {code} Whatever", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "Connection: close", "", body]).encode()


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    target: str
    headers: list[tuple[str, bytes]]
    body: bytes
    at: float

    def header(self, name: str) -> bytes | None:
        values = [value for found, value in self.headers if found == name]
        assert len(values) < 2, values
        return values[0] if values else None


class Server:
    """Gives each connection the next answer, and those after the last the last again."""

    def __init__(self, listener: socket.socket, answers: tuple[bytes, ...]) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.answers = answers
        self.asked: list[Asked] = []
        self.ended: list[float] = []
        self.arrival = threading.Semaphore(0)
        self._listener = listener
        self._held: list[socket.socket] = []
        self._is_over = False

    def serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._is_over:
                connection.close()
                break
            with suppress(OSError):
                self._answer(connection)
            self.ended.append(time.monotonic())
        for connection in self._held:
            connection.close()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            first = file.readline().decode()
            if not first:
                return
            headers = []
            while (line := file.readline().strip(b"\r\n")) != b"":
                name, _, value = line.partition(b":")
                headers.append((name.decode().lower(), value.strip(b" ")))
            body = file.read(int(dict(headers).get("content-length", 0)))
            answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
            method, target, _ = first.split()
            self.asked.append(Asked(method, target, headers, body, time.monotonic()))
            connection.sendall(answer)
            if isinstance(answer, Held):
                self._held.append(connection.dup())
        self.arrival.release()

    def end(self) -> None:
        # Not by a shutdown of the listener, which not every system has.
        self._is_over = True
        socket.create_connection(self._listener.getsockname()).close()

    @property
    def last_event_ids(self) -> list[bytes | None]:
        return [asked.header("last-event-id") for asked in self.asked]


@contextmanager
def serving(*answers: bytes) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener, answers)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            server.end()
            thread.join()


class Read(NamedTuple):
    """What came of reading a source to its end, or to its error."""

    data: list[str]
    error: Exception | None
    again: list[Reconnection]
    source: EventSource
    connections: int


class Way(NamedTuple):
    """One client library in one way of waiting."""

    library: Any
    way: str

    def read(
        self,
        url: str,
        method: str = "GET",
        client: Any = None,
        most: int | None = None,
        **options: Any,
    ) -> Read:
        """Read to the end, or until so many events came."""
        settings = {"timeout": 20, "verify": False} | (client or {})
        if self.way == "sync":
            return self._read(settings, method, url, most, options)
        return LOOPS[self.way](lambda: self._aread(settings, method, url, most, options))

    def _read(self, settings: Any, method: str, url: str, most: int | None, options: Any) -> Read:
        data: list[str] = []
        again: list[Reconnection] = []
        error = None
        with self.library.Client(**settings) as client:
            source = EventSource(client, method, url, on_reconnect=again.append, **options)
            try:
                for event in source:
                    data.append(event.data)
                    if len(data) == most:
                        source.close()
            except Exception as caught:
                error = caught
            return Read(data, error, again, source, connections_of(client))

    async def _aread(
        self, settings: Any, method: str, url: str, most: int | None, options: Any
    ) -> Read:
        data: list[str] = []
        again: list[Reconnection] = []
        error = None
        async with self.library.AsyncClient(**settings) as client:
            source = EventSource(client, method, url, on_reconnect=again.append, **options)
            try:
                async for event in source:
                    data.append(event.data)
                    if len(data) == most:
                        await source.aclose()
            except Exception as caught:
                error = caught
            return Read(data, error, again, source, connections_of(client))


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


def expect_end(read: Read, data: list[str]) -> None:
    assert read.error is None
    assert read.data == data
    assert read.source.state == "closed"
    assert read.connections == 0


class Lives:
    """Starts the numbered server again and again, on one port, whenever it has killed itself."""

    def __init__(self, seed: int, kills: int) -> None:
        dice = random.Random(seed)
        self.port = self._free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.codes: list[int] = []
        self._lives = [str(dice.randrange(1200)) for _ in range(kills)] + ["last"]
        self._seed = seed
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._run)

    def _free_port(self) -> int:
        # Below those that the system gives to clients, one of which may take it between two lives.
        while True:
            port = random.randrange(20_000, 32_000)
            with suppress(OSError), socket.create_server(("127.0.0.1", port)):
                return port

    def _run(self) -> None:
        path = Path(numbered_server.__file__)
        for life in self._lives:
            command = [sys.executable, "-S", "-E", path, str(self.port), str(self._seed), life]
            self._process = subprocess.Popen(command)
            self.codes.append(self._process.wait())
            if self._is_over:
                return

    def __enter__(self) -> "Lives":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        if self._process is not None:
            self._process.kill()
        self._thread.join()


@pytest.mark.slow
class TestKills:
    """The server dies by SIGKILL at random places: before, in and after headers and events."""

    @pytest.mark.parametrize(
        ("reader", "kills", "wait"),
        [
            (Way(httpx2, "sync"), 100, 0.1),
            (Way(httpx, "asyncio"), 100, 0.02),
            (Way(httpx2, "trio"), 20, 0.02),
        ],
        ids=["httpx2-sync", "httpx-asyncio", "httpx2-trio"],
    )
    def test_each_number_comes_once(
        self, reader: Way, kills: int, wait: float, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(_policy, "SHORTEST_WAIT", wait)
        with Lives(SEED, kills) as lives:
            read = reader.read(lives.url)
        expect_end(read, [numbered_server.data_of(1 + n) for n in range(len(read.data))])
        killed = -numbered_server.DEATH if os.name == "posix" else numbered_server.DEATH
        assert lives.codes[:-1] == [killed] * kills
        assert len(read.data) >= numbered_server.LAST
        assert read.source.last_event_id == str(len(read.data))
        assert len(read.again) > kills
        assert read.source.retry == 1
        assert any(again.error is None for again in read.again) or kills < 100


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestLastEventId:
    def test_is_that_of_the_last_event(self, reader: Way) -> None:
        with serving(stream(event(1), event(2)), stream(event(3)), stream(), GONE) as server:
            read = reader.read(server.url)
        expect_end(read, ["1", "2", "3"])
        assert server.last_event_ids == [None, b"2", b"3", b"3"]
        assert [again.last_event_id for again in read.again] == ["2", "3", "3"]
        assert read.source.last_event_id == "3"

    @pytest.mark.parametrize(
        ("last_event_id", "sent"),
        [
            ("a\x01b", None),
            ("\x7f", None),
            ("tab\tinside", None),
            ("\t", None),
            ("  ", None),
            (" a b ", b"a b"),
            ("\tü €\t", "ü €".encode()),
            ("\x1b[0m", None),
        ],
    )
    def test_is_sent_in_utf8_and_without_controls(
        self, some: Way, last_event_id: str, sent: bytes | None
    ) -> None:
        with serving(stream(f"id: {last_event_id}\ndata: a\n\n"), GONE) as server:
            read = some.read(server.url)
        expect_end(read, ["a"])
        assert server.last_event_ids == [None, sent]
        assert read.source.last_event_id == last_event_id

    def test_an_empty_one_resets_it(self, some: Way) -> None:
        with serving(stream(event(1), "id\ndata: b\n\n"), stream(), GONE) as server:
            read = some.read(server.url, headers={"Last-Event-ID": "before"})
        expect_end(read, ["1", "b"])
        assert server.last_event_ids == [b"before", None, None]

    def test_of_a_block_without_data_counts(self, some: Way) -> None:
        with serving(stream(event(1), "id: 5\n\n", "id: 6\n"), GONE) as server:
            some.read(server.url)
        assert server.last_event_ids == [None, b"5"]

    @pytest.mark.parametrize(
        "options",
        [
            {"last_event_id": "ü 7"},
            {"headers": {"last-event-id": "ü 7".encode()}},
            {"headers": [(b"LAST-EVENT-ID", "ü 7".encode())]},
            {"client": {"headers": {b"Last-Event-ID": "ü 7".encode()}}},
            {"last_event_id": "ü 7", "headers": {"Last-Event-ID": "older"}},
        ],
    )
    def test_it_may_begin_with_one(self, some: Way, options: Any) -> None:
        with serving(stream("data: a\n\n"), stream(event(8)), GONE) as server:
            read = some.read(server.url, **options)
        expect_end(read, ["a", "8"])
        assert server.last_event_ids == ["ü 7".encode(), "ü 7".encode(), b"8"]

    @pytest.mark.parametrize("cut", ["id: 3\ndata: 3\n", "id: 3\ndata: 3", "id: 3"])
    def test_an_event_that_was_cut_is_dropped_and_asked_for(self, reader: Way, cut: str) -> None:
        answers = [stream(event(1), event(2), cut), stream(event(3)), GONE]
        with serving(*answers) as server:
            read = reader.read(server.url)
        expect_end(read, ["1", "2", "3"])
        assert server.last_event_ids == [None, b"2", b"3"]

    def test_a_body_that_breaks_is_gone_on_with(self, reader: Way) -> None:
        head = stream(retry=None).replace(b"Connection: close", b"Transfer-Encoding: chunked")
        body = b"".join(
            b"%x\r\n%s\r\n" % (len(piece), piece)
            for piece in (b"retry: 1\n\n", event(1).encode(), event(2)[:-1].encode())
        )
        with serving(
            head + body, head + body + b"not a size\r\n", stream(event(2)), GONE
        ) as server:
            read = reader.read(server.url)
        # This one does not honour the header.
        expect_end(read, ["1", "1", "2"])
        errors = [again.error for again in read.again]
        assert [isinstance(e, reader.library.RemoteProtocolError) for e in errors[:2]] == [True] * 2
        assert errors[2] is None
        assert server.last_event_ids == [None, b"1", b"1", b"2"]

    def test_what_came_with_a_break_in_the_coding_is_told(self, some: Way) -> None:
        head = stream(retry=None).replace(b"Connection", b"Content-Encoding: gzip\r\nConnection")
        with serving(head + b"this is none") as server:
            read = some.read(server.url)
        assert isinstance(read.error, some.library.DecodingError)
        assert len(server.asked) == 1
        assert read.connections == 0


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestRequest:
    def test_headers(self, some: Way) -> None:
        with serving(GONE) as server:
            some.read(server.url)
            some.read(server.url, headers={"ACCEPT": "text/x", "X-Mine": "a", "Cache-control": "x"})
        ours, given = server.asked
        assert ours.header("accept") == b"text/event-stream"
        assert ours.header("cache-control") == ours.header("pragma") == b"no-cache"
        assert given.header("accept") == b"text/x"
        assert given.header("cache-control") == b"x"
        assert given.header("x-mine") == b"a"

    def test_is_the_same_each_time(self, some: Way) -> None:
        with serving(stream(event(1)), stream(event(2)), GONE) as server:
            headers = (pair for pair in [("X-Key", "a"), ("X-Key", "b")])
            some.read(
                "/path", client={"base_url": server.url}, headers=headers, params={"q": "ü"},
                auth=("user", "pass"),
            )  # fmt: skip
        for asked in server.asked:
            assert asked.target == "/path?q=%C3%BC"
            assert [value for name, value in asked.headers if name == "x-key"] == [b"a", b"b"]
            assert asked.header("authorization") == b"Basic dXNlcjpwYXNz"

    @pytest.mark.parametrize(
        ("given", "body"),
        [
            ({"json": {"a": ["ü"]}}, '{"a":["ü"]}'.encode()),
            ({"content": b"\x00bytes"}, b"\x00bytes"),
            ({"content": "text ü"}, "text ü".encode()),
            ({"data": {"a": "1", "b": "2"}}, b"a=1&b=2"),
        ],
    )
    def test_a_body_is_sent_again(self, some: Way, given: Any, body: bytes) -> None:
        moved = status(307, "Location: /there")
        with serving(stream(event(1)), moved, stream(event(2)), GONE) as server:
            read = some.read(server.url, "POST", **given)
        expect_end(read, ["1", "2"])
        assert [asked.body for asked in server.asked] == [body] * 4
        assert [asked.method for asked in server.asked] == ["POST"] * 4

    @pytest.mark.parametrize("name", ["content", "data"])
    def test_a_body_that_cannot_be_sent_again_is_refused(
        self, library: Any, name: str, tmp_path: Path
    ) -> None:
        async def chunks() -> Any:
            yield b"a"

        (tmp_path / "file").write_bytes(b"a")
        with library.Client() as client, (tmp_path / "file").open("rb") as file:
            for body in (iter([b"a"]), (b for b in [b"a"]), chunks(), file, io.BytesIO(b"a")):
                with pytest.raises(TypeError, match=f"{name}: expected .* sent again"):
                    EventSource(client, "POST", "http://x/", **{name: body})
            with pytest.raises(TypeError, match=r"files: expected .* sent again"):
                EventSource(client, "POST", "http://x/", files={"f": file})


class TestPolicy:
    """The arithmetic of waits, in seconds, over many throws of the dice."""

    @staticmethod
    def waits(
        retry: int | None = None,
        error: Exception | None = None,
        attempts: int = 1,
        progress: bool = True,
    ) -> list[float]:
        """The last wait of so many connections in a row that were lost."""
        found = []
        for _ in range(400):
            policy = ReconnectPolicy(None, 60)
            if progress:
                policy.connection_ended(seconds=0, has_new_id=True)
            for _ in range(attempts):
                _, wait = policy.next(error, retry)
            found.append(wait)
        return found

    @pytest.mark.parametrize(
        ("retry", "attempts", "asked", "growth"),
        [
            (None, 1, 1, 1),
            (None, 2, 1, 2),
            (None, 4, 1, 8),
            (None, 6, 1, 30),
            (None, 100, 1, 30),
            (0, 1, 0.1, 0.1),
            (1, 1, 0.1, 0.1),
            (99, 3, 0.1, 0.4),
            (250, 2, 0.25, 0.5),
            (60_000, 1, 60, 30),
            (3_600_000, 9, 3600, 30),
        ],
    )
    def test_a_random_part_of_the_growth_is_added(
        self, retry: int | None, attempts: int, asked: float, growth: float
    ) -> None:
        waits = self.waits(retry, attempts=attempts)
        assert asked <= min(waits) < asked + growth * 0.1
        assert asked + growth * 0.9 < max(waits) <= asked + growth

    def test_a_connection_without_progress_is_an_attempt(self) -> None:
        assert 2.5 < max(self.waits(progress=False)) <= 3

    @staticmethod
    def asking(retry_after: str, code: int = 503) -> fastsse.ResponseError:
        return fastsse.ResponseError(code, httpx.Headers({"Retry-After": retry_after}), None)

    @pytest.mark.parametrize(
        ("retry_after", "asked"),
        [
            ("7", 7),
            (" 7 ", 7),
            ("0", 1),
            ("3600", 3600),
            ("", 1),
            ("-5", 1),
            ("1.5", 1),
            ("soon", 1),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 1),
            ("Sun, 06 Nov 99999 08:49:37 GMT", 1),
            ("Mon, 01 Jan 999999999999 00:00:00 GMT", 1),
            (" ", 1),
        ],
    )
    def test_retry_after(self, retry_after: str, asked: float) -> None:
        waits = self.waits(error=self.asking(retry_after))
        assert asked <= min(waits) < asked + 0.1
        assert asked + 0.9 < max(waits) <= asked + 1
        waits = self.waits(20_000, self.asking(retry_after))
        assert max(asked, 20) <= min(waits)
        assert max(waits) <= max(asked, 20) + 20

    @pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set here")
    @pytest.mark.parametrize(
        "form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%c"]
    )
    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
    def test_retry_after_a_date(self, monkeypatch: Any, form: str, zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            date = time.strftime(form, time.gmtime(time.time() + 100))
            waits = self.waits(error=self.asking(date))
        finally:
            monkeypatch.undo()
            time.tzset()
        assert 95 < min(waits) < 100.5
        assert 99 < max(waits) <= 101

    def test_without_retry_after_its_own_time_goes(self) -> None:
        error = fastsse.ResponseError(503, {}, None)
        assert 1 <= min(self.waits(error=error)) < 1.1

    @pytest.mark.parametrize(
        ("retry", "error"),
        [
            (3_600_001, None),
            (2**63 - 1, None),
            (None, asking("3601")),
            (None, asking("9" * 500)),
            (None, asking("Fri, 31 Dec 2999 23:59:59 GMT")),
        ],
    )
    def test_more_than_an_hour_ends_it(self, retry: int | None, error: Exception | None) -> None:
        with pytest.raises(
            fastsse.ReconnectError, match=r"at most 3600 s, the server asks for"
        ) as e:
            ReconnectPolicy(10, 60).next(error, retry)
        assert e.value.__cause__ is error

    def test_attempts_count_from_the_last_progress(self) -> None:
        policy = ReconnectPolicy(None, 60)
        error = httpx.ReadError("")
        assert [policy.next(error, 1)[0] for _ in range(3)] == [2, 3, 4]
        policy.connection_ended(seconds=59.9, has_new_id=False)
        assert policy.next(error, 1)[0] == 5
        policy.connection_ended(seconds=0, has_new_id=True)
        assert policy.next(error, 1)[0] == 1
        policy.connection_ended(seconds=60, has_new_id=False)
        assert policy.next(None, 1)[0] == 1


@pytest.mark.net
class TestWaits:
    def test_are_kept(self, reader: Way) -> None:
        answers = [stream(event(1), retry=150), stream(event(2), retry=None), GONE]
        with serving(*answers) as server:
            read = reader.read(server.url)
        expect_end(read, ["1", "2"])
        for again, ended, asked in zip(
            read.again, server.ended[:-1], server.asked[1:], strict=True
        ):
            assert 0.15 <= again.wait <= 0.3
            assert again.wait - 0.02 <= asked.at - ended < again.wait + SOON

    def test_retry_after_is_kept(self, some: Way) -> None:
        with serving(stream(event(1)), status(429, "Retry-After: 1"), GONE) as server:
            read = some.read(server.url)
        expect_end(read, ["1"])
        assert read.again[1].wait >= 1
        assert server.asked[2].at - server.ended[1] >= 0.98

    @pytest.mark.parametrize(
        "answers",
        [
            [stream(event(1), retry=3_600_001)],
            [stream(event(1)), status(503, "Retry-After: 3601")],
        ],
    )
    def test_more_than_an_hour_ends_it(self, some: Way, answers: list[bytes]) -> None:
        with serving(*answers) as server:
            read = some.read(server.url)
        assert isinstance(read.error, fastsse.ReconnectError)
        cause = read.error.__cause__
        assert getattr(cause, "status_code", None) == (503 if len(answers) > 1 else None)
        assert read.data == ["1"]
        assert read.source.state == "closed"
        assert len(server.asked) == len(answers)


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestAnswers:
    @pytest.mark.parametrize("first", [[], [stream(event(1))]])
    @pytest.mark.parametrize("code", [204, 205])
    def test_no_more_ends_it(self, reader: Way, first: list[bytes], code: int) -> None:
        with serving(*first, GONE.replace(b"204", b"%d" % code)) as server:
            read = reader.read(server.url)
        expect_end(read, ["1"] * len(first))
        assert len(server.asked) == len(first) + 1

    @pytest.mark.parametrize("code", [400, 401, 404, 410, 304])
    def test_a_lasting_one_is_raised(self, some: Way, code: int) -> None:
        body = "" if code == 304 else "no such thing"
        with serving(stream(event(1)), status(code, body=body)) as server:
            read = some.read(server.url)
        assert isinstance(read.error, fastsse.ResponseError)
        assert read.error.status_code == code
        assert read.error.body == body.encode()
        assert (read.data, len(server.asked), read.connections) == (["1"], 2, 0)
        assert read.source.state == "closed"

    def test_another_content_type_is_raised(self, reader: Way) -> None:
        with serving(status(200, "Content-Type: text/html", body="<p>")) as server:
            read = reader.read(server.url)
        assert isinstance(read.error, fastsse.ResponseError)
        assert (read.error.content_type, read.error.body) == ("text/html", b"<p>")
        assert (len(server.asked), read.connections) == (1, 0)

    @pytest.mark.parametrize("code", [408, 429, 500, 501, 503, 599])
    def test_a_passing_one_is_asked_again(self, some: Way, code: int) -> None:
        answers = [stream(event(1)), status(code, body="busy"), stream(event(2)), GONE]
        with serving(*answers) as server:
            read = some.read(server.url)
        expect_end(read, ["1", "2"])
        error = read.again[1].error
        assert isinstance(error, fastsse.ResponseError)
        assert (error.status_code, error.body) == (code, b"busy")

    def test_a_timeout_is_asked_again(self, reader: Way) -> None:
        answers = [Held(stream(event(1))), Held(stream(": alive\n\n")), stream(event(2)), GONE]
        with serving(*answers) as server:
            read = reader.read(server.url, first_event_timeout=0.2, idle_timeout=0.4)
        expect_end(read, ["1", "2"])
        errors = [again.error for again in read.again[:2]]
        assert [getattr(e, "timeout", e) for e in errors] == ["idle", "first_event"]

    def test_the_client_s_own_timeout_is_asked_again(self, reader: Way) -> None:
        timeout = reader.library.Timeout(20, read=0.2)
        with serving(Held(stream(event(1))), Held(b"HTTP/1.1 200"), GONE) as server:
            read = reader.read(server.url, client={"timeout": timeout})
        expect_end(read, ["1"])
        assert [type(again.error) for again in read.again] == [reader.library.ReadTimeout] * 2

    def test_an_event_that_is_too_large_is_raised(self, reader: Way) -> None:
        with serving(Held(stream(event(1), f"data: {'x' * 100}\n\n"))) as server:
            read = reader.read(server.url, max_event_size=99)
        assert isinstance(read.error, fastsse.EventTooLargeError)
        assert (read.data, len(server.asked), read.connections) == (["1"], 1, 0)
        assert read.source.state == "closed"

    def test_what_the_client_cannot_do_is_raised(self, some: Way) -> None:
        read = some.read("ftp://127.0.0.1/")
        assert isinstance(read.error, some.library.UnsupportedProtocol)
        with serving(GONE) as server:
            read = some.read(server.url, headers={"X-Bad": "a\nb"})
        assert isinstance(read.error, some.library.LocalProtocolError)
        assert read.again == []


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestAttempts:
    def test_the_client_s_own_error_may_be_the_last(self, reader: Way) -> None:
        with serving() as server:
            pass
        read = reader.read(server.url, attempts=1)
        assert type(read.error) is reader.library.ConnectError
        assert (read.again, read.source.state) == ([], "closed")

    @pytest.mark.parametrize("most", [1, 2, 4])
    @pytest.mark.parametrize(
        "empty", [stream(), stream(": alive\n\n"), stream("id: 5\n\n"), stream("data: cut"), b""]
    )
    def test_are_counted_since_the_last_event(self, some: Way, most: int, empty: bytes) -> None:
        with serving(stream(event(1)), stream(event(2)), empty) as server:
            read = some.read(server.url, attempts=most)
        assert read.data == ["1", "2"]
        assert len(server.asked) == 2 + most
        assert [again.attempt for again in read.again] == [1, *range(1, most + 1)]
        kind = fastsse.ReconnectError if empty else some.library.RemoteProtocolError
        assert type(read.error) is kind
        assert (str(most) in str(read.error)) == bool(empty)
        assert read.source.state == "closed"

    @pytest.mark.parametrize("block", ["data: x\n\n", "id: 2\ndata: 2\n\n"])
    def test_events_without_a_new_id_are_no_progress(self, some: Way, block: str) -> None:
        with serving(stream(event(1)), stream(event(2)), stream(block)) as server:
            read = some.read(server.url, attempts=3)
        assert isinstance(read.error, fastsse.ReconnectError)
        assert "each of 3 streams in a row (attempts=3)" in str(read.error)
        assert len(read.data) == 5
        assert [again.attempt for again in read.again] == [1, 1, 2, 3]

    def test_a_connection_that_lived_is_progress(self, some: Way) -> None:
        with serving(*[stream("data: x\n\n")] * 5, GONE) as server:
            read = some.read(server.url, attempts=2, reset_after=1e-6)
        expect_end(read, ["x"] * 5)
        assert [again.attempt for again in read.again] == [1] * 5

    def test_an_answer_may_be_the_last(self, some: Way) -> None:
        with serving(stream(event(1)), b"", status(503, body="busy")) as server:
            read = some.read(server.url, attempts=2)
        assert isinstance(read.error, fastsse.ResponseError)
        assert read.error.body == b"busy"
        assert len(server.asked) == 3

    def test_are_ten_by_default_and_any_for_none(self, monkeypatch: Any) -> None:
        # The waits of these would be minutes, and are shown elsewhere.
        monkeypatch.setattr(_policy, "LONGEST_JITTER", 0)
        way = Way(httpx2, "sync")
        with serving(stream(event(1)), stream()) as server:
            read = way.read(server.url)
        assert isinstance(read.error, fastsse.ReconnectError)
        assert len(server.asked) == 11
        with serving(stream(event(1)), *[stream()] * 13, GONE) as server:
            expect_end(way.read(server.url, attempts=None), ["1"])
        assert len(server.asked) == 15

    def test_a_source_that_failed_raises_it_again(self, library: Any) -> None:
        with serving(status(404)) as server, library.Client() as client:
            source = EventSource(client, "GET", server.url)
            with pytest.raises(fastsse.ResponseError) as first:
                list(source)
            with pytest.raises(fastsse.ResponseError) as second:
                list(source)
            assert second.value is first.value
            assert len(server.asked) == 1

    def test_a_source_that_ended_gives_nothing_more(self, library: Any) -> None:
        with serving(GONE) as server, library.Client() as client:
            source = EventSource(client, "GET", server.url)
            assert list(source) == list(source) == []
            assert len(server.asked) == 1


SECRETS = {
    "Authorization": "Bearer secret",
    "X-API-Key": "secret",
    "api-key": "secret",
    "Cookie": "session=secret",
    "Proxy-Authorization": "Basic secret",
    "X-Amz-Security-Token": "secret",
}


def secrets_in(asked: Asked) -> list[str]:
    return [name for name, value in asked.headers if b"secret" in value or name == "authorization"]


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestRedirects:
    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    def test_to_the_same_origin_keep_what_they_have(self, some: Way, code: int) -> None:
        answers = [
            status(code, "Location: /there", "Set-Cookie: fresh=jar"),
            stream(event(1)),
            GONE,
        ]
        keys = {name: value for name, value in SECRETS.items() if name != "Cookie"}
        with serving(*answers) as server:
            read = some.read(server.url, headers=keys)
        expect_end(read, ["1"])
        assert [asked.target for asked in server.asked] == ["/", "/there", "/"]
        for asked in server.asked:
            assert secrets_in(asked) == [name.lower() for name in keys]
        assert server.asked[1].header("cookie") == b"fresh=jar"
        assert [asked.header("accept") for asked in server.asked] == [b"text/event-stream"] * 3

    @pytest.mark.parametrize(
        "given", [{"auth": ("user", "pass")}, {"client": {"auth": ("user", "pass")}}]
    )
    def test_to_the_same_origin_keep_auth(self, some: Way, given: Any) -> None:
        with serving(status(302, "Location: /there"), stream(event(1)), GONE) as server:
            expect_end(some.read(server.url, **given), ["1"])
        for asked in server.asked:
            assert asked.header("authorization") == b"Basic dXNlcjpwYXNz"

    @pytest.mark.parametrize("code", [302, 307])
    @pytest.mark.parametrize(
        "given",
        [
            {"headers": SECRETS},
            {"client": {"headers": SECRETS}},
            {"auth": ("user", "pass")},
            {"client": {"auth": ("user", "pass")}},
            {"auth": lambda request: _signed(request)},
            {"client": {"cookies": {"session": "secret"}}},
            {"user": "user:pass@"},
        ],
        ids=lambda given: "-".join([next(iter(given)), *given.get("client", ())]),
    )
    def test_to_another_origin_hand_over_no_credential(
        self, some: Way, code: int, given: dict[str, Any]
    ) -> None:
        user = given.get("user", "")
        given = {name: value for name, value in given.items() if name != "user"}
        with serving() as home, serving() as other, serving(stream(event(1)), GONE) as last:
            # It moves about in the other origin, and is sent home and away again.
            to = {name: status(code, f"Location: {url}") for name, url in {
                "other": f"{other.url}/other", "within": "/within",
                "back": f"{home.url}/back", "last": f"{last.url}/last",
            }.items()}  # fmt: skip
            home.answers = (to["other"], to["last"])
            other.answers = (to["within"], to["back"])
            url = home.url.replace("://", f"://{user}")
            read = some.read(url, "POST", json={"a": 1}, **given)
        expect_end(read, ["1"])
        assert secrets_in(home.asked[0]) != []
        for asked in (*other.asked, home.asked[1], *last.asked):
            assert secrets_in(asked) == []
            assert asked.header("accept") == b"text/event-stream"
            assert asked.method == ("POST" if code == 307 else "GET")
            assert asked.body == (b'{"a":1}' if code == 307 else b"")
        assert [asked.target for asked in other.asked] == ["/other", "/within"]
        assert other.asked[0].header("host") == other.url.removeprefix("http://").encode()
        # What comes after that begins anew, with all that it has.
        assert (home.asked[2].target, home.asked[2].method) == ("/", "POST")
        assert secrets_in(home.asked[2]) == secrets_in(home.asked[0])

    def test_take_the_last_event_id_along(self, some: Way) -> None:
        with serving(stream(event(1)), stream(event(2)), GONE) as other, serving() as home:
            home.answers = (status(307, f"Location: {other.url}"),)
            expect_end(some.read(home.url), ["1", "2"])
        assert other.last_event_ids == home.last_event_ids == [None, b"1", b"2"]

    def test_without_end_are_an_error(self, reader: Way) -> None:
        with serving(status(302, "Location: /again", body="moved")) as server:
            read = reader.read(server.url, client={"max_redirects": 3})
        assert isinstance(read.error, fastsse.ResponseError)
        assert (read.error.status_code, read.error.body) == (302, b"moved")
        assert (len(server.asked), read.connections) == (4, 0)

    def test_are_not_followed_if_so_asked(self, reader: Way) -> None:
        with serving(status(302, "Location: /there")) as server:
            read = reader.read(server.url, follow_redirects=False)
        assert isinstance(read.error, fastsse.ResponseError)
        assert "a redirect to /there, not followed" in str(read.error)
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        ("here", "there", "is_same"),
        [
            ("http://a/", "http://a:80/b", True),
            ("http://a/", "https://a/", True),
            ("http://a:80/", "https://a:443/", True),
            ("https://a/", "http://a/", False),
            ("http://a:8080/", "https://a/", False),
            ("http://a:8080/", "https://a:8080/", False),
            ("http://a/", "https://a:8443/", False),
            ("http://a/", "http://a:81/", False),
            ("http://a/", "http://b.a/", False),
            ("http://a/", "https://b/", False),
            ("http://A/", "http://a/", True),
        ],
    )
    def test_origins(self, library: Any, here: str, there: str, is_same: bool) -> None:
        request = library.Request("GET", here, headers={"X-Key": "secret"})
        response = library.Response(302)
        response.next_request = library.Request("GET", there, headers={"X-Key": "secret"})
        route = Redirects(request, {}, 1)
        assert route.follow(response)
        assert ("x-key" in route.request.headers) == is_same
        assert route.options.get("auth", "the client's") == ("the client's" if is_same else None)
        assert not route.follow(response)


def _signed(request: Any) -> Any:
    request.headers["X-Signature"] = "secret"
    return request


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestHookAndState:
    def test_sync(self, library: Any) -> None:
        seen: list[Any] = []

        def hook(again: Reconnection) -> int:
            seen.append((source.state, again.attempt, again.last_event_id, source.stream))
            return 1

        answers = [stream(event(1), event(2)), status(503), stream(event(3), retry=7), GONE]
        with serving(*answers) as server, library.Client() as client:
            source = EventSource(client, "GET", server.url, on_reconnect=hook)
            assert (source.state, source.retry, source.stream) == ("connecting", None, None)
            for event_ in source:
                assert source.state == "open"
                assert source.last_event_id == event_.id
                assert source.retry == (7 if event_.id == "3" else 1)
                assert source.stream is not None
                assert source.stream.response.status_code == 200
                assert source.stream.received_at_ns > 0
            assert (source.state, source.retry, source.stream) == ("closed", 7, None)
            assert source.last_event_id == "3"
        assert seen == [
            ("connecting", 1, "2", None),
            ("connecting", 2, "2", None),
            ("connecting", 1, "3", None),
        ]

    @pytest.mark.parametrize("kind", ["plain", "coroutine"])
    def test_async(self, library: Any, loop: Any, kind: str) -> None:
        seen: list[Any] = []

        def plain(again: Reconnection) -> int:
            seen.append((source.state, again.attempt, source.stream))
            return 1

        async def coroutine(again: Reconnection) -> None:
            await anyio.sleep(0.01)
            plain(again)

        source: Any = None

        async def main() -> None:
            nonlocal source
            async with library.AsyncClient() as client:
                hook = {"plain": plain, "coroutine": coroutine}[kind]
                source = EventSource(client, "GET", server.url, on_reconnect=hook)
                assert source.state == "connecting"
                async for event_ in source:
                    assert (source.state, source.last_event_id) == ("open", event_.id)
                assert (source.state, source.stream) == ("closed", None)

        with serving(stream(event(1)), status(503), GONE) as server:
            loop(main)
        assert seen == [("connecting", 1, None), ("connecting", 2, None)]

    def test_state_of_an_answer_that_is_none(self, some: Way) -> None:
        with serving(status(404)) as server:
            assert some.read(server.url).source.state == "closed"

    def test_what_it_raises_passes_and_the_wait_is_kept(self, library: Any) -> None:
        def hook(again: Reconnection) -> None:
            raise KeyError("mine")

        with serving(stream(event(1), retry=300), GONE) as server, library.Client() as client:
            source = EventSource(client, "GET", server.url, on_reconnect=hook)
            with pytest.raises(KeyError, match="mine"):
                list(source)
            assert source.state == "connecting"
            assert list(source) == []
            assert server.asked[1].at - server.ended[0] > 0.28

    def test_what_it_raises_passes_async(self, library: Any, loop: Any) -> None:
        async def hook(again: Reconnection) -> None:
            raise KeyError("mine")

        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", server.url, on_reconnect=hook)
                with pytest.raises(KeyError, match="mine"):
                    async for _ in source:
                        pass
                assert [event async for event in source] == []
                assert connections_of(client) == 0

        with serving(stream(event(1)), GONE) as server:
            loop(main)


@contextmanager
def soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SOON


# What a source is at, after event 1: waiting for LONG, for more events, or for headers.
WAITING = stream(event(1), retry=LONG)
SILENT = Held(stream(event(1)))
MUTE = Held(b"")


@pytest.mark.net
class TestClose:
    def test_before_it_begins_and_twice(self, library: Any) -> None:
        with serving(GONE) as server, library.Client() as client:
            source = EventSource(client, "GET", server.url)
            source.close()
            source.close()
            assert (list(source), source.state, server.asked) == ([], "closed", [])

    def test_in_the_loop(self, library: Any) -> None:
        answer = Held(stream(event(1), event(2)))
        with serving(answer) as server, library.Client() as client, soon():
            data = []
            with EventSource(client, "GET", server.url) as source:
                for event_ in source:
                    data.append(event_.data)
                    source.close()
                    assert connections_of(client) == 0
            assert (data, source.last_event_id, source.state) == (["1"], "1", "closed")
            assert list(source) == []
            assert len(server.asked) == 1

    def test_in_the_hook(self, library: Any) -> None:
        with serving(WAITING) as server, library.Client() as client, soon():
            source = EventSource(client, "GET", server.url, on_reconnect=lambda _: source.close())
            assert [event.data for event in source] == ["1"]
            assert len(server.asked) == 1

    @pytest.mark.parametrize("answer", [WAITING, SILENT, Held(stream(": only a comment\n\n"))])
    @pytest.mark.parametrize("options", [{}, {"idle_timeout": 60, "first_event_timeout": 60}])
    def test_from_another_thread(self, library: Any, answer: bytes, options: Any) -> None:
        before = threading.active_count()
        with serving(answer) as server, library.Client(timeout=60) as client, soon():
            source = EventSource(client, "GET", server.url, **options)

            def close() -> None:
                server.arrival.acquire()
                time.sleep(0.1)
                source.close()

            thread = threading.Thread(target=close)
            thread.start()
            assert [event.data for event in source] == (["1"] if b"data" in answer else [])
            thread.join()
            assert source.state == "closed"
            assert connections_of(client) == 0
            assert len(server.asked) == 1
        gc.collect()
        # A timer that was cancelled still has to end.
        deadline = time.monotonic() + 10
        while threading.active_count() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() <= before

    def test_from_another_thread_while_headers_are_awaited(self, library: Any) -> None:
        timeout = library.Timeout(20, read=0.4)
        with serving(MUTE) as server, library.Client(timeout=timeout) as client, soon():
            source = EventSource(client, "GET", server.url)
            thread = threading.Timer(0.1, source.close)
            thread.start()
            assert list(source) == []
            assert len(server.asked) == 1
            assert connections_of(client) == 0

    @pytest.mark.usefixtures("short")
    def test_from_another_thread_at_any_moment(self, library: Any) -> None:
        dice = random.Random(7)
        answers = [stream(*map(event, range(9))), Held(stream(event(1))), b"", status(503)]
        with library.Client(timeout=60) as client, soon():
            for _ in range(25):
                dice.shuffle(answers)
                with serving(*answers) as server:
                    source = EventSource(client, "GET", server.url)
                    thread = threading.Timer(dice.uniform(0, 0.06), source.close)
                    thread.start()
                    list(source)
                    assert source.state == "closed"
                    thread.join()
            assert connections_of(client) == 0

    def test_its_with(self, library: Any) -> None:
        with serving(SILENT) as server, library.Client() as client:
            with EventSource(client, "GET", server.url) as source:
                for _ in source:
                    break
                assert (connections_of(client), source.state) == (1, "open")
            assert (connections_of(client), source.state) == (0, "closed")

    @pytest.mark.usefixtures("short")
    def test_break_and_go_on(self, library: Any) -> None:
        answers = [stream(event(1), event(2), event(3)), stream(event(4)), GONE]
        with serving(*answers) as server, library.Client() as client:
            source = EventSource(client, "GET", server.url)
            found = []
            while source.state != "closed":
                for event_ in source:
                    found.append((event_.data, source.last_event_id))
                    break
            assert found == [(str(n), str(n)) for n in (1, 2, 3, 4)]
            assert server.last_event_ids == [None, b"3", b"4"]


async def started(server: Server) -> None:
    """Until it has answered once more, and the client has had the time to read that."""
    await anyio.to_thread.run_sync(server.arrival.acquire)
    await anyio.sleep(0.1)


@pytest.mark.net
class TestAclose:
    def test_before_it_begins_and_twice(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", server.url)
                await source.aclose()
                await source.aclose()
                assert [event async for event in source] == server.asked == []
                assert source.state == "closed"

        with serving(GONE) as server:
            loop(main)

    def test_in_the_loop(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            data = []
            async with library.AsyncClient() as client:
                async with EventSource(client, "GET", server.url) as source:
                    async for event_ in source:
                        data.append(event_.data)
                        await source.aclose()
                        assert connections_of(client) == 0
                assert (data, source.last_event_id, source.state) == (["1"], "1", "closed")
                assert [event async for event in source] == []

        with serving(Held(stream(event(1), event(2)))) as server, soon():
            loop(main)
            assert len(server.asked) == 1

    def test_in_the_hook(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async def hook(_: Reconnection) -> None:
                await source.aclose()

            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", server.url, on_reconnect=hook)
                assert [event.data async for event in source] == ["1"]

        with serving(WAITING) as server, soon():
            loop(main)
            assert len(server.asked) == 1

    @pytest.mark.parametrize("answer", [WAITING, SILENT, MUTE, status(503, "Retry-After: 99")])
    @pytest.mark.parametrize("options", [{}, {"idle_timeout": 60, "first_event_timeout": 60}])
    def test_from_another_task(self, library: Any, loop: Any, answer: bytes, options: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url, **options)
                data = []

                async def read() -> None:
                    async for event_ in source:
                        data.append(event_.data)

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(read)
                    await started(server)
                    await source.aclose()
                assert data == (["1"] if b"data" in answer else [])
                assert source.state == "closed"
                assert connections_of(client) == 0

        with serving(answer) as server, soon():
            loop(main)
            assert len(server.asked) == 1

    def test_from_another_task_in_the_hook(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                told, closed = anyio.Event(), anyio.Event()

                async def hook(_: Reconnection) -> None:
                    told.set()
                    await closed.wait()

                source = EventSource(client, "GET", server.url, on_reconnect=hook)

                async def read() -> None:
                    assert [event.data async for event in source] == ["1"]

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(read)
                    await told.wait()
                    await source.aclose()
                    closed.set()

        with serving(WAITING) as server, soon():
            loop(main)

    def test_its_with(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                async with EventSource(client, "GET", server.url) as source:
                    async for _ in source:
                        break
                    assert (connections_of(client), source.state) == (1, "open")
                assert (connections_of(client), source.state) == (0, "closed")

        with serving(SILENT) as server:
            loop(main)

    @pytest.mark.usefixtures("short")
    def test_break_and_go_on(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", server.url)
                found = []
                while source.state != "closed":
                    async for event_ in source:
                        found.append((event_.data, source.last_event_id))
                        break
                assert found == [(str(n), str(n)) for n in (1, 2, 3, 4)]

        with serving(stream(event(1), event(2), event(3)), stream(event(4)), GONE) as server:
            loop(main)
            assert server.last_event_ids == [None, b"3", b"4"]


@pytest.mark.net
class TestCancel:
    @pytest.mark.parametrize("answer", [WAITING, SILENT, MUTE])
    def test_a_task(self, library: Any, answer: bytes) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url, idle_timeout=60)

                async def read() -> None:
                    async for _ in source:
                        pass

                task = asyncio.create_task(read())
                await started(server)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert task.cancelling() == 1
                assert connections_of(client) == 0
                assert source.state == "connecting"
            gc.collect()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        with serving(answer) as server, soon():
            asyncio.run(main())

    @pytest.mark.parametrize("answer", [WAITING, SILENT, MUTE])
    def test_a_scope(self, library: Any, loop: Any, answer: bytes) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url)
                with anyio.move_on_after(0.3) as scope:
                    async for _ in source:
                        pass
                assert scope.cancelled_caught
                assert connections_of(client) == 0

        with serving(answer) as server, soon():
            loop(main)

    def test_in_the_loop(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                with anyio.move_on_after(0.2) as scope:
                    async with EventSource(client, "GET", server.url) as source:
                        async for _ in source:
                            await anyio.sleep(60)
                assert scope.cancelled_caught
                assert source.state == "closed"
                assert connections_of(client) == 0

        with serving(SILENT) as server, soon():
            loop(main)

    def test_in_the_hook(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(
                    client, "GET", server.url, on_reconnect=lambda _: anyio.sleep(60)
                )
                with anyio.move_on_after(0.2) as scope:
                    async for _ in source:
                        pass
                assert scope.cancelled_caught

        with serving(WAITING) as server, soon():
            loop(main)

    @pytest.mark.usefixtures("short")
    def test_it_goes_on_where_it_was_cancelled(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url)
                data = []
                for _ in range(10):
                    with anyio.move_on_after(0.2):
                        async for event_ in source:
                            data.append(event_.data)
                assert data == ["1", "2"]
                assert source.state == "closed"

        with serving(Held(stream(event(1), "id: 2\ndata: cut")), stream(event(2)), GONE) as server:
            loop(main)
            assert server.last_event_ids == [None, b"1", b"2"]

    def test_no_wait_is_skipped_by_it(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", server.url)
                for _ in range(50):
                    with anyio.move_on_after(0.05):
                        async for _ in source:
                            pass
                assert source.state == "closed"

        with serving(stream(event(1), retry=400), GONE) as server:
            loop(main)
            assert server.asked[1].at - server.ended[0] > 0.38

    def test_one_that_was_reading_waits_before_it_asks_again(self, library: Any, loop: Any) -> None:
        cancelled = []

        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", server.url)
                with anyio.move_on_after(0.3):
                    async for _ in source:
                        pass
                cancelled.append(time.monotonic())
                async for _ in source:
                    pass
                assert source.last_event_id == "1"

        with serving(Held(stream(event(1), retry=400)), GONE) as server:
            loop(main)
            assert server.asked[1].at - cancelled[0] > 0.38

    def test_one_that_was_connecting_waits_too(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url)
                with anyio.move_on_after(1.3):
                    while True:
                        with anyio.move_on_after(0.05):
                            async for _ in source:
                                pass

        with serving(MUTE) as server:
            loop(main)
            assert len(server.asked) == 2
            assert server.asked[1].at - server.asked[0].at > 0.98


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestTotalTimeout:
    """It covers all connections and the waits between them, and is final."""

    @pytest.mark.parametrize(
        "answer",
        [SILENT, WAITING, stream("data: x\n\n"), status(503)],
        ids=["reading", "waiting", "connecting again", "refused"],
    )
    def test_ends_it(self, reader: Way, answer: bytes) -> None:
        began = time.monotonic()
        with serving(answer) as server:
            read = reader.read(server.url, total_timeout=0.4, attempts=None)
        assert isinstance(read.error, fastsse.StreamTimeout)
        assert (read.error.timeout, read.error.seconds) == ("total", 0.4)
        assert "within total_timeout=0.4 s" in str(read.error)
        assert 0.4 <= time.monotonic() - began < SOON
        assert 0.4 <= read.error.elapsed < SOON
        assert (read.source.state, read.connections) == ("closed", 0)

    def test_while_headers_are_awaited(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60) as client:
                source = EventSource(client, "GET", server.url, total_timeout=0.2)
                with pytest.raises(fastsse.StreamTimeout, match="within total_timeout"):
                    await anext(source)
                with pytest.raises(fastsse.StreamTimeout, match="within total_timeout"):
                    await anext(source)

        with serving(MUTE) as server, soon():
            loop(main)
            assert len(server.asked) == 1


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestNextAndStats:
    ANSWERS = stream(event(1), event(2)), stream(event(3), "data: cut"), GONE

    def test_next(self, library: Any) -> None:
        with serving(*self.ANSWERS) as server, library.Client() as client:
            source = EventSource(client, "GET", server.url)
            assert [next(source).id for _ in range(3)] == ["1", "2", "3"]
            assert next(source, None) is None
            assert source.state == "closed"
            self.expect_stats(source)

    def test_anext(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", server.url)
                assert [(await anext(source)).id for _ in range(3)] == ["1", "2", "3"]
                assert await anext(source, None) is None
                self.expect_stats(source)

        with serving(*self.ANSWERS) as server:
            loop(main)

    def expect_stats(self, source: EventSource) -> None:
        stats = source.stats
        assert (stats.events, stats.lines, stats.chunks_without_event) == (3, 13, 0)
        assert stats.bytes == sum(len(a.partition(b"\r\n\r\n")[2]) for a in self.ANSWERS)
        assert stats.first_event is not None
        assert 0 < stats.first_event < stats.elapsed
        assert source.stats.elapsed == stats.elapsed

    def test_stamps(self, library: Any) -> None:
        with serving(*self.ANSWERS) as server, library.Client() as client:
            source = EventSource(client, "GET", server.url)
            assert source.received_at_ns == source.stats.elapsed == 0
            before = time.perf_counter_ns()
            stamps = [source.received_at_ns for _ in source]
            assert before < stamps[0] <= stamps[1] < stamps[2] < time.perf_counter_ns()
            assert source.received_at_ns == stamps[2]

    def test_repr_has_no_secret(self, library: Any) -> None:
        with library.Client() as client:
            source = EventSource(client, "GET", "http://user:pass@host/path?key=secret")
            assert repr(source) == "<EventSource of GET http://host/path, connecting>"


class TestArguments:
    @pytest.mark.parametrize("client", [None, requests.Session(), "http://x/", object()])
    def test_another_client_is_refused(self, client: Any) -> None:
        kind = type(client).__name__
        with pytest.raises(TypeError, match=f"expected a client of httpx or httpx2, got {kind}"):
            EventSource(client, "GET", "http://x/")

    def test_one_of_aiohttp_is_refused(self) -> None:
        async def main() -> None:
            async with aiohttp.ClientSession() as client:
                with pytest.raises(TypeError, match="httpx or httpx2, got ClientSession"):
                    EventSource(client, "GET", "http://x/")

        asyncio.run(main())

    def test_for_with_an_async_client(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(client, "GET", "http://x/")
                with pytest.raises(TypeError, match="AsyncClient is asynchronous: use `async for`"):
                    list(source)
                with pytest.raises(TypeError, match=r"asynchronous: use .* aclose\(\)"):
                    source.close()
                with pytest.raises(TypeError, match="asynchronous"), source:
                    raise AssertionError
                assert source.state == "connecting"

        loop(main)

    def test_async_for_with_a_sync_client(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            with library.Client() as client:
                source = EventSource(client, "GET", "http://x/")
                with pytest.raises(TypeError, match="Client is synchronous: use `for`"):
                    async for _ in source:
                        pass
                with pytest.raises(TypeError, match=r"synchronous: use .* close\(\)"):
                    await source.aclose()
                with pytest.raises(TypeError, match="synchronous"):
                    async with source:
                        raise AssertionError
                assert source.state == "connecting"

        loop(main)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"attempts": 0}, ValueError, "attempts: expected 1 or more, got 0"),
            ({"attempts": -1}, ValueError, "attempts"),
            ({"attempts": True}, TypeError, "attempts: expected int, got bool"),
            ({"attempts": 1.5}, TypeError, "attempts: .* got float"),
            ({"max_event_size": "1"}, TypeError, "max_event_size"),
            ({"max_event_size": -1}, ValueError, "max_event_size"),
            ({"idle_timeout": -1}, ValueError, "idle_timeout"),
            ({"first_event_timeout": "1"}, TypeError, "first_event_timeout"),
            ({"last_event_id": 7}, TypeError, None),
            ({"last_event_id": None}, TypeError, None),
            ({"last_event_id": "\ud800"}, ValueError, None),
            ({"on_reconnect": 7}, TypeError, "on_reconnect: expected a function or None, got int"),
            ({"on_reconnect": anyio.sleep}, TypeError, "on_reconnect: expected a plain function"),
            ({"total_timeout": 0}, ValueError, "total_timeout"),
            ({"reset_after": 0}, ValueError, "reset_after"),
            ({"timeouts": 1}, TypeError, r"EventSource\(\) got an unexpected .* 'timeouts'"),
            ({"headers": 7}, TypeError, None),
            ({"url": None}, TypeError, None),
            ({"url": "http://x:port/"}, Exception, "Invalid port"),
        ],
    )
    def test_wrong_ones_are_told_at_once(
        self, library: Any, options: Any, error: Any, message: str | None
    ) -> None:
        options = {"url": "http://x/"} | options
        with library.Client() as client, pytest.raises(error, match=message):
            EventSource(client, "GET", **options)

    def test_a_closed_client_is_told(self, library: Any) -> None:
        with library.Client() as client:
            source = EventSource(client, "GET", "http://x/")
        with pytest.raises(RuntimeError, match="closed"):
            list(source)


HTTP2 = {"http1": False, "http2": True}


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestHttp2:
    def test_connects_again(self, reader: Way, http2_url: str) -> None:
        read = reader.read(f"{http2_url}/events?n=2", client=HTTP2, most=5)
        expect_end(read, [f"event {number} ü" for number in (0, 1, 0, 1, 0)])
        assert [again.last_event_id for again in read.again] == ["1", "1"]

    def test_sends_the_last_event_id(self, reader: Way, http2_url: str) -> None:
        url = f"{http2_url}/echo"
        read = reader.read(url, client=HTTP2, most=1, last_event_id=" ü 7")
        (seen,) = read.data
        assert json.loads(seen)["last-event-id"] == "ü 7"

    def test_aclose_from_another_task(self, library: Any, loop: Any, http2_url: str) -> None:
        async def main() -> None:
            async with library.AsyncClient(timeout=60, **HTTP2) as client:
                source = EventSource(client, "GET", f"{http2_url}/stall?n=1")
                came = anyio.Event()

                async def read() -> None:
                    async for _ in source:
                        came.set()

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(read)
                    await came.wait()
                    await anyio.sleep(0.1)
                    with soon():
                        await source.aclose()
                assert source.state == "closed"
                assert connections_of(client) == 0
                assert (await client.get(f"{http2_url}/events")).status_code == 200

        with soon():
            loop(main)

    def test_close_from_another_thread_waits_for_the_wait(
        self, library: Any, http2_url: str
    ) -> None:
        timeout = library.Timeout(20, read=0.5)
        with library.Client(timeout=timeout, **HTTP2) as client, soon():
            source = EventSource(client, "GET", f"{http2_url}/stall?n=1")
            thread = threading.Timer(0.2, source.close)
            thread.start()
            assert len(list(source)) == 1
            assert source.state == "closed"
            assert connections_of(client) == 0
