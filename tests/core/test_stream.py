"""`iter_events` over plain iterables: what needs no client."""

import asyncio
import io
import pickle
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from clock import Clock, run_on

import fastsse

STREAM = [b"id: 1\ndata: a\n\nid: 2\nda", b"ta: b\n\n", b": comment\n", b"data: c\n\ndata: cut"]


async def arrive(chunks: list[Any], delay: float = 0) -> AsyncIterator[Any]:
    for chunk in chunks:
        await asyncio.sleep(delay)
        yield chunk


def read(source: Any, **options: Any) -> list[str]:
    return [event.data for event in fastsse.iter_events(source, **options)]


def aread(source: Any, **options: Any) -> list[str]:
    async def main() -> list[str]:
        return [event.data async for event in fastsse.iter_events(source, **options)]

    return asyncio.run(main())


@pytest.mark.parametrize(
    "source",
    [
        STREAM,
        iter(STREAM),
        tuple(bytearray(chunk) for chunk in STREAM),
        io.BytesIO(b"".join(STREAM)),
    ],
    ids=["list", "iterator", "bytearrays", "file"],
)
def test_iterables(source: Any) -> None:
    assert read(source) == ["a", "b", "c"]


def test_async_iterables() -> None:
    assert aread(arrive(STREAM)) == ["a", "b", "c"]
    assert aread(arrive(STREAM), flush_at_end=True) == ["a", "b", "c", "cut"]


@pytest.mark.parametrize("source", [b"data: x\n\n", "data: x\n\n", 7, None, bytearray(b"x")])
def test_what_is_no_source(source: Any) -> None:
    clients = "httpx, httpx2, requests, niquests, aiohttp, urllib3, pyreqwest"
    known = f"a response of {clients}, or an iterable or async iterable of bytes"
    with pytest.raises(TypeError, match=f"expected {known}, got {type(source).__name__}"):
        fastsse.iter_events(source)


def test_wrong_loop() -> None:
    with pytest.raises(TypeError, match="async_generator is asynchronous: expected `async for`"):
        read(arrive([]))
    with pytest.raises(TypeError, match="list is synchronous: expected `for`"):
        aread([])


