"""Which bytes of a response are read: those that cost least and are the content."""

import asyncio
from typing import Any

import pytest
from reading import Reader

from fastsse._clients import source_of


@pytest.mark.parametrize(
    ("headers", "coded"),
    [
        ({}, False),
        ({"content-encoding": "identity"}, False),
        ({"content-encoding": " Identity "}, False),
        ({"content-encoding": "gzip"}, True),
        ({"content-encoding": "br, gzip"}, True),
    ],
)
def test_raw_bytes_are_decoded_only_if_they_are_coded(
    library: Any, headers: dict[str, str], coded: bool
) -> None:
    response = library.Response(200, headers=headers, content=iter([b"x"]))
    source = source_of(response)
    assert source.chunks == response.iter_raw
    assert source.async_chunks is None
    assert (source.decoding is not None) == coded

    async def content() -> Any:
        yield b"x"

    response = library.Response(200, headers=headers, content=content())
    source = source_of(response)
    assert source.async_chunks == response.aiter_raw
    assert source.chunks is None
    assert (source.decoding is not None) == coded


def test_content_that_was_read(library: Any) -> None:
    source = source_of(library.Response(200, content=b"x"))
    assert list(source.iterate()) == [b"x"]

    async def main() -> list[bytes]:
        return [chunk async for chunk in source.aiterate()]

    assert asyncio.run(main()) == [b"x"]


def test_the_bytes_land_one_by_one(reader: Reader) -> None:
    stats = reader.read("/events?n=5&delay=0.05").stream.stats
    assert (stats.chunks, stats.events, stats.chunks_without_event) == (5, 5, 0)
