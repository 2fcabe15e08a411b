"""Our decoder in the official SDKs of OpenAI, Anthropic and Groq, sync and async.

    import fastsse.sdk

    client = fastsse.sdk.accelerate(openai.AsyncOpenAI())

Their clients, and those of other SDKs made by the same generator, ask `_make_sse_decoder()` for
what turns the bytes of a response into events. No SDK is imported here: a client is known by that.
"""

import json
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, TypeVar

from . import ServerSentEvent as _Event
from . import iter_events
from ._arguments import DEFAULT_MAX_EVENT_SIZE, expect_limit

__all__ = ["SSEDecoder", "ServerSentEvent", "accelerate"]

HOOK = "_make_sse_decoder"
COPIERS = ("copy", "with_options")

Client = TypeVar("Client")


class ServerSentEvent:
    """An event as the SDKs expect it: what the stream did not name is None.

    Attributes:
        event: the event type; None where it is "message", named so or not named.
        data: the data lines joined by "\\n".
        id: the last event ID of the stream when the event was dispatched; None for none.
        retry: the reconnection time in ms, if the event's own block set one.
    """

    __slots__ = ("data", "event", "id", "retry")

    def __init__(self, event: _Event) -> None:
        name = event.event
        self.event = None if name == "message" else name
        self.data = event.data
        self.id = event.id or None
        self.retry = event.retry

    @property
    def raw(self) -> list[str]:
        """The lines as they came, which are not kept: always empty (anthropic alone has this)."""
        return []

    def json(self) -> Any:
        """The data as JSON.

        Raises:
            ValueError: the data is not JSON.
        """
        return json.loads(self.data)

    def __repr__(self) -> str:
        fields = f"event={self.event!r}, data={self.data!r}, id={self.id!r}, retry={self.retry!r}"
        return f"ServerSentEvent({fields})"


class SSEDecoder:
    """What a client's `_make_sse_decoder()` may return; it keeps nothing of a stream.

    Args:
        max_event_size: how many bytes an event may have (see `Parser`), None for any.

    Raises:
        TypeError: max_event_size is of the wrong type.
        ValueError: max_event_size is negative.

    Source: WHATWG HTML 9.2.5 and 9.2.6.
    """

    def __init__(self, *, max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE) -> None:
        expect_limit(max_event_size)
        self._max_event_size = max_event_size

    def iter_bytes(self, iterator: Iterator[bytes]) -> Iterator[ServerSentEvent]:
        """The events of one response's bytes, which are decoded as to content coding.

        Raises:
            EventTooLargeError: an event has more bytes than it may, after the events before it.
        """
        events = iter_events(iterator, max_event_size=self._max_event_size)
        yield from map(ServerSentEvent, events)

    async def aiter_bytes(self, iterator: AsyncIterator[bytes]) -> AsyncIterator[ServerSentEvent]:
        """The same of bytes that are awaited."""
        async for event in iter_events(iterator, max_event_size=self._max_event_size):
            yield ServerSentEvent(event)


def accelerate(client: Client, *, max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE) -> Client:
    """Have a client decode its streams with ours, and what its `copy` and `with_options` make.

    Not what `copy.copy` makes of it: accelerate that anew.

    A client whose class brings a decoder of its own, as `AnthropicBedrock` does, is left as it is.

    Args:
        client: a client of the openai, anthropic or groq SDK, or of another with the same hook.
        max_event_size: how many bytes an event may have (see `Parser`), None for any.

    Returns:
        The same client, changed in place.

    Raises:
        TypeError: it is no such client, or max_event_size is of the wrong type.
        ValueError: max_event_size is negative.
    """
    decoder = SSEDecoder(max_event_size=max_event_size)
    if _has_stock_decoder(client):
        # Set on the client, not in a subclass: anthropic keeps credentials in copies of its very
        # class alone.
        setattr(client, HOOK, lambda: decoder)
        for name in COPIERS:
            if hasattr(type(client), name):
                copier = partial(getattr(type(client), name), client)
                setattr(client, name, partial(_copied, copier, max_event_size))
    return client


def _has_stock_decoder(client: object) -> bool:
    for kind in type(client).__mro__:
        if HOOK in vars(kind):
            # Where the generator puts it; any other class has it for a reason.
            return kind.__module__.endswith("._base_client")
    raise TypeError(
        "expected a client of the openai, anthropic or groq SDK, or another whose class has "
        f"{HOOK}(), got {type(client).__qualname__}"
    )


def _copied(copier: Any, max_event_size: int | None, /, *args: Any, **options: Any) -> Any:
    return accelerate(copier(*args, **options), max_event_size=max_event_size)
