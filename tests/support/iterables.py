"""Iterables of bytes, and the events that `iter_events` reads from them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import fastsse

STREAM = [b"id: 1\ndata: a\n\nid: 2\nda", b"ta: b\n\n", b": comment\n", b"data: c\n\ndata: cut"]


async def arrive(chunks: list[Any], delay: float = 0) -> AsyncIterator[Any]:
    for chunk in chunks:
        await asyncio.sleep(delay)
        yield chunk


def read(source: Any, **options: Any) -> list[str]:
    return [event.data for event in fastsse.iter_events(source, **options)]
