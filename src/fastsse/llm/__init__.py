"""JSON values of event streams, answers of language models, and a client for both. Extra: llm.

    from fastsse.llm import Client

    client = Client(http, base_url="http://localhost:8000", model="demo")
    async with client.chat([{"role": "user", "content": "Why is the sky blue?"}]) as answer:
        async for delta in answer:
            print(delta.text, end="")
    print(answer.usage, answer.stats.ttft)

`iter_json` and `deltas` read the streams of any other client.
"""

from importlib.util import find_spec

_missing = [name for name in ("anyio", "msgspec", "stamina") if find_spec(name) is None]
if _missing:
    raise ImportError(
        f"fastsse.llm needs {', '.join(_missing)}: python -m pip install 'fastsse-client[llm]'"
    )

from .answer import Answer, AnswerStats  # noqa: E402
from .client import Client  # noqa: E402
from .decode import DONE, Done, decode  # noqa: E402
from .deltas import DeltaStream, deltas  # noqa: E402
from .errors import (  # noqa: E402
    DecodeError,
    IncompleteStreamError,
    StreamError,
    TransportError,
    UnknownShapeError,
)
from .message import MessageBuilder, accumulate  # noqa: E402
from .options import Retry, Timeouts  # noqa: E402
from .shapes import message_of  # noqa: E402
from .types import Choice, Delta, Message, Token, ToolCall, ToolCallDelta, Usage  # noqa: E402
from .values import JsonEvent, ValueStream, iter_json  # noqa: E402

__all__ = [
    "DONE",
    "Answer",
    "AnswerStats",
    "Choice",
    "Client",
    "DecodeError",
    "Delta",
    "DeltaStream",
    "Done",
    "IncompleteStreamError",
    "JsonEvent",
    "Message",
    "MessageBuilder",
    "Retry",
    "StreamError",
    "Timeouts",
    "Token",
    "ToolCall",
    "ToolCallDelta",
    "TransportError",
    "UnknownShapeError",
    "Usage",
    "ValueStream",
    "accumulate",
    "decode",
    "deltas",
    "iter_json",
    "message_of",
]
