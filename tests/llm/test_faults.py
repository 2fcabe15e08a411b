"""What goes wrong under way: the error that tells it, the tokens before it, and nothing left."""

import asyncio
import gc
import json
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any

import anyio
import httpx
import pytest
from llm_calling import (
    MESSAGES,
    WAYS,
    Way,
    call,
    expect_nothing_open,
    fetch,
    read,
    tasks_living,
    tasks_settle,
    until,
)
from llm_server import (
    CHAT,
    CHAT_WHOLE,
    DONE,
    END,
    FINISH,
    USED,
    WORDS,
    Act,
    Step,
    chat_chunk,
    deaf,
    event,
    head,
    http_chunk,
    refusing_url,
    scripted,
    whole,
    words,
)

from fastsse import (
    ContentTypeError,
    EventTooLargeError,
    ProtocolError,
    ResponseError,
    SSEError,
    StreamTimeout,
)
from fastsse.llm import (
    DecodeError,
    IncompleteStreamError,
    Retry,
    StreamError,
    Timeouts,
    TransportError,
)

TEXT = "".join(WORDS)
OVERLOADED = {"error": {"message": "overloaded", "type": "busy", "code": 17}}
HALF = b"data: " + json.dumps(chat_chunk("half")).encode()[:30]

# A body that is dropped leaves the generators of httpx, which trio finds where they stand.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[request.param]


@pytest.fixture(autouse=True)
def nothing_unclosed() -> Iterator[None]:
    """Have what was not closed say so in the very test that left it."""
    yield
    gc.collect()


class TestConnection:
    def test_that_is_refused(self, way: Way) -> None:
        url = refusing_url()
        called = call(way, url)
        error = called.error
        assert isinstance(error, TransportError)
        assert error.kind == "refused"
        assert error.url == f"{url}/v1/chat/completions"
        if not way.on_aiohttp:
            assert isinstance(error.__cause__, way.library.ConnectError)
        assert called.answer.stats.attempts == 3

    def test_that_is_refused_once(self, way: Way) -> None:
        with scripted([Step.RESET], CHAT) as server:
            called = call(way, server)
        assert called.error is None
        assert called.text == TEXT
        assert called.answer.stats.attempts == len(server.requests) == 2

    @pytest.mark.parametrize("act", [[Step.RESET], [Step.FIN]], ids=["reset", "closed"])
    def test_that_breaks_before_the_headers(self, way: Way, act: Act) -> None:
        with scripted(act) as server:
            called = call(way, server)
        expect_broken(way, called.error)
        assert called.answer.stats.attempts == len(server.requests) == 3

    @pytest.mark.parametrize("step", [Step.RESET, Step.FIN])
    def test_that_breaks_before_the_first_event(self, way: Way, step: Step) -> None:
        with scripted([head(), http_chunk(b": wait\n\n"), step], CHAT) as server:
            called = call(way, server)
        assert called.error is None
        assert called.text == TEXT
        assert len(server.requests) == 2

    @pytest.mark.parametrize(
        "end",
        [[0.1, Step.RESET], [Step.FIN], [b"40\r\n" + HALF, Step.FIN]],
        ids=["reset", "closed", "closed in a chunk"],
    )
    def test_that_breaks_after_ten_tokens(self, way: Way, end: Act) -> None:
        with scripted([head(), *words(), *end], CHAT) as server:
            called = call(way, server)
        expect_broken(way, called.error)
        assert called.text == TEXT
        assert len(called.values) == 10
        assert len(server.requests) == 1

    def test_that_breaks_inside_what_is_awaited(self, way: Way) -> None:
        start = whole(200, CHAT_WHOLE)[:1]
        with scripted([*start, http_chunk(b'{"choices"'), Step.FIN]) as server:

            async def main() -> Any:
                async with way.client(server.url) as client:
                    called = await fetch(client.chat(MESSAGES))
                    expect_nothing_open(client, server)
                    return called

            called = way.run(main)
        expect_broken(way, called.error)
        assert len(server.requests) == 3

    def test_that_is_closed_by_its_own_client(self, way: Way) -> None:
        with scripted([head(), *words(3), Step.STALL]) as server:
            values: list[Any] = []

            async def main() -> None:
                before = tasks_living()
                # aiohttp does not tell those who still read.
                deadline = Timeouts(idle=0.5 if way.on_aiohttp else 0)
                async with way.client(server.url, timeouts=deadline) as client:
                    async with anyio.create_task_group() as group:

                        async def close() -> None:
                            await until(lambda: len(values) == 3)
                            await client._http.aclose()

                        group.start_soon(close)
                        with pytest.raises(SSEError) as caught:
                            async with client.chat(MESSAGES) as answer:
                                async for delta in answer:
                                    values.append(delta)
                    if way.on_aiohttp:
                        expect_timeout(caught.value, "idle", 0.5)
                    else:
                        expect_broken(way, caught.value)
                    expect_nothing_open(client, server)
                assert await tasks_settle(before)

            way.run(main)
        assert [value.text for value in values] == WORDS[:3]
        assert len(server.requests) == 1