def test_chunks_of_text_are_a_type_error_after_the_events_before() -> None:
    stream = fastsse.iter_events([b"data: a\n\n", "data: b\n\n"])
    events = iter(stream)
    assert next(events).data == "a"
    with pytest.raises(TypeError, match="got str: pass the bytes as received"):
        next(events)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"idle_timeout": -1}, ValueError, "idle_timeout: expected more than 0 seconds, or None"),
        ({"idle_timeout": float("nan")}, ValueError, "idle_timeout: expected more than 0 seconds"),
        ({"idle_timeout": 0}, ValueError, "idle_timeout: expected more than 0 .*, got 0"),
        ({"total_timeout": 0.0}, ValueError, "total_timeout: expected more than 0 .*, got 0.0"),
        ({"first_event_timeout": 0}, ValueError, "first_event_timeout: expected more than 0"),
        ({"total_timeout": "5"}, TypeError, "total_timeout: expected seconds or None, got str"),
        ({"first_event_timeout": True}, TypeError, "first_event_timeout: expected seconds"),
        ({"max_event_size": -1}, ValueError, "max_event_size"),
        ({"last_event_id": 7}, TypeError, "last_event_id"),
    ],
)
def test_wrong_options(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fastsse.iter_events([], **options)


@pytest.mark.parametrize("off", [None, float("inf")])
def test_deadlines_can_be_off(off: Any) -> None:
    assert read(STREAM, idle_timeout=off, total_timeout=off) == ["a", "b", "c"]


def test_a_second_iteration_goes_on() -> None:
    stream = fastsse.iter_events(STREAM)
    assert next(iter(stream)).data == "a"
    assert [event.data for event in stream] == ["b", "c"]
    assert list(stream) == []


def test_next_takes_one_event() -> None:
    stream = fastsse.iter_events(STREAM)
    assert [next(stream).data, next(stream).data, next(stream).data] == ["a", "b", "c"]
    with pytest.raises(StopIteration):
        next(stream)


def test_anext_takes_one_event() -> None:
    async def main() -> None:
        stream = fastsse.iter_events(arrive(STREAM))
        assert (await anext(stream)).data == "a"
        assert [event.data async for event in stream] == ["b", "c"]
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    asyncio.run(main())


def test_an_error_is_raised_again_and_what_came_before_it_once() -> None:
    def source() -> Iterator[bytes]:
        yield b"data: a\n\ndata: b\n\n"
        raise ConnectionError("gone")

    stream = fastsse.iter_events(source())
    assert next(iter(stream)).data == "a"
    events = iter(stream)
    assert next(events).data == "b"
    for again in (events, iter(stream), iter(stream)):
        with pytest.raises(ConnectionError, match="gone"):
            next(again)


def test_two_events_before_one_that_is_too_large() -> None:
    stream = fastsse.iter_events([b"data: a\n\ndata: b\n\ndata: ccc\n\n"], max_event_size=3)
    events = iter(stream)
    assert [next(events).data, next(events).data] == ["a", "b"]
    for again in (events, iter(stream)):
        with pytest.raises(fastsse.EventTooLargeError, match="max_event_size=3"):
            next(again)


def test_an_event_left_at_the_end_may_be_too_large() -> None:
    with pytest.raises(fastsse.EventTooLargeError):
        read([b"data: abc"], max_event_size=3, flush_at_end=True)


def test_last_event_id_is_that_of_the_event_last_yielded() -> None:
    stream = fastsse.iter_events([b"id: 1\ndata\n\nid: 2\ndata\n\nid: 3\n\n"], last_event_id="0")
    assert stream.last_event_id == "0"
    events = iter(stream)
    next(events)
    assert stream.last_event_id == "1"
    next(events)
    assert stream.last_event_id == "3"


def test_retry_and_response() -> None:
    stream = fastsse.iter_events([b"retry: 70\n\n"])
    assert (stream.retry, stream.response) == (None, None)
    assert list(stream) == []
    assert stream.retry == 70


def test_closing_closes_a_generator_and_what_was_read_is_not_lost() -> None:
    closed = []

    def source() -> Iterator[bytes]:
        try:
            yield from STREAM
        finally:
            closed.append(True)

    with fastsse.iter_events(source()) as stream:
        assert next(iter(stream)).data == "a"
    assert closed == [True]
    stream.close()
    with pytest.raises(RuntimeError, match="closed before its end"):
        next(iter(stream))


def test_closing_after_the_end_leaves_a_clean_end() -> None:
    with fastsse.iter_events(STREAM) as stream:
        assert len(list(stream)) == 3
    assert list(stream) == []


def test_stats() -> None:
    stream = fastsse.iter_events(STREAM)
    assert stream.stats == (0, 0, 0, 0, 0, None, 0)
    list(stream)
    stats = stream.stats
    assert (stats.chunks, stats.events, stats.chunks_without_event) == (4, 3, 1)
    assert stats.bytes == len(b"".join(STREAM))
    assert stats.lines == b"".join(STREAM).count(b"\n")
    assert stats.first_event is not None
    assert 0 < stats.first_event <= stats.elapsed
    assert stream.stats == stats


def test_deadlines_are_judged_between_chunks() -> None:
    def source() -> Iterator[bytes]:
        yield b"data: a\n\ndata: b\n\n"
        time.sleep(0.06)
        yield b"data: c\n\n"
        yield b"data: d\n\n"

    seen = []
    stream = fastsse.iter_events(source(), total_timeout=0.05)
    with pytest.raises(fastsse.StreamTimeout, match=r"total_.* \(events: 3, lines: 6, chunks: 2"):
        seen.extend(event.data for event in stream)


def test_the_idle_deadline_is_judged_between_chunks() -> None:
    def source() -> Iterator[bytes]:
        yield b"data: a\n\n"
        time.sleep(0.1)
        yield b"data: b\n\n"
        yield b"data: c\n\n"

    seen = []
    with pytest.raises(fastsse.StreamTimeout, match=r"idle_timeout=0\.05"):
        for event in fastsse.iter_events(source(), idle_timeout=0.05):
            seen.append(event.data)
    assert seen == ["a", "b"]


def test_idle_does_not_count_before_the_first_event() -> None:
    def source() -> Iterator[bytes]:
        time.sleep(0.1)
        yield b"data: a\n\n"
        time.sleep(0.1)
        yield b"data: b\n\n"

    stream = fastsse.iter_events(source(), first_event_timeout=9, idle_timeout=0.05)
    assert next(stream).data == "a"
    assert next(stream).data == "b"
    with pytest.raises(fastsse.StreamTimeout, match=r"idle_timeout=0\.05"):
        next(stream)


def test_idle_does_not_count_before_the_first_event_async() -> None:
    async def source() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.2)
        yield b"data: a\n\n"
        await asyncio.sleep(60)

    async def main() -> None:
        stream = fastsse.iter_events(source(), first_event_timeout=3600, idle_timeout=0.05)
        assert (await anext(stream)).data == "a"
        with pytest.raises(fastsse.StreamTimeout, match=r"idle_timeout=0\.05"):
            await anext(stream)
        loop: Any = asyncio.get_running_loop()
        await asyncio.sleep(0.01)
        # One timer at a time, and none is left.
        assert not [timer for timer in loop._scheduled if not timer.cancelled()]

    asyncio.run(main())


