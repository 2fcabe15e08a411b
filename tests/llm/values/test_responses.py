"""`iter_json` reads real responses."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest
from opening import ASYNC, SYNC
from reading import CLIENTS, DROPS, LOOPS, Reader, connections_of
from reading_values import Got, adrain, drain, sse
from value_streams import STREAM, VALUES

import fastsse
from fastsse import iter_events
from fastsse.event_source import EventSource
from fastsse.llm import DecodeError, IncompleteStreamError, iter_json


@DROPS
class TestResponses:
    """Over real ones."""

    @pytest.mark.parametrize("then", ["", "stall"])
    @pytest.mark.parametrize(
        ("client", "is_async"),
        [(client, is_async) for is_async, all in ((0, SYNC), (1, ASYNC)) for client in all],
    )
    def test_of_each_client(
        self, client: str, is_async: bool, then: str, url: str, certificate: Path
    ) -> None:
        library, opening, _ = (ASYNC if is_async else SYNC)[client]
        at = given_at(url, STREAM + sse("[DONE]"), size=11, then=then)
        opened = opening(library, at, certificate / "authority.pem", False)

        def read() -> Got:
            with opened as response:
                return drain(iter_json(response))

        async def aread() -> Got:
            async with opened as response:
                return await adrain(iter_json(response))

        got = asyncio.run(aread()) if is_async else read()
        assert (got.values, got.error) == (VALUES, None)
        assert got.stream.stats.events >= len(VALUES)
        assert got.stream.received_at_ns > 0

    def test_are_checked(self, reader: Reader) -> None:
        got, closed, connections = fetch(reader, f"{reader.url}/401")
        assert isinstance(got.error, fastsse.ResponseError)
        assert (got.error.status_code, got.values, closed, connections) == (401, [], True, 0)
        got, closed, connections = fetch(reader, f"{reader.url}/json")
        assert isinstance(got.error, fastsse.ContentTypeError)
        assert (closed, connections) == (True, 0)

    @pytest.mark.parametrize("data", ['{"error": "busy"}', "{", b'{"a": "\xff"}'])
    def test_are_closed_by_what_ends_them(self, reader: Reader, data: Any) -> None:
        at = given_at(reader.url, STREAM + sse(data), then="stall")
        got, closed, connections = fetch(reader, at)
        assert got.values == VALUES
        assert isinstance(got.error, fastsse.SSEError)
        assert (closed, connections) == (True, 0)

    def test_that_break_give_the_client_s_own_error(self, reader: Reader) -> None:
        got, _, connections = fetch(reader, given_at(reader.url, STREAM, then="cut"))
        assert got.values == VALUES
        assert isinstance(got.error, reader.library.RemoteProtocolError)
        assert connections == 0

    def test_that_stall_run_into_the_deadline_of_their_events(self, reader: Reader) -> None:
        at = given_at(reader.url, STREAM + b'data: {"half', then="stall")
        got, closed, connections = fetch(reader, at, idle_timeout=0.2)
        assert got.values == VALUES
        assert isinstance(got.error, fastsse.StreamTimeout)
        assert (got.error.timeout, got.error.buffered) == ("idle", b'{"half')
        assert (closed, connections) == (True, 0)

    @pytest.mark.parametrize(
        ("rest", "error"), [(b"", IncompleteStreamError), (b'data: {"half', DecodeError)]
    )
    def test_that_end_too_soon(self, reader: Reader, rest: bytes, error: type[Exception]) -> None:
        at = given_at(reader.url, STREAM + rest)
        got, closed, connections = fetch(reader, at, require_end=True)
        assert got.values == VALUES
        assert isinstance(got.error, error)
        assert (closed, connections) == (True, 0)

    @pytest.mark.parametrize("library", CLIENTS)
    def test_of_a_source_that_asks_again(self, library: str, way: str, url: str) -> None:
        """Each connection gives two values; the source goes on until there is [DONE]."""
        first = given_at(url, b"retry: 0\n" + sse("1", "2"))
        last = given_at(url, sse("3", "[DONE]", "4"), then="stall")
        asked = []

        def turn(request: Any) -> None:
            asked.append(request.url)
            if len(asked) > 1:
                request.url = type(request.url)(last)

        async def aturn(request: Any) -> None:
            turn(request)

        def main() -> Got:
            hooks = {"request": [turn]}
            with CLIENTS[library].Client(event_hooks=hooks) as client:
                with iter_json(EventSource(client, "GET", first)) as stream:
                    got = drain(stream)
                assert connections_of(client) == 0
                return got

        async def amain() -> Got:
            hooks = {"request": [aturn]}
            async with CLIENTS[library].AsyncClient(event_hooks=hooks) as client:
                async with iter_json(EventSource(client, "GET", first)) as stream:
                    got = await adrain(stream)
                assert connections_of(client) == 0
                return got

        got = main() if way == "sync" else LOOPS[way](amain)
        assert (got.values, got.error) == ([1, 2, 3], None)
        assert len(asked) == 2

    @pytest.mark.parametrize("library", CLIENTS)
    @pytest.mark.parametrize("loop", LOOPS)
    def test_that_are_cancelled(self, library: str, loop: str, url: str) -> None:
        at = given_at(url, STREAM, then="stall")
        values = []

        async def main() -> None:
            async with CLIENTS[library].AsyncClient(verify=False) as client:
                async with client.stream("GET", at) as response:
                    stream = iter_json(response)
                    with anyio.move_on_after(0.3) as scope:
                        async for value in stream:
                            values.append(value)
                    assert scope.cancelled_caught
                    with pytest.raises(RuntimeError, match="interrupted the stream"):
                        await anext(stream)
                assert connections_of(client) == 0

        LOOPS[loop](main)
        assert values == VALUES

    @pytest.mark.parametrize("library", CLIENTS)
    def test_are_closed_with_their_stream(self, library: str, way: str, url: str) -> None:
        at = given_at(url, STREAM, then="stall")

        def main() -> None:
            with CLIENTS[library].Client(verify=False) as client:
                response = client.send(client.build_request("GET", at), stream=True)
                with iter_json(response) as stream:
                    assert next(stream) == 1
                assert response.is_closed
                assert connections_of(client) == 0

        async def amain() -> None:
            async with CLIENTS[library].AsyncClient(verify=False) as client:
                response = await client.send(client.build_request("GET", at), stream=True)
                async with iter_json(response) as stream:
                    assert await anext(stream) == 1
                assert response.is_closed
                assert connections_of(client) == 0

        main() if way == "sync" else LOOPS[way](amain)


def given_at(url: str, stream: bytes, **query: Any) -> str:
    """Where the server sends that stream."""
    return f"{url}/given?{urlencode({'hex': stream.hex(), **query})}"


def fetch(
    reader: Reader, url: str, *, idle_timeout: float | None = None, **options: Any
) -> tuple[Got, bool, int]:
    """What came, whether the response was closed then, and how many connections were not."""

    def source(response: Any) -> Any:
        return iter_events(response, idle_timeout=idle_timeout) if idle_timeout else response

    def main() -> tuple[Got, bool, int]:
        with reader.library.Client(verify=False) as client:
            with client.stream("GET", url) as response:
                got = drain(iter_json(source(response), **options))
                closed = response.is_closed
            return got, closed, connections_of(client)

    async def amain() -> tuple[Got, bool, int]:
        async with reader.library.AsyncClient(verify=False) as client:
            async with client.stream("GET", url) as response:
                got = await adrain(iter_json(source(response), **options))
                closed = response.is_closed
            return got, closed, connections_of(client)

    return main() if reader.way == "sync" else LOOPS[reader.way](amain)