def expect_broken(way: Way, error: Exception | None) -> None:
    assert isinstance(error, TransportError)
    assert error.kind == "broken"
    assert isinstance(error.__cause__, way.library.TransportError)


class TestStall:
    # By default the first event has as long as the connection; it is the connection that tells.
    @pytest.mark.parametrize("as_long", [[], ["first_event"], ["headers"]])
    def test_before_there_is_a_connection(self, way: Way, as_long: list[str]) -> None:
        with deaf() as url:
            timeouts = Timeouts(**dict.fromkeys(["connect", *as_long], 0.1))
            called = call(way, url, timeouts=timeouts)
        assert isinstance(called.error, TransportError)
        assert called.error.kind == "timeout"
        assert isinstance(called.error.__cause__, way.library.TimeoutException)
        assert called.answer.stats.attempts == 3

    @pytest.mark.parametrize(
        ("deadline", "attempts"), [("headers", 3), ("first_event", 3), ("total", 1)]
    )
    def test_before_the_headers(self, way: Way, deadline: str, attempts: int) -> None:
        with scripted([Step.STALL]) as server:
            called = call(way, server, timeouts=Timeouts(**{deadline: 0.2}))
            assert server.was_asked(attempts)
        expect_timeout(called.error, deadline, 0.2)
        assert called.values == []
        assert called.answer.stats.attempts == attempts

    @pytest.mark.parametrize(("deadline", "attempts"), [("first_event", 3), ("total", 1)])
    def test_after_the_headers(self, way: Way, deadline: str, attempts: int) -> None:
        with scripted([head(), http_chunk(b": wait\n\n"), Step.STALL]) as server:
            called = call(way, server, timeouts=Timeouts(**{deadline: 0.2}))
            assert server.was_asked(attempts)
        expect_timeout(called.error, deadline, 0.2)

    def test_before_the_first_event_and_then_not(self, way: Way) -> None:
        with scripted([head(), Step.STALL], CHAT) as server:
            called = call(way, server, timeouts=Timeouts(first_event=1))
        assert called.error is None
        assert called.text == TEXT
        assert len(server.requests) == 2

    @pytest.mark.parametrize("deadline", ["idle", "total"])
    def test_between_events(self, way: Way, deadline: str) -> None:
        with scripted([head(), *words(3), Step.STALL]) as server:
            called = call(way, server, timeouts=Timeouts(**{deadline: 0.5}))
        error = expect_timeout(called.error, deadline, 0.5)
        assert called.text == "".join(WORDS[:3])
        assert error.events == 3
        assert error.lines == 6
        assert error.chunks == called.answer.stats.chunks > 0
        assert error.buffered == b""
        assert len(server.requests) == 1

    def test_inside_an_event(self, way: Way) -> None:
        with scripted([head(), *words(3), http_chunk(HALF), Step.STALL]) as server:
            called = call(way, server, timeouts=Timeouts(idle=0.2))
        error = expect_timeout(called.error, "idle", 0.2)
        assert called.text == "".join(WORDS[:3])
        assert error.buffered == HALF.removeprefix(b"data: ")
        told = str(error)
        assert "events: 3, lines: 6, chunks: " in told
        assert "no bytes came within idle_timeout=0.2 s" in told
        assert HALF.removeprefix(b"data: ").decode() in told

    def test_after_the_end(self, way: Way) -> None:
        with scripted([head(), *words(), http_chunk(DONE), Step.STALL]) as server:
            began = time.monotonic()

            async def main() -> Any:
                async with way.client(server.url) as client:
                    called = await read(client.chat(MESSAGES))
                    # Its connection is of no use any more.
                    expect_nothing_open(client, server)
                    return called

            called = way.run(main)
        assert called.error is None
        assert called.text == TEXT
        assert time.monotonic() - began < 5

    def test_inside_what_is_awaited(self, way: Way) -> None:
        with scripted([*whole(200, CHAT_WHOLE)[:1], http_chunk(b"{"), Step.STALL]) as server:

            async def main() -> Any:
                async with way.client(server.url, timeouts=Timeouts(total=0.2)) as client:
                    called = await fetch(client.chat(MESSAGES))
                    expect_nothing_open(client, server)
                    return called

            called = way.run(main)
        expect_timeout(called.error, "total", 0.2)

    def test_the_total_has_the_attempts_and_their_waits(self, way: Way) -> None:
        with scripted(whole(503, OVERLOADED)) as server:
            retry = Retry(attempts=50, wait_initial=0.05, wait_max=0.05, wait_jitter=0)
            called = call(way, server, retry=retry, timeouts=Timeouts(total=0.4))
        expect_timeout(called.error, "total", 0.4)
        assert 1 < len(server.requests) < 50

    def test_the_total_goes_on_after_the_first_event(self, way: Way) -> None:
        slow = [http_chunk(b": alive\n\n"), 0.05] * 100
        with scripted(whole(503, OVERLOADED), [head(), *words(3), *slow]) as server:
            called = call(way, server, timeouts=Timeouts(total=1))
        error = called.error
        assert isinstance(error, StreamTimeout)
        assert (error.deadline, error.seconds) == ("total", 1)
        assert called.text == "".join(WORDS[:3])

    def test_the_total_has_what_earlier_attempts_took(self) -> None:
        late = [1.5, *whole(503, OVERLOADED)]
        with scripted(late, [head(), *words(3), Step.STALL]) as server:
            called = call(WAYS["httpx"], server, timeouts=Timeouts(total=2))
        error = called.error
        assert isinstance(error, StreamTimeout)
        # The second request had half a second left; a total that began anew would have given 3.5.
        assert 1.9 < error.elapsed < 3


