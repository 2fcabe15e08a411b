"""`EventSource` calls its hook, and reports its state, statistics and timestamps."""

import time
from typing import Any

import anyio
import pytest
from event_sources import GONE, Way, event, serving, soon, status, stream
from reading import DROPS, connections_of

import fastsse
from fastsse.event_source import EventSource, Reconnection

pytestmark = DROPS


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

    def test_aclose_ends_its_wait(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                told = anyio.Event()

                async def hook(_: Reconnection) -> None:
                    told.set()
                    await anyio.sleep(60)

                source = EventSource(client, "GET", server.url, on_reconnect=hook)

                async def close() -> None:
                    await told.wait()
                    await source.aclose()

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(close)
                    assert [event.data async for event in source] == ["1"]
                assert source.state == "closed"

        with serving(stream(event(1))) as server, soon():
            loop(main)

    def test_the_total_timeout_ends_its_wait(self, library: Any, loop: Any) -> None:
        async def main() -> None:
            async with library.AsyncClient() as client:
                source = EventSource(
                    client, "GET", server.url, total_timeout=0.3,
                    on_reconnect=lambda _: anyio.sleep(60),
                )  # fmt: skip
                with pytest.raises(fastsse.StreamTimeout, match="within total_timeout"):
                    async for _ in source:
                        pass

        with serving(stream(event(1))) as server, soon():
            loop(main)
