"""`iter_events` reads plain iterables, without a client."""

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import pytest
from iterables import STREAM, arrive, read

import fastsse


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


@pytest.mark.parametrize("item", [None, 7, 1.5, [1], object()])
def test_items_that_are_no_bytes_are_told_as_what_they_are(item: Any) -> None:
    stream = fastsse.iter_events([b"data: a\n\n", item])
    assert next(stream).data == "a"
    with pytest.raises(TypeError, match=f"bytes-like object, got {type(item).__name__}"):
        next(stream)
    assert stream.stats[:4] == (1, 9, 2, 1)