def expect_timeout(error: Exception | None, deadline: str, seconds: float) -> StreamTimeout:
    assert isinstance(error, StreamTimeout)
    assert isinstance(error, TimeoutError)
    assert error.deadline == deadline
    assert error.seconds == seconds
    assert error.elapsed >= seconds * 0.99
    return error


class TestStatus:
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
    def test_that_passes(self, way: Way, status: int) -> None:
        with scripted(whole_of(status), CHAT) as server:
            called = call(way, server)
        assert called.error is None
        assert called.text == TEXT
        assert len(server.requests) == 2

    @pytest.mark.parametrize("status", [408, 429, 500])
    def test_that_stays(self, way: Way, status: int) -> None:
        with scripted(whole_of(status), whole_of(status), whole_of(status), CHAT) as server:
            called = call(way, server)
        error = called.error
        assert isinstance(error, ResponseError)
        assert error.status_code == status
        assert json.loads(error.body) == OVERLOADED
        assert "overloaded" in str(error)
        assert called.answer.stats.attempts == len(server.requests) == 3

    @pytest.mark.parametrize("status", [302, 400, 401, 404, 422])
    def test_that_is_final(self, way: Way, status: int) -> None:
        with scripted(whole_of(status), CHAT) as server:
            called = call(way, server)
        assert isinstance(called.error, ResponseError)
        assert not isinstance(called.error, ProtocolError)
        assert called.error.status_code == status
        assert json.loads(called.error.body) == OVERLOADED
        assert len(server.requests) == 1

    @pytest.mark.parametrize("as_date", [False, True])
    def test_that_says_when_to_come_back(self, way: Way, as_date: bool) -> None:
        # A date has whole seconds: two of them are one at least.
        value = formatdate(time.time() + 2, usegmt=True) if as_date else "1"
        with scripted(whole(429, OVERLOADED, retry_after=value), CHAT) as server:
            called = call(way, server)
        assert called.error is None
        first, second = server.requests
        assert second.came - first.came > 0.9

    def test_that_says_to_come_back_much_later(self, way: Way) -> None:
        with scripted(whole(429, OVERLOADED, retry_after="3600"), CHAT) as server:
            called = call(way, server, timeouts=Timeouts(total=5))
        assert isinstance(called.error, ResponseError)
        assert called.error.headers["retry-after"] == "3600"
        assert called.answer.rate_limits == {"retry-after": "3600"}
        assert len(server.requests) == 1

    def test_whose_body_stalls_and_whose_caller_waits_no_longer(self, way: Way) -> None:
        with scripted([head(400, {}), http_chunk(b"half"), Step.STALL]) as server:
            called = call(way, server, timeouts=Timeouts(total=0.3))
        assert isinstance(called.error, (ResponseError, StreamTimeout))
        assert len(server.requests) == 1

    def test_that_is_well_with_another_content_type(self, way: Way) -> None:
        with scripted(whole(200, OVERLOADED), CHAT) as server:
            called = call(way, server)
        assert isinstance(called.error, ContentTypeError)
        assert isinstance(called.error, ProtocolError)
        assert json.loads(called.error.body) == OVERLOADED
        assert len(server.requests) == 1


