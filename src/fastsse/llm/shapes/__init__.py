"""The wire formats of answers. Each has a file here, an import, and a row in `SHAPES`."""

from typing import Any, Final

from ..._parser import ServerSentEvent
from ..decode import decode
from . import (
    anthropic,
    cohere,
    gemini,
    openai_assistants,
    openai_chat,
    openai_completions,
    openai_responses,
    watsonx,
    writer,
)
from ._wire_types import Shape
from .openai_chat import message_of

__all__ = ["SHAPES", "Shape", "message_of", "recognise", "shape_named"]

# By name, in the order in which `recognise` tries them.
SHAPES: Final = {
    shape.name: shape
    for shape in (
        openai_chat.SHAPE,
        openai_completions.SHAPE,
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
    """The shape of a stream that contains this event; None if the event does not show it.

    Raises:
        StreamError: the event reports an error.
        DecodeError: the data is not JSON.
    """
    value: Any = decode(event)
    if isinstance(value, dict):
        for shape in SHAPES.values():
            if shape.recognises(event.event, value):
                return shape
    return None


def shape_named(name: str) -> Shape:
    """The shape with this name.

    Raises:
        ValueError: no shape has this name.
    """
    if name not in SHAPES:
        raise ValueError(f"shape: expected one of {', '.join(SHAPES)}, got {name!r}")
    return SHAPES[name]
