"""Our decoder works under the SDKs' helpers, and reads what their own decoders get wrong."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time_ns
from typing import Any

import pytest
from recorded import recorded_streams
from sdk_decoders import BLOCK, BOM, BOTH_WAYS, CALL_OF, CHUNK, DELTA, STOCK, text_of
from sdk_servers import ANTHROPIC, GROQ, OPENAI, SDKS, Sdk, Server

from fastsse.sdk import SSEDecoder, accelerate


def recorded_responses() -> Iterator[Any]:
    """The recorded streams of OpenAI's API of responses that begin as its helper expects."""
    for case in recorded_streams():
        (path,) = case.values
        if path is None or path.read_bytes().startswith(b"event: response.created"):
            yield case


class TestHelpers:
    """What the SDKs build on their streams."""

    def test_chat(self, sdk_server: Server) -> None:
        stream = CHUNK % (b"a", b"one") + CHUNK % (b"a", b"two") + b"data: [DONE]\n\n"
        self.compare(
            sdk_server,
            OPENAI,
            stream,
            lambda client, headers: client.chat.completions.stream(
                model="m", messages=[], extra_headers=headers
            ),
            "get_final_completion",
        )

    def test_messages(self, sdk_server: Server) -> None:
        start = (
            b'event: message_start\ndata: {"type":"message_start","message":{"id":"a","type":'
            b'"message","role":"assistant","content":[],"model":"m","stop_reason":null,'
            b'"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
            b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
            b'"content_block":{"type":"text","text":""}}\n\nevent: ping\ndata: {"type":"ping"}\n\n'
        )
        stop = (
            b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
            b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
        )
        self.compare(
            sdk_server,
            ANTHROPIC,
            start + DELTA % (b"one", b"two") + stop,
            lambda client, headers: client.messages.stream(
                model="m", messages=[], max_tokens=1, extra_headers=headers
            ),
            "get_final_message",
        )

    @pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
    @pytest.mark.parametrize("path", list(recorded_responses()))
    def test_responses(self, sdk_server: Server, path: Path) -> None:
        self.compare(
            sdk_server,
            OPENAI,
            path.read_bytes(),
            lambda client, headers: client.responses.stream(
                model="m", input="", extra_headers=headers
            ),
            "get_final_response",
        )

    def test_raw_response(self, sdk_server: Server) -> None:
        headers = {"stream": sdk_server.replay.add(CHUNK % (b"a", b"one"))}
        with accelerate(OPENAI.client(sdk_server.url, "sync")) as client:
            raw = client.chat.completions.with_raw_response.create(
                model="m", messages=[], stream=True, extra_headers=headers
            )
            stream = raw.parse()
            assert type(stream._decoder) is SSEDecoder
            assert [text_of(item) for item in stream] == ["one"]

    @staticmethod
    def compare(
        server: Server,
        sdk: Sdk,
        body: bytes,
        call: Callable[[Any, dict[str, str]], Any],
        final: str,
    ) -> None:
        headers = {"stream": server.replay.add(body)}

        def read(prepare: Callable[[Any], Any]) -> list[Any]:
            client = prepare(sdk.client(server.url, "sync"))
            with client, call(client, headers) as stream:
                return [*stream, getattr(stream, final)()]

        async def aread(prepare: Callable[[Any], Any]) -> list[Any]:
            client = prepare(sdk.client(server.url, "asyncio"))
            async with client, call(client, headers) as stream:
                return [*[item async for item in stream], await getattr(stream, final)()]

        found = read(accelerate)
        assert found == read(lambda client: client)
        assert len(found) > 1
        assert asyncio.run(aread(accelerate)) == asyncio.run(aread(lambda client: client)) == found


class TestBetterThanStock:
    """What the stock decoders get wrong, beside ours."""

    @pytest.mark.parametrize("way", BOTH_WAYS)
    def test_byte_order_mark(self, sdk_server: Server, name: str, way: str, three: bytes) -> None:
        # Without its event's name, an event of Anthropic is passed over.
        ours = sdk_server.read(SDKS[name], CALL_OF[name], BOM + three, way)
        theirs = sdk_server.stock(SDKS[name], CALL_OF[name], BOM + three, way)
        assert len(ours.objects) == 3
        assert ours.error is theirs.error is None
        assert theirs.objects == ours.objects[1:]

    @pytest.mark.parametrize("way", BOTH_WAYS)
    def test_bad_utf8(self, sdk_server: Server, name: str, way: str, three: bytes) -> None:
        body = three + BLOCK[name] % (b"a", b"f\xff\xe2\x82r") + three
        ours = sdk_server.read(SDKS[name], CALL_OF[name], body, way)
        theirs = sdk_server.stock(SDKS[name], CALL_OF[name], body, way)
        assert text_of(ours.objects[3]).endswith("f��r")
        assert (len(ours.objects), ours.error) == (7, None)
        assert len(theirs.objects) == 3
        assert theirs.error is not None
        assert theirs.error[0] is UnicodeDecodeError

    @pytest.mark.parametrize("name", ["openai", "groq"])
    @pytest.mark.parametrize("block", [b"id: 1\n\n", b"retry: 3000\n\n", b"event: e\n\n"])
    def test_blocks_without_data(self, sdk_server: Server, name: str, block: bytes) -> None:
        body = block + CHUNK % (b"a", b"one")
        ours = sdk_server.read(SDKS[name], "chat", body)
        theirs = sdk_server.stock(SDKS[name], "chat", body)
        assert ([text_of(item) for item in ours.objects], ours.error) == (["one"], None)
        assert theirs.objects == []
        assert theirs.error is not None
        assert "Expecting value" in theirs.error[1]

    @pytest.mark.parametrize("name", ["openai", "groq"])
    def test_keep_alive_after_an_id(self, sdk_server: Server, name: str) -> None:
        one, two = CHUNK % (b"a", b"one"), CHUNK % (b"a", b"two")
        body = b"id: 1\n" + one + b": alive\n\n" + two
        ours = sdk_server.read(SDKS[name], "chat", body)
        theirs = sdk_server.stock(SDKS[name], "chat", body)
        assert ([text_of(item) for item in ours.objects], ours.error) == (["one", "two"], None)
        assert theirs.objects == ours.objects[:1]
        assert theirs.error is not None
        assert "Expecting value" in theirs.error[1]

    def test_the_name_message(self, sdk_server: Server) -> None:
        body = b"event: message\n" + CHUNK % (b"a", b"one")
        ours = sdk_server.read(GROQ, "chat", body)
        theirs = sdk_server.stock(GROQ, "chat", body)
        assert [text_of(item) for item in ours.objects] == ["one"]
        assert [item.choices for item in theirs.objects] == [None]

    @pytest.mark.parametrize("name", ["anthropic", "groq"])
    def test_work_is_linear(self, name: str) -> None:
        # Eight times the bytes are 8 times the work for one and 64 times for the other.
        small, large = 2**17, 2**20
        ours = work(SSEDecoder, large) / work(SSEDecoder, small)
        theirs = work(STOCK[name], large) / work(STOCK[name], small)
        assert theirs > 2 * ours


def work(decoder: Callable[[], Any], size: int) -> int:
    """CPU time of one event that comes in small pieces, the least of some runs."""
    pieces = [b"data: ", *[b"x" * 256] * (size // 256), b"\n\n"]
    taken = []
    for _ in range(5):
        began = process_time_ns()
        (event,) = decoder().iter_bytes(iter(pieces))
        taken.append(process_time_ns() - began)
        assert len(event.data) == size
    return min(taken)