def whole_of(status: int) -> Act:
    # One that is not listed among those of HTTP, which some servers send when they are busy.
    if status == 529:
        return [
            head(500).replace(b"500 Internal Server Error", b"529 Busy"),
            http_chunk(b"busy"),
            END,
        ]
    return whole(status, OVERLOADED)


class TestStream:
    def test_that_carries_an_error_after_ten_tokens(self, way: Way) -> None:
        with scripted([head(), *words(), http_chunk(event(OVERLOADED)), END], CHAT) as server:
            called = call(way, server)
        error = called.error
        assert isinstance(error, StreamError)
        assert error.message == "overloaded"
        assert (error.type, error.code) == ("busy", 17)
        assert error.error == OVERLOADED["error"]
        assert json.loads(error.event.data) == OVERLOADED
        assert called.text == TEXT
        assert len(server.requests) == 1

    def test_that_carries_an_error_in_the_chunk_of_the_tokens(self, way: Way) -> None:
        events = b"".join(event(chat_chunk(word)) for word in WORDS)
        body = http_chunk(events + event("busy!", name="error"))
        with scripted([head(), body, END], CHAT) as server:
            called = call(way, server)
        assert isinstance(called.error, StreamError)
        assert called.error.message == "busy!"
        assert called.text == TEXT
        assert len(server.requests) == 1

    def test_that_carries_an_error_first(self, way: Way) -> None:
        with scripted([head(), http_chunk(event(OVERLOADED)), END], CHAT) as server:
            called = call(way, server)
        assert isinstance(called.error, StreamError)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("data", "reason"),
        [(HALF[6:], "truncated"), (b"\xff\xfe", "utf-8"), (b'{"choices": 3}', "array")],
        ids=["truncated", "not UTF-8", "no chunk"],
    )
    def test_that_carries_no_json(self, way: Way, data: bytes, reason: str) -> None:
        bad = http_chunk(b"data: " + data + b"\n\n")
        with scripted([head(), *words(), bad, Step.STALL], CHAT) as server:
            called = call(way, server)
        error = called.error
        assert isinstance(error, DecodeError)
        assert reason in error.reason
        assert error.event.data_bytes == data
        assert data.decode("utf-8", "replace") in str(error)
        assert called.text == TEXT
        assert len(server.requests) == 1

    def test_that_ends_inside_an_event(self, way: Way) -> None:
        with scripted([head(), *words(), http_chunk(HALF), END], CHAT) as server:
            called = call(way, server)
        assert isinstance(called.error, DecodeError)
        assert called.text == TEXT
        assert len(server.requests) == 1

    def test_that_ends_without_its_end(self, way: Way) -> None:
        with scripted([head(), *words(), END], CHAT) as server:
            called = call(way, server)
        error = called.error
        assert isinstance(error, IncompleteStreamError)
        assert isinstance(error, ProtocolError)
        assert error.events == 10
        assert called.text == TEXT
        assert called.answer.finish_reason is None
        assert len(server.requests) == 1

    def test_that_ends_with_a_finish_reason_alone(self, way: Way) -> None:
        with scripted([head(), *words(), FINISH, USED, END], CHAT) as server:
            called = call(way, server)
        assert called.error is None
        assert called.text == TEXT
        assert called.answer.finish_reason == "stop"
        assert called.answer.usage.total_tokens == 17

    def test_that_ends_without_its_end_which_may_be(self, way: Way) -> None:
        with scripted([head(), *words(), END], CHAT) as server:
            called = call(way, server, require_end=False)
        assert called.error is None
        assert called.text == TEXT

    def test_that_has_nothing(self, way: Way) -> None:
        with scripted([head(), END], CHAT) as server:
            called = call(way, server)
        assert isinstance(called.error, IncompleteStreamError)
        assert called.error.events == 0
        assert len(server.requests) == 1

    def test_whose_event_is_too_large(self) -> None:
        large = b"data: " + b"x" * (64 * 1024 * 1024 + 1)
        with scripted([head(), *words(), http_chunk(large), Step.STALL], CHAT) as server:
            called = call(WAYS["httpx"], server)
        assert isinstance(called.error, EventTooLargeError)
        assert isinstance(called.error, ProtocolError)
        assert called.text == TEXT
        assert len(server.requests) == 1

    def test_that_is_in_no_coding(self, way: Way) -> None:
        headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
        with scripted([head(200, headers), *words(), END], CHAT) as server:
            called = call(way, server)
        assert isinstance(called.error, ProtocolError)