def test_a_stream_without_limits_after_its_first_event_looks_at_no_more_timeouts() -> None:
    async def main() -> None:
        stream = fastsse.iter_events(arrive(STREAM), first_event_timeout=0.05)
        assert (await anext(stream)).data == "a"
        await asyncio.sleep(0.1)
        assert [event.data async for event in stream] == ["b", "c"]

    asyncio.run(main())


def test_an_iterator_that_seems_empty_is_not_begun_again() -> None:
    class Chunks:
        def __init__(self) -> None:
            self.chunks = iter(STREAM)

        def __iter__(self) -> "Chunks":
            return self

        def __next__(self) -> bytes:
            return next(self.chunks)

        def __len__(self) -> int:
            return 0

    class Source:
        def __iter__(self) -> Chunks:
            return Chunks()

    stream = fastsse.iter_events(Source())
    assert next(stream).data == "a"
    assert [event.data for event in stream] == ["b", "c"]


def test_events_that_are_here_come_before_a_deadline_is_judged() -> None:
    seen = []
    stream = fastsse.iter_events([b"data: a\n\ndata: b\n\n", b"data: c\n\n"], total_timeout=0.02)
    with pytest.raises(fastsse.StreamTimeout):
        for event in stream:
            seen.append(event.data)
            time.sleep(0.03)
    assert seen == ["a", "b"]


def test_the_idle_deadline_counts_waiting_alone() -> None:
    async def main() -> list[str]:
        seen = []
        async for event in fastsse.iter_events(arrive(STREAM, 0.01), idle_timeout=0.2):
            seen.append(event.data)
            await asyncio.sleep(0.3)
        return seen

    assert run_on(Clock(), main) == ["a", "b", "c"]


def test_a_timer_is_not_left_behind() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        for _ in range(10):
            stream = fastsse.iter_events(arrive(STREAM), total_timeout=3600)
            async for _event in stream:
                break
            del stream
        await asyncio.sleep(0.01)
        assert not [timer for timer in loop._scheduled if not timer.cancelled()]

    asyncio.run(main())


def test_a_deadline_within_somebody_else_s_timeout() -> None:
    async def main() -> None:
        stream = fastsse.iter_events(arrive(STREAM, 60), total_timeout=0.05)
        async with asyncio.timeout(5):
            with pytest.raises(fastsse.StreamTimeout):
                await anext(aiter(stream))
        other = fastsse.iter_events(arrive(STREAM, 60), total_timeout=5)
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await anext(aiter(other))
        assert not isinstance(caught.value, fastsse.StreamTimeout)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    asyncio.run(main())


@pytest.mark.parametrize("ours_first", [True, False])
def test_a_cancellation_at_the_very_time_of_a_deadline_wins(ours_first: bool) -> None:
    async def read() -> None:
        async for _ in fastsse.iter_events(arrive(STREAM, 60), total_timeout=0.05):
            pass

    async def main() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        # Both timers are due when the loop is free again, and run in the order of their times.
        loop.call_at(loop.time() + (0.1 if ours_first else 0.0), task.cancel)
        time.sleep(0.2)  # noqa: ASYNC251
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())


