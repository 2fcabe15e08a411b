"""`accelerate` changes SDK clients and their copies."""

from typing import Any

import anthropic
import anthropic._streaming
import openai
import openai._streaming
import pytest
from sdk_decoders import BLOCK, BOTH_WAYS, CALL_OF, CHUNK, DELTA, STOCK, assert_same
from sdk_servers import ANTHROPIC, BEDROCK, OPENAI, SDKS, Server, aws_event_stream

import fastsse
from fastsse.sdk import SSEDecoder, accelerate


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