THREE = [head(), *words(3)]
PHASES: dict[str, Act] = {
    "headers": [Step.STALL],
    "first event": [head(), http_chunk(b": wait\n\n"), Step.STALL],
    "tokens": [*THREE, Step.STALL],
    "retry": whole(503, OVERLOADED),
    "drain": [*THREE, http_chunk(DONE), Step.STALL],
    "exit": [*THREE, Step.STALL],
    "exit after the end": [*THREE, http_chunk(DONE), Step.STALL],
    "body": [*whole(200, CHAT_WHOLE)[:1], http_chunk(b"{"), Step.STALL],
}
CLOSED_BY_HTTPX = {"headers", "first event", "tokens", "drain", "body"}
HOWS = ["task", "task twice", "scope"]


class TestCancelled:
    """By the caller, at each await: in a scope of anyio, and on asyncio as tasks are cancelled."""

    @pytest.mark.parametrize("how", HOWS)
    @pytest.mark.parametrize("phase", ["connect", *PHASES])
    def test_at(self, way: Way, how: str, phase: str) -> None:
        if how != "scope" and way.on_trio:
            pytest.skip("trio has scopes alone")
        if how == "task twice" and way.make is httpx.AsyncClient and phase in CLOSED_BY_HTTPX:
            pytest.skip("httpx loses a connection if it is cancelled again while it closes it")
        if phase == "connect":
            with deaf() as url:
                way.run(lambda: self._cancel(way, url, how, phase))
        else:
            with scripted(PHASES[phase], CHAT) as server:
                way.run(lambda: self._cancel(way, server, how, phase))
                assert len(server.requests) == 2

    async def _cancel(self, way: Way, server: Any, how: str, phase: str) -> None:
        values: list[Any] = []
        before = tasks_living()
        retry = Retry(wait_initial=60, wait_max=60)
        url = server if isinstance(server, str) else server.url
        async with way.client(url, retry=retry) as client:
            answer = client.chat(MESSAGES)
            running = Running(how)

            async def body() -> None:
                if phase == "body":
                    await answer
                async with answer:
                    async for delta in answer:
                        values.append(delta.text)
                        if phase == "exit" and len(values) == 3:
                            break
                    if phase.startswith("exit"):
                        # It finds its way out already being cancelled.
                        running.cancel()
                    values.append("over")

            def reached() -> bool:
                if phase == "connect":
                    return answer.stats.attempts == 1
                if phase == "drain":
                    return values[-1:] == ["over"]
                if phase == "tokens":
                    return len(values) == 3
                return bool(server.requests)

            async with running.body(body):
                if not phase.startswith("exit"):
                    await until(reached)
                    # For what is awaited next, which nobody else can see.
                    await anyio.sleep(0.05)
                    running.cancel()
            assert await tasks_settle(before)
            expect_nothing_open(client, server)
            assert answer.stats.attempts == 1
            if phase in ("tokens", "drain", "exit", "exit after the end"):
                assert values[:3] == WORDS[:3]
            else:
                assert values == []
            if phase != "connect":
                # Its place in the pool is free again.
                assert (await read(client.chat(MESSAGES))).text == TEXT


class Running:
    """A task that can be cancelled, in one of the ways there are."""

    def __init__(self, how: str) -> None:
        self._how = how
        self._scope = anyio.CancelScope()
        self._task: asyncio.Task[Any] | None = None

    def cancel(self) -> None:
        if self._task is None:
            self._scope.cancel()
        else:
            self._task.cancel()
            if self._how == "task twice":
                asyncio.get_running_loop().call_soon(self._task.cancel)

    def body(self, body: Any) -> Any:
        return self._in_scope(body) if self._how == "scope" else self._in_task(body)

    @asynccontextmanager
    async def _in_scope(self, body: Any) -> Any:
        async def scoped() -> None:
            with self._scope:
                await body()

        async with anyio.create_task_group() as group:
            group.start_soon(scoped)
            yield

    @asynccontextmanager
    async def _in_task(self, body: Any) -> Any:
        self._task = asyncio.create_task(body())
        yield
        with pytest.raises(asyncio.CancelledError):
            await self._task
