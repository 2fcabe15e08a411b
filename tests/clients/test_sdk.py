"""Our decoder in the real SDKs, over real sockets, beside the decoders that they bring."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time_ns
from typing import Any

import anthropic
import anthropic._streaming
import groq._streaming
import openai
import openai._streaming
import pytest
from recorded import recorded_streams
from sdk_servers import (
    ANTHROPIC,
    AZURE,
    BEDROCK,
    GROQ,
    OPENAI,
    SDKS,
    Read,
    Replay,
    Sdk,
    Server,
    aws_event_stream,
    call_of,
)
from serving import serve

import fastsse
from fastsse.sdk import SSEDecoder, accelerate

RECORDED_WITH = {"anthropic": ANTHROPIC, "azure-openai": AZURE, "groq": GROQ}
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


def recorded_responses() -> Iterator[Any]:
    """The recorded streams of OpenAI's API of responses that begin as its helper expects."""
    for case in recorded_streams():
        (path,) = case.values
        if path is None or path.read_bytes().startswith(b"event: response.created"):
            yield case


@pytest.fixture(scope="session")
def sdk_server() -> Iterator[Server]:
    replay = Replay()
    with serve(replay) as url:
        yield Server(url, replay)


@pytest.fixture(params=CALL_OF)
def name(request: pytest.FixtureRequest) -> Any:
    """That of an SDK."""
    return request.param


@pytest.fixture
def three(name: str) -> bytes:
    """A stream of three objects."""
    return b"".join(BLOCK[name] % (b"a", word) for word in (b"one", b"two", b"three"))


def assert_same(ours: Read, theirs: Read) -> None:
    assert ours.decoder is SSEDecoder
    assert theirs.decoder in STOCK.values()
    assert ours.outcome == theirs.outcome
    assert [type(item) for item in ours.objects] == [type(item) for item in theirs.objects]
    assert ours.connections == theirs.connections == 0


@pytest.mark.filterwarnings("ignore:The Assistants API:DeprecationWarning")
@pytest.mark.parametrize("way", BOTH_WAYS)
@pytest.mark.parametrize("path", list(recorded_streams()))
def test_recorded_stream(sdk_server: Server, path: Path, way: str) -> None:
    body = path.read_bytes()
    sdk = RECORDED_WITH.get(path.parent.name, OPENAI)
    ours = sdk_server.read(sdk, call_of(body), body, way)
    assert ours.objects or ours.error
    assert_same(ours, sdk_server.stock(sdk, call_of(body), body, way))


@pytest.mark.parametrize("path", list(recorded_streams()))
def test_events_of_a_recorded_stream(path: Path, name: str) -> None:
    chunks = [path.read_bytes()]
    ours = list(SSEDecoder().iter_bytes(iter(chunks)))
    stock = STOCK[name]().iter_bytes(iter(chunks))
    # A comment that stands alone is an event to them, empty and without a name, once an id came.
    theirs = [event for event in stock if event.data or event.event]
    assert [(event.data, event.id, event.retry) for event in ours] == [
        (event.data, event.id, event.retry) for event in theirs
    ]
    for our, their in zip(ours, theirs, strict=True):
        assert our.event == (None if their.event == "message" else their.event)


