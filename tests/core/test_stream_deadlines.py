"""`iter_events` applies its timeouts to plain iterables."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from clock import Clock, run_on
from iterables import STREAM, arrive, read

import fastsse


@pytest.mark.parametrize("off", [None, float("inf")])
def test_deadlines_can_be_off(off: Any) -> None:
    assert read(STREAM, idle_timeout=off, total_timeout=off) == ["a", "b", "c"]


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
