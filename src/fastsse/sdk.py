"""fastsse's decoder in the official SDKs of OpenAI, Anthropic and Groq, sync and async.

    import fastsse.sdk

    client = fastsse.sdk.accelerate(openai.AsyncOpenAI())

The clients of these SDKs, and of others made by the same generator, call `_make_sse_decoder()` for
the decoder of each response. No SDK is imported here: a client is recognised by that method.
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
COPY_METHODS = ("copy", "with_options")

Client = TypeVar("Client")


class ServerSentEvent:
    """An event as the SDKs expect it: a field that the stream did not set is None.

    Attributes:
        event: the event type; None for "message", also if the stream set it.
        data: the data lines joined by "\\n".
        id: the last event ID of the stream when the event was dispatched; None if empty.
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
        """Always empty: received lines are not kept. Only anthropic's SDK has this property."""
        return []

    def json(self) -> Any:
        """Decode the data as JSON.

        Raises:
            ValueError: the data is not JSON.
        """
        return json.loads(self.data)

    def __repr__(self) -> str:
        fields = f"event={self.event!r}, data={self.data!r}, id={self.id!r}, retry={self.retry!r}"
        return f"ServerSentEvent({fields})"


class SSEDecoder:
    """A decoder for `_make_sse_decoder()` to return. It has no state, so streams may share it.

    Args:
        max_event_size: the most bytes that an event may have (see `Parser`); None for no limit.

    Raises:
        TypeError: max_event_size has the wrong type.
        ValueError: max_event_size is below 1.

    Source: WHATWG HTML 9.2.5 and 9.2.6.
    """

    def __init__(self, *, max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE) -> None:
        expect_limit(max_event_size)
        self._max_event_size = max_event_size

    def iter_bytes(self, iterator: Iterator[bytes]) -> Iterator[ServerSentEvent]:
        """Yield the events of one response, from its bytes after content decoding.

        Raises:
            EventTooLargeError: an event exceeds max_event_size; raised after the events before it.
        """
        events = iter_events(iterator, max_event_size=self._max_event_size)
        yield from map(ServerSentEvent, events)

    async def aiter_bytes(self, iterator: AsyncIterator[bytes]) -> AsyncIterator[ServerSentEvent]:
        """The same as `iter_bytes`, over an async iterator."""
        async for event in iter_events(iterator, max_event_size=self._max_event_size):
            yield ServerSentEvent(event)


def accelerate(client: Client, *, max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE) -> Client:
    """Make a client decode its streams with fastsse, and also its `copy` and `with_options`.

    A copy made by `copy.copy` is not included: call `accelerate` on it.

    A client whose class has its own decoder, such as `AnthropicBedrock`, is not changed.

    Args:
        client: a client of the openai, anthropic or groq SDK, or of another with the same hook.
        max_event_size: the most bytes that an event may have (see `Parser`); None for no limit.

    Returns:
        The same client, changed in place.

    Raises:
        TypeError: the client does not have the hook, or max_event_size has the wrong type.
        ValueError: max_event_size is below 1.
    """
    decoder = SSEDecoder(max_event_size=max_event_size)
    if _has_stock_decoder(client):
        # Set on the client, not in a subclass: anthropic copies credentials only if the class is
        # exactly its own.
        setattr(client, HOOK, lambda: decoder)
        for name in COPY_METHODS:
            if hasattr(type(client), name):
                copy = partial(getattr(type(client), name), client)
                setattr(client, name, partial(_accelerated_copy, copy, max_event_size))
    return client


def _has_stock_decoder(client: object) -> bool:
    for kind in type(client).__mro__:
        if HOOK in vars(kind):
            # The generator defines the hook in this module. A class of another module overrides it.
            return kind.__module__.endswith("._base_client")
    raise TypeError(
        "expected a client of the openai, anthropic or groq SDK, or another whose class has "
        f"{HOOK}(), got {type(client).__qualname__}"
    )


def _accelerated_copy(copy: Any, max_event_size: int | None, /, *args: Any, **options: Any) -> Any:
    return accelerate(copy(*args, **options), max_event_size=max_event_size)