def test_errors_can_be_pickled() -> None:
    event = fastsse.ServerSentEvent(data="x")
    for error in (
        fastsse.EventTooLargeError(1, 2, [event]),
        fastsse.StreamTimeout("idle", 1.5, chunks=2, bytes=3, events=4, elapsed=5.0),
        fastsse.StreamTimeout("headers", 1.5, name="Timeouts.headers", elapsed=2.0, lines=7),
        fastsse.StreamTimeout("total", 1.5, lines=6, buffered=b"half of"),
        fastsse.ResponseError(500, {"a": "b"}, "text/plain", b"body"),
        fastsse.ContentTypeError(200, {"a": "b"}, "text/plain", b"body"),
        fastsse.ProtocolError("x"),
        fastsse.ReconnectError("x"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.__dict__ == error.__dict__
        assert isinstance(error, fastsse.SSEError)
    assert issubclass(fastsse.StreamTimeout, TimeoutError)


def test_what_is_no_event_stream_that_can_be_read_is_a_protocol_error() -> None:
    assert issubclass(fastsse.EventTooLargeError, fastsse.ProtocolError)
    assert issubclass(fastsse.ContentTypeError, fastsse.ProtocolError)
    assert issubclass(fastsse.ContentTypeError, fastsse.ResponseError)
    assert not issubclass(fastsse.ResponseError, fastsse.ProtocolError)
    assert not issubclass(fastsse.StreamTimeout, fastsse.ProtocolError)


def test_a_timeout_tells_what_it_knows() -> None:
    error = fastsse.StreamTimeout("idle", 1.5, chunks=2, bytes=3, lines=7, events=4, elapsed=5.0)
    assert str(error) == (
        "no bytes within idle_timeout=1.5 s "
        "(events: 4, lines: 7, chunks: 2, bytes: 3, after 5.000 s)"
    )
    assert (error.timeout, error.name, error.buffered) == ("idle", "idle_timeout", b"")
    named = fastsse.StreamTimeout("headers", 1, name="Timeouts.headers", buffered=b'{"a":\n 1')
    assert str(named).startswith("no response within Timeouts.headers=1 s")
    assert str(named).endswith('; the next event began with: {"a": 1')


@pytest.mark.parametrize(
    ("rest", "buffered"),
    [
        (b"", b""),
        (b"data: half", b"half"),
        (b"data: one\ndata: and a ha", b"one\nand a ha"),
        (b"id: 1\ndat", b""),
        (b": comment", b""),
        (b"data: \xe2\x82", b"\xe2\x82"),
        (b"data: " + b"x" * 10_000, b"x" * 4096),
    ],
    ids=lambda value: value[:20].decode("latin-1"),
)
def test_a_timeout_shows_what_was_under_way(rest: bytes, buffered: bytes) -> None:
    async def main() -> fastsse.StreamTimeout:
        async def source() -> AsyncIterator[bytes]:
            yield b"data: a\n\n" + rest
            await asyncio.sleep(60)

        with pytest.raises(fastsse.StreamTimeout) as caught:
            async for _ in fastsse.iter_events(source(), idle_timeout=0.02):
                pass
        return caught.value

    error = asyncio.run(main())
    assert (error.buffered, error.events, error.lines) == (buffered, 1, 2 + rest.count(b"\n"))


@pytest.mark.parametrize("item", [None, 7, 1.5, [1], object()])
def test_items_that_are_no_bytes_are_told_as_what_they_are(item: Any) -> None:
    stream = fastsse.iter_events([b"data: a\n\n", item])
    assert next(stream).data == "a"
    with pytest.raises(TypeError, match=f"bytes-like object, got {type(item).__name__}"):
        next(stream)
    assert stream.stats[:4] == (1, 9, 2, 1)


def test_a_redirect_is_told() -> None:
    error = fastsse.ResponseError(307, {"location": "/there"}, None)
    assert str(error) == "expected a status of 2xx, got 307 (a redirect to /there, not followed)"


def test_a_long_body_is_shown_as_its_start() -> None:
    error = fastsse.ResponseError(500, {}, None, b"x " * 4096)
    assert len(str(error)) < 600
    assert str(error).endswith("…")