class TestStreams:
    """What an SDK makes of streams that are as they should be."""

    @pytest.mark.parametrize("way", ["sync", "asyncio", "trio"])
    def test_objects(self, sdk_server: Server, name: str, way: str, three: bytes) -> None:
        ours = sdk_server.read(SDKS[name], CALL_OF[name], three, way)
        assert [text_of(item).split()[-1] for item in ours.objects] == ["one", "two", "three"]
        assert_same(ours, sdk_server.stock(SDKS[name], CALL_OF[name], three, way))

    @pytest.mark.parametrize("way", BOTH_WAYS)
    def test_an_error_in_the_stream(
        self, sdk_server: Server, name: str, way: str, three: bytes
    ) -> None:
        error = b'event: error\ndata: {"type":"error","error":{"message":"overloaded"}}\n\n'
        ours = sdk_server.read(SDKS[name], CALL_OF[name], three + error, way)
        assert len(ours.objects) == 3
        assert ours.error is not None
        assert "overloaded" in ours.error[1]
        theirs = sdk_server.stock(SDKS[name], CALL_OF[name], three + error, way)
        assert ours.outcome == theirs.outcome

    @pytest.mark.parametrize("way", BOTH_WAYS)
    def test_a_connection_that_breaks(
        self, sdk_server: Server, name: str, way: str, three: bytes
    ) -> None:
        ours = sdk_server.read(SDKS[name], CALL_OF[name], three, way, cut=True)
        assert len(ours.objects) == 3
        assert ours.error is not None
        assert_same(ours, sdk_server.stock(SDKS[name], CALL_OF[name], three, way, cut=True))

    @pytest.mark.parametrize("way", BOTH_WAYS)
    def test_a_stream_that_is_left(
        self, sdk_server: Server, name: str, way: str, three: bytes
    ) -> None:
        body = three * 1000
        ours = sdk_server.read(SDKS[name], CALL_OF[name], body, way, first=2)
        assert len(ours.objects) == 2
        assert_same(ours, sdk_server.stock(SDKS[name], CALL_OF[name], body, way, first=2))

    @pytest.mark.parametrize("way", BOTH_WAYS)
    def test_an_event_that_is_too_large(
        self, sdk_server: Server, name: str, way: str, three: bytes
    ) -> None:
        body = three + BLOCK[name] % (b"a", b"x" * 10_000) + three
        ours = sdk_server.read(
            SDKS[name],
            CALL_OF[name],
            body,
            way,
            prepare=lambda client: accelerate(client, max_event_size=1000),
        )
        assert len(ours.objects) == 3
        assert ours.error is not None
        assert ours.error[0] is fastsse.EventTooLargeError
        assert ours.connections == 0


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


