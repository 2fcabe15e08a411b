"""The wire formats of answers: one file for each provider's, and one line here."""

from typing import Any, Final

from ..._parser import ServerSentEvent
from ..decode import decode
from . import (
    anthropic,
    cohere,
    gemini,
    openai_assistants,
    openai_chat,
    openai_responses,
    watsonx,
    writer,
)
from ._wire_types import Shape
from .openai_chat import message_of

__all__ = ["SHAPES", "Shape", "message_of", "recognise", "shape_named"]

# In the order in which they are tried.
SHAPES: Final = {
    shape.name: shape
    for shape in (
        openai_chat.CHAT,
        openai_chat.COMPLETIONS,
        openai_responses.SHAPE,
        openai_assistants.SHAPE,
        anthropic.SHAPE,
        gemini.SHAPE,
        cohere.SHAPE,
        watsonx.SHAPE,
        writer.SHAPE,
    )
}


def recognise(event: ServerSentEvent) -> Shape | None:
    """The shape of a stream that has this event; None if several shapes may have it.

    Raises:
        StreamError: the event carries an error.
        DecodeError: the data is not JSON.
    """
    value: Any = decode(event)
    if isinstance(value, dict):
        for shape in SHAPES.values():
            if shape.recognises(event.event, value):
                return shape
    return None


def shape_named(name: str) -> Shape:
    """The shape of that name.

    Raises:
        ValueError: no shape has it.
    """
    if name not in SHAPES:
        raise ValueError(f"shape: expected one of {', '.join(SHAPES)}, got {name!r}")
    return SHAPES[name]
