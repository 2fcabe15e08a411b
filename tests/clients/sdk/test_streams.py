"""Our decoder reads streams in the SDKs over real sockets as their own decoders do."""

from pathlib import Path

import pytest
from recorded import recorded_streams
from sdk_decoders import BLOCK, BOM, BOTH_WAYS, CALL_OF, STOCK, assert_same, text_of
from sdk_servers import ANTHROPIC, AZURE, GROQ, OPENAI, SDKS, Server, call_of

import fastsse
from fastsse.sdk import SSEDecoder, accelerate

RECORDED_WITH = {"anthropic": ANTHROPIC, "azure-openai": AZURE, "groq": GROQ}


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
