"""What the client sends: where to, with which headers, and which of its options."""

from typing import Any

import pytest
from llm_calling import IDS, KEY, MESSAGES, TEXT, Way, answer_of, fetch, read
from llm_server import CHAT, END, completion_chunk, event, head, http_chunk, token_act, whole

from fastsse.llm import Client, DecodeError, JsonEvent


class TestPost:
    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("embeddings", "/v1/embeddings"),
            ("/events", "/events"),
            ("a/b?c=d", "/v1/a/b?c=d"),
        ],
    )
    def test_where_to(self, memory: Way, url: str, path: str) -> None:
        with memory.scripted(whole(200, [1, 2])) as server:
            called = answer_of(memory, server, lambda client: client.post(url, {"a": 1}), fetch)
        assert called.values == [[1, 2]]
        assert server.requests[0].path == path
        assert server.requests[0].json == {"a": 1}

    def test_elsewhere(self, memory: Way) -> None:
        with memory.scripted(CHAT) as server, memory.scripted(whole(200, 3)) as other:
            url = f"{other.url}/x"
            called = answer_of(memory, server, lambda client: client.post(url, {}), fetch)
        assert called.values == [3]
        assert server.requests == []

    def test_what_is_not_of_the_type(self, memory: Way) -> None:
        with memory.scripted(
            [head(), http_chunk(event(1)), http_chunk(event("x", name="b")), END]
        ) as server:
            called = answer_of(memory, server, lambda client: client.post("x", {}, type=int))
        assert called.values == [JsonEvent("message", 1)]
        assert isinstance(called.error, DecodeError)
        assert called.error.event.event == "b"

    def test_ends_with_its_end_alone_if_that_is_asked_for(self, memory: Way) -> None:
        with memory.scripted([head(), http_chunk(event(1)), END]) as server:
            ask = {"require_end": True}
            called = answer_of(memory, server, lambda client: client.post("x", {}, **ask))
            free = answer_of(memory, server, lambda client: client.post("x", {}))
        assert called.values == free.values == [JsonEvent("message", 1)]
        assert type(called.error).__name__ == "IncompleteStreamError"
        assert free.error is None


class TestComplete:
    def test_sends_what_was_given(self, memory: Way) -> None:
        options = {
            "return_token_ids": True,
            "skip_special_tokens": False,
            "stop_token_ids": [2, 3],
            "priority": -1,
            "temperature": 0.0,
            "top_p": 0.9,
            "top_k": 40,
        }
        with memory.scripted(token_act(completion_chunk("a", "stop"))) as server:
            ask = {"max_tokens": None, **options}
            called = answer_of(memory, server, lambda client: client.complete(iter(IDS), **ask))
        assert called.error is None
        request = server.requests[0]
        assert request.path == "/v1/completions"
        assert request.headers["content-type"] == "application/json"
        assert "text/event-stream" in request.headers["accept"]
        assert request.json == {
            "model": "tiny",
            "prompt": IDS,
            "stream": True,
            "stream_options": {"include_usage": True},
            **options,
        }

    def test_one_choice_alone(self, memory: Way) -> None:
        async def main() -> None:
            async with memory.client("http://127.0.0.1:1") as client:
                with pytest.raises(ValueError, match=r"n: expected 1, .*, got 2"):
                    client.complete("x", n=2)

        memory.run(main)