class TestAccelerate:
    """Which clients it changes, and what becomes of their copies."""

    @pytest.mark.parametrize("way", BOTH_WAYS)
    @pytest.mark.parametrize("sdk", SDKS)
    def test_every_client_streams(self, sdk_server: Server, sdk: str, way: str) -> None:
        kind = sdk.partition("-")[0]
        body = BLOCK[kind] % (b"a", b"one")
        ours = sdk_server.read(SDKS[sdk], CALL_OF[kind], body, way)
        assert len(ours.objects) == 1
        assert_same(ours, sdk_server.stock(SDKS[sdk], CALL_OF[kind], body, way))

    @pytest.mark.parametrize("way", BOTH_WAYS)
    @pytest.mark.parametrize("sdk", SDKS)
    def test_copies(self, sdk_server: Server, sdk: str, way: str) -> None:
        client = SDKS[sdk].client(sdk_server.url, way)
        kind = type(client)
        assert accelerate(client) is client
        copied = client.with_options(timeout=3).copy(max_retries=7)
        assert (copied.timeout, copied.max_retries) == (3, 7)
        for each in (client, copied):
            assert type(each) is kind
            assert type(each._make_sse_decoder()) is SSEDecoder
        other = SDKS[sdk].client(sdk_server.url, way)
        assert type(other._make_sse_decoder()) in STOCK.values()
        assert type(other.copy()._make_sse_decoder()) in STOCK.values()

    def test_the_last_call_counts(self, sdk_server: Server) -> None:
        def prepare(client: Any) -> Any:
            tight = accelerate(client, max_event_size=10).with_options(timeout=3)
            return accelerate(tight, max_event_size=5000).with_options(max_retries=1)

        body = CHUNK % (b"a", b"x" * 1000)
        ours = sdk_server.read(OPENAI, "chat", body, prepare=prepare)
        assert_same(ours, sdk_server.stock(OPENAI, "chat", body))

    def test_the_limit_goes_with_copies(self, sdk_server: Server) -> None:
        ours = sdk_server.read(
            OPENAI,
            "chat",
            CHUNK % (b"a", b"one"),
            prepare=lambda client: accelerate(client, max_event_size=10).with_options(timeout=3),
        )
        assert ours.error is not None
        assert ours.error[0] is fastsse.EventTooLargeError

    def test_middleware(self) -> None:
        client = accelerate(anthropic.Anthropic(api_key="key"))
        copied = client.with_middleware(lambda request, call_next: call_next(request))
        assert type(copied._make_sse_decoder()) is SSEDecoder

    def test_again_and_again(self) -> None:
        client = openai.OpenAI(api_key="key")
        for _ in range(5000):
            accelerate(client)
        assert type(client.copy()._make_sse_decoder()) is SSEDecoder

    def test_credentials_go_with_copies(self) -> None:
        def provider(**_: Any) -> Any:
            raise AssertionError("asked for a token")

        client = accelerate(anthropic.Anthropic(credentials=provider))
        assert client.with_options(timeout=3).credentials is provider

    @pytest.mark.parametrize("way", BOTH_WAYS)
    def test_bedrock_is_left_alone(self, sdk_server: Server, way: str) -> None:
        events = b"".join(DELTA % (b"a", word) for word in (b"one", b"two"))
        ours = sdk_server.read(BEDROCK, "messages", aws_event_stream(events), way)
        assert ours.decoder.__name__ == "AWSEventStreamDecoder"
        assert ours.outcome == sdk_server.stock(ANTHROPIC, "messages", events, way).outcome
        assert len(ours.objects) == 2
        client = BEDROCK.client(sdk_server.url, way)
        before = dict(vars(client))
        assert accelerate(client) is client
        assert vars(client) == before

    def test_a_decoder_of_the_users_own_is_left_alone(self) -> None:
        class Mine(openai.OpenAI):
            def _make_sse_decoder(self) -> Any:
                return SSEDecoder(max_event_size=10)

        class Derived(Mine):
            pass

        for kind in (Mine, Derived):
            client = kind(api_key="key")
            before = dict(vars(client))
            assert accelerate(client) is client
            assert vars(client) == before

    def test_a_subclass_of_the_users_own_is_changed(self) -> None:
        class Mine(openai.OpenAI):
            pass

        client = accelerate(Mine(api_key="key"))
        assert type(client) is type(client.copy()) is Mine
        assert type(client.copy()._make_sse_decoder()) is SSEDecoder

    @pytest.mark.parametrize(
        ("given", "named"), [(fastsse.Parser(), "Parser"), (openai, "module"), (None, "NoneType")]
    )
    def test_anything_else(self, given: Any, named: str) -> None:
        with pytest.raises(TypeError, match=rf"expected a client of the openai.*, got {named}$"):
            accelerate(given)

    def test_classes_are_not_clients(self) -> None:
        before = openai.OpenAI._make_sse_decoder
        with pytest.raises(TypeError, match=r"got type$"):
            accelerate(openai.OpenAI)
        assert openai.OpenAI._make_sse_decoder is before

    @pytest.mark.parametrize(("size", "error"), [("1", TypeError), (-1, ValueError)])
    def test_a_bad_limit(self, size: Any, error: type[Exception]) -> None:
        client = openai.OpenAI(api_key="key")
        with pytest.raises(error, match="max_event_size: expected"):
            accelerate(client, max_event_size=size)
        assert type(client._make_sse_decoder()) is STOCK["openai"]


class TestEvents:
    """What the decoder gives."""

    def test_what_is_not_named_is_none(self) -> None:
        (event,) = SSEDecoder().iter_bytes(iter([b"data: [1]\n\n"]))
        assert (event.event, event.data, event.id, event.retry) == (None, "[1]", None, None)
        assert event.json() == [1]
        assert event.raw == []

    def test_what_is_named(self, name: str) -> None:
        stream = b'event: e\nid: 7\nretry: 5\ndata: {"x":\ndata: 1}\n\n'
        (our,) = SSEDecoder().iter_bytes(iter([stream]))
        (their,) = STOCK[name]().iter_bytes(iter([stream]))
        for field in ("event", "data", "id", "retry"):
            assert getattr(our, field) == getattr(their, field)
        assert our.json() == their.json()
        assert repr(our) == "ServerSentEvent(event='e', data='{\"x\":\\n1}', id='7', retry=5)"

    def test_one_decoder_reads_many_streams(self) -> None:
        decoder = SSEDecoder()
        left = decoder.iter_bytes(iter([b"id: 1\ndata: one\n\ndata: t"]))
        assert next(left).data == "one"
        (event,) = decoder.iter_bytes(iter([BOM + b"data: two\n\n"]))
        assert (event.data, event.id) == ("two", None)
        assert list(left) == []

    def test_a_wrong_kind_of_bytes(self) -> None:
        with pytest.raises(TypeError, match="got str"):
            list(SSEDecoder().iter_bytes(iter(["data: x\n\n"])))  # type: ignore[list-item]
