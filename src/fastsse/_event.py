"""Code of both twins' events that is called rarely: decoding, comparison, repr, pickle, JSON."""

import sys
from codecs import iterdecode
from functools import partial
from typing import Any, Final

MATCH_ARGS: Final = ("event", "data", "id", "retry")
PIECE: Final = 64 * 1024


def decode(value: bytes) -> str:
    """Decodes UTF-8, with U+FFFD for invalid bytes; allocates only the text and a piece."""
    if len(value) <= PIECE or value.isascii():
        return value.decode("utf-8", "replace")
    # In pieces, because CPython allocates six times the bytes for a text that is not ASCII.
    pieces = (value[at : at + PIECE] for at in range(0, len(value), PIECE))
    return "".join(iterdecode(pieces, "utf-8", "replace"))


def fields_of(event: Any) -> tuple[str, str, str, int | None] | None:
    """The fields by which an event of either twin is compared; None for any other object."""
    kind = type(event)
    if (kind.__module__, kind.__qualname__) != ("fastsse", "ServerSentEvent"):
        return None
    return event.event, event.data, event.id, event.retry


def represent(event: Any) -> str:
    """The `repr` of an event: a call that creates an equal event, without empty fields."""
    others = {name: getattr(event, name) for name in MATCH_ARGS[1:]}
    shown = [f", {name}={value!r}" for name, value in others.items() if value not in ("", None)]
    return f"ServerSentEvent(event={event.event!r}{''.join(shown)})"


def reduce(event: Any) -> tuple[Any, ...]:
    """The pickle of an event: by its public name, so that either twin loads it."""
    public = sys.modules["fastsse"].ServerSentEvent
    fields = {name: getattr(event, name) for name in ("event", "data_bytes", "id", "retry")}
    return partial(public, **fields), ()


def as_json(event: Any, loads: Any) -> Any:
    """`ServerSentEvent.json`; imports json on first use, to keep `import fastsse` light."""
    if loads is not None:
        return loads(event.data_bytes)
    import json

    return json.loads(event.data)
