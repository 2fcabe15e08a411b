"""`fastsse.httpx_sse` closes its connections, and raises errors that httpx-sse users catch."""

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import httpx_sse
import pytest
from reading import DROPS, connections_of
from reading_httpx_sse import facts_of, read, run

import fastsse
import fastsse.httpx_sse as ours

pytestmark = DROPS


class TestReading:
    def test_again_is_as_with_httpx_sse(self, library: Any, url: str) -> None:
        def again(module: Any, first: Callable[[Any], Any]) -> Any:
            with (
                library.Client(base_url=url, verify=False) as client,
                module.connect_sse(client, "GET", "/events") as source,
            ):
                first(source)
                try:
                    return [list(map(facts_of, source.iter_sse())) for _ in range(2)]
                except Exception as error:
                    return type(error)

        ways: list[tuple[Callable[[Any], Any], type[Exception] | None]] = [
            (lambda source: list(source.iter_sse()), library.StreamConsumed),
            (lambda source: next(source.iter_sse()), library.StreamConsumed),
            (lambda source: source.response.close(), library.StreamClosed),
            (lambda source: source.response.read(), None),
        ]
        for first, error in ways:
            theirs = again(httpx_sse, first)
            assert again(ours, first) == theirs
            assert error is None or theirs is error

    def test_closing_early_leaves_nothing_open(self, library: Any, url: str) -> None:
        with library.Client(base_url=url, verify=False) as client:
            with ours.connect_sse(client, "GET", "/trickle") as source:
                assert next(source.iter_sse()).data == "event 0 ü"
            assert source.response.is_closed
            assert connections_of(client) == 0

    def test_closing_early_leaves_nothing_open_async(
        self, library: Any, loop: Any, url: str
    ) -> None:
        async def main() -> None:
            async with library.AsyncClient(base_url=url, verify=False) as client:
                async with ours.aconnect_sse(client, "GET", "/trickle") as source:
                    events = source.aiter_sse()
                    assert inspect.isasyncgen(events)
                    assert (await anext(events)).data == "event 0 ü"
                    await events.aclose()
                    with pytest.raises(StopAsyncIteration):
                        await anext(events)
                assert source.response.is_closed
                assert connections_of(client) == 0

        loop(main)

    def test_nothing_is_read_or_raised_before_it_is_iterated(self, library: Any, url: str) -> None:
        with (
            library.Client(base_url=url, verify=False) as client,
            ours.connect_sse(client, "GET", "/json") as source,
        ):
            events = source.iter_sse()
            with pytest.raises(ours.SSEError, match=r"got application/json \(status 200\)"):
                next(events)
            # What it was instead is still there.
            assert "overloaded" in source.response.read().decode()


class TestErrors:
    @pytest.mark.parametrize("path", ["/json", "/no-type", "/401"])
    def test_another_type_is_caught_as_before(
        self, library: Any, way: str, url: str, path: str
    ) -> None:
        found, error = read(ours, library, way, url + path)
        assert found == []
        for kind in (ours.SSEError, fastsse.SSEError, httpx.TransportError, httpx2.TransportError):
            assert isinstance(error, kind)
        assert "expected text/event-stream" in str(error)

    def test_an_event_too_large_comes_after_those_before_it(
        self, library: Any, way: str, url: str
    ) -> None:
        found, error = read(ours, library, way, f"{url}/large?size={64 * 1024 * 1024}")
        assert [data for _, data, *_ in found] == ["event 0 ü", "event 1 ü"]
        assert isinstance(error, ours.SSEError)
        assert isinstance(error, library.TransportError)
        assert isinstance(error.__cause__, fastsse.EventTooLargeError)
        assert str(error) == str(error.__cause__)

    @pytest.mark.parametrize("kind", [httpx.TransportError, httpx2.TransportError])
    def test_it_is_like_those_of_the_client(self, library: Any, kind: Any) -> None:
        error, theirs = ours.SSEError("broken"), kind("broken")
        assert (str(error), error.args) == (str(theirs), theirs.args)
        for each in (error, theirs):
            with pytest.raises(RuntimeError, match="request property has not been set"):
                _ = each.request
            each.request = library.Request("GET", "http://server/")
        assert error.request.url == theirs.request.url
        asked = library.Request("GET", "http://server/")
        assert ours.SSEError("broken", request=asked).request is asked

    def test_it_can_be_pickled(self) -> None:
        error = pickle.loads(pickle.dumps(ours.SSEError("broken")))
        assert type(error) is ours.SSEError
        assert str(error) == "broken"

    def test_it_knows_clients_that_are_imported_later(self) -> None:
        found = run("""
import sys
import fastsse.httpx_sse as ours
before = {"httpx", "httpx2", "httpcore", "anyio"} & set(sys.modules)
alone = ours.SSEError("alone")
import httpx
one = ours.SSEError("one")
assert isinstance(one, ours.SSEError) and isinstance(one, httpx.TransportError)
import httpx2
both = ours.SSEError("both")
assert isinstance(both, httpx.TransportError) and isinstance(both, httpx2.TransportError)
print(before, alone, one, repr(both))
""")
        assert found == "set() alone one SSEError('both')\n"
