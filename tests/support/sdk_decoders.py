"""The SDKs' own decoders, chunks for them, and a comparison with our decoder."""

from typing import Any

import anthropic
import anthropic._streaming
import groq._streaming
import openai
import openai._streaming
from sdk_servers import Read

from fastsse.sdk import SSEDecoder

STOCK = {
    "openai": openai._streaming.SSEDecoder,
    "anthropic": anthropic._streaming.SSEDecoder,
    "groq": groq._streaming.SSEDecoder,
}
BOTH_WAYS = ["sync", "asyncio"]
CALL_OF = {"openai": "chat", "groq": "chat", "anthropic": "messages"}
BOM = b"\xef\xbb\xbf"

CHUNK = (
    b'data: {"id":"%b","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n'
)
DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"%b %b"}}\n\n'
)
BLOCK = {"openai": CHUNK, "groq": CHUNK, "anthropic": DELTA}


def text_of(item: Any) -> str:
    """What an object of any of the three adds to an answer."""
    return item.delta.text if hasattr(item, "delta") else item.choices[0].delta.content


def assert_same(ours: Read, theirs: Read) -> None:
    assert ours.decoder is SSEDecoder
    assert theirs.decoder in STOCK.values()
    assert ours.outcome == theirs.outcome
    assert [type(item) for item in ours.objects] == [type(item) for item in theirs.objects]
    assert ours.connections == theirs.connections == 0
