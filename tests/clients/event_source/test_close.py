"""`EventSource.close` and `aclose` work in each state."""

import gc
import random
import threading
import time
from typing import Any

import anyio
import pytest
from event_sources import (
    GONE,
    MUTE,
    SILENT,
    WAITING,
    Held,
    event,
    serving,
    soon,
    started,
    status,
    stream,
)
from reading import DROPS, connections_of

from fastsse.event_source import EventSource, Reconnection

pytestmark = DROPS


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