class TestChat:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"temperature": 0.5},
            {"top_p": 0.9, "seed": 7, "max_tokens": 5},
            {"chat_template_kwargs": {"thinking": False}, "stop": ["\n"]},
        ],
    )
    def test_sends_only_what_was_given(self, memory: Way, options: dict[str, Any]) -> None:
        with memory.scripted(CHAT) as server:
            ask = {"temperature": None, **options}
            called = answer_of(
                memory, server, lambda client: client.chat(MESSAGES, **ask), model=None
            )
        assert called.error is None
        request = server.requests[0]
        assert request.json == {
            "messages": MESSAGES,
            "stream": True,
            "stream_options": {"include_usage": True},
            **options,
        }
        assert "authorization" not in request.headers

    def test_sends_what_the_call_says_over_what_the_client_does(self, memory: Way) -> None:
        with memory.scripted(CHAT) as server:
            ask = {"model": "large", "stream_options": None, "headers": {"x-a": "b"}}
            answer_of(memory, server, lambda client: client.chat(MESSAGES, **ask), api_key=KEY)
        request = server.requests[0]
        assert request.json == {"model": "large", "messages": MESSAGES, "stream": True}
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["x-a"] == "b"

    def test_takes_neither_stream_nor_a_text(self, memory: Way) -> None:
        async def main() -> None:
            async with memory.client("http://127.0.0.1:1") as client:
                with pytest.raises(ValueError, match="stream"):
                    client.chat(MESSAGES, stream=True)
                # Which would be one message for each letter.
                with pytest.raises(TypeError, match="messages: expected a list"):
                    client.chat("Why is the sky blue?")

        memory.run(main)

    @pytest.mark.parametrize(
        ("base", "path"),
        [
            ("", "/v1/"),
            ("/", "/v1/"),
            ("/v1", "/v1/"),
            ("/v1/", "/v1/"),
            ("/v1//", "/v1/"),
            ("/api", "/api/v1/"),
            ("/api/v3", "/api/v3/"),
            ("/v1beta/openai/", "/v1beta/openai/"),
        ],
    )
    def test_wherever_the_base_is(self, memory: Way, base: str, path: str) -> None:
        with memory.scripted(CHAT) as server:

            async def main() -> Any:
                async with memory.client(server.url + base) as client:
                    return await read(client.chat(MESSAGES))

            called = memory.run(main)
        assert called.text == TEXT
        assert server.requests[0].path == f"{path}chat/completions"

    @pytest.mark.parametrize(
        "url", ["", "localhost:8000", "/v1", "ftp://host/v1", "http://", "http://host/v1?key=x"]
    )
    def test_a_base_that_is_none(self, memory: Way, url: str) -> None:
        async def main() -> None:
            with pytest.raises(ValueError, match="base_url"):
                async with memory.client(url):
                    pass

        memory.run(main)

    def test_a_client_that_is_none(self) -> None:
        with pytest.raises(TypeError, match=r"http: expected an AsyncClient .*, got str"):
            Client("http://localhost", base_url="http://localhost")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "has_key"),
    [("x", True), ("/x", True), ("{base}/x", True), ("{other}/x", False), ("//{there}/x", False)],
)
def test_the_key_goes_to_its_own_server_alone(memory: Way, url: str, has_key: bool) -> None:
    with memory.scripted(CHAT) as server, memory.scripted(CHAT) as other:
        there = other.url.removeprefix("http://")
        to = url.format(base=server.url, other=other.url, there=there)
        answer_of(memory, server, lambda client: client.post(to, {}), api_key=KEY)
        (asked,) = server.requests if has_key else other.requests
        assert ("authorization" in asked.headers) == has_key


async def expect_refused(memory: Way, name: str) -> None:
    async with memory.make() as http:
        with pytest.raises(TypeError, match=f"{name}: expected .* or None, got int"):
            Client(http, base_url="http://localhost", **{name: 3})
        client = Client(http, base_url="http://localhost")
        with pytest.raises(TypeError, match="timeouts: expected Timeouts or None, got float"):
            client.chat(MESSAGES, timeouts=0.5)
        with pytest.raises(ValueError, match=r"timeout: not an option: pass timeouts=Timeouts"):
            client.chat(MESSAGES, timeout=3)


@pytest.mark.parametrize("name", ["timeouts", "retry"])
def test_settings_of_another_type_are_refused(memory: Way, name: str) -> None:
    memory.run(lambda: expect_refused(memory, name))
