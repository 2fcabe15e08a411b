"""Chats with real inference servers give what the official SDKs give."""

import asyncio
import json
from typing import Any

import httpx
import httpx2
import pytest
from inference_calling import (
    ENDLESS,
    GREEDY,
    MESSAGES,
    SECONDS,
    ask,
    chat,
    chat_of,
    on,
    read,
    text_of,
)
from inference_server import InferenceServer
from reading import connections_of

import fastsse
from fastsse.llm import Client, Message, accumulate

pytestmark = pytest.mark.inference_server

CITIES = ["Paris", "Rome"]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": CITIES}, "rain": {"type": "boolean"}},
            "required": ["city", "rain"],
            "additionalProperties": False,
        },
    },
}


class TestEvents:
    """`iter_events` alone."""

    @pytest.mark.parametrize("library", [httpx, httpx2])
    def test_come_one_by_one(self, served: InferenceServer, library: Any) -> None:
        body = {"model": served.model, "messages": MESSAGES, "stream": True, **GREEDY}
        datas: list[str] = []
        times: list[int] = []
        with (
            library.Client(timeout=SECONDS) as http,
            http.stream("POST", f"{served.url}/v1/chat/completions", json=body) as response,
        ):
            events = fastsse.iter_events(response)
            for event in events:
                datas.append(event.data)
                times.append(events.received_at_ns)
        if served.name == "vllm":
            assert datas.pop() == "[DONE]"
        chunks = [json.loads(data) for data in datas]
        assert len(chunks) > 2
        assert chunks[-1]["choices"][0]["finish_reason"] == "length"
        assert times == sorted(times)
        assert len(set(times)) > 2


class TestChat:
    @pytest.mark.parametrize("library", [httpx, httpx2])
    def test_is_what_the_sdk_reads(self, served: InferenceServer, sdk: Any, library: Any) -> None:
        whole = chat_of(sdk, served)
        streamed = [chunk for chunk in chat_of(sdk, served, stream=True) if chunk.choices]
        received, answer = ask(served, chat(), library)
        expected = whole.choices[0].message.content
        assert len(expected.split()) == GREEDY["max_tokens"]
        assert text_of(received) == expected
        assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == expected
        assert answer.finish_reason == whole.choices[0].finish_reason == "length"
        assert received[-1].usage or received[-1].finished
        assert answer.usage.prompt_tokens == whole.usage.prompt_tokens
        assert answer.usage.completion_tokens == whole.usage.completion_tokens
        assert answer.usage.total_tokens == whole.usage.total_tokens

    def test_that_does_not_stream_is_the_same(self, served: InferenceServer, sdk: Any) -> None:
        async def both(client: Client) -> tuple[Message, Message]:
            received, _ = await chat()(client)
            return accumulate(received), await client.chat(MESSAGES, **GREEDY)

        streamed, whole = ask(served, both)
        assert whole == streamed
        assert whole.text == chat_of(sdk, served).choices[0].message.content

    @pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
    def test_from_any_way_to_write_the_url(self, served: InferenceServer, end: str) -> None:
        expected, _ = ask(served, chat(max_tokens=3))
        received, _ = ask(served._replace(url=served.url + end), chat(max_tokens=3))
        assert text_of(received) == text_of(expected) != ""

    def test_stops_where_it_was_asked_to(self, served: InferenceServer, sdk: Any) -> None:
        word = chat_of(sdk, served).choices[0].message.content.split()[5]
        whole = chat_of(sdk, served, stop=[word])
        received, answer = ask(served, chat(stop=[word]))
        assert text_of(received) == whole.choices[0].message.content
        assert answer.finish_reason == whole.choices[0].finish_reason == "stop"

    @on("vllm")
    def test_of_a_seed_is_what_the_sdk_samples(self, served: InferenceServer, sdk: Any) -> None:
        def knobs(seed: int) -> dict[str, Any]:
            return {"temperature": 1.5, "top_p": 0.95, "seed": seed}

        texts = {}
        for seed in (1, 2):
            received, _ = ask(served, chat(**knobs(seed)))
            texts[seed] = text_of(received)
            assert texts[seed] == chat_of(sdk, served, **knobs(seed)).choices[0].message.content
        assert texts[1] != texts[2]

    @on("vllm")
    def test_with_several_choices(self, served: InferenceServer, sdk: Any) -> None:
        options = {"n": 3, "temperature": 1, "seed": 7}
        received, _ = ask(served, chat(**options))
        expected = [choice.message.content for choice in chat_of(sdk, served, **options).choices]
        message = accumulate(received)
        assert [choice.text for choice in message.choices] == expected

    @on("vllm")
    def test_calls_a_tool(self, served: InferenceServer, sdk: Any) -> None:
        # A grammar holds the model to the schema, so that even this one calls it well.
        options: dict[str, Any] = {"tools": [TOOL], "tool_choice": "required", "max_tokens": 200}
        (whole,) = chat_of(sdk, served, **options).choices[0].message.tool_calls
        streamed = [chunk.choices for chunk in chat_of(sdk, served, stream=True, **options)]
        parts = [call for (choice,) in streamed for call in choice.delta.tool_calls or ()]
        received, answer = ask(served, chat(**options))
        (call,) = accumulate(received).tool_calls
        assert call.name == whole.function.name == parts[0].function.name
        assert call.arguments == "".join(part.function.arguments or "" for part in parts)
        assert json.loads(call.arguments) == json.loads(whole.function.arguments)
        assert json.loads(call.arguments)["city"] in CITIES
        assert call.id
        assert answer.finish_reason == "tool_calls"

    def test_is_measured(self, served: InferenceServer) -> None:
        received, answer = ask(served, chat())
        stats = answer.stats
        assert stats.attempts == 1
        assert stats.tokens == sum(bool(delta.text) for delta in received)
        assert 0 < stats.ttft < stats.elapsed
        assert len(stats.itl) == stats.tokens - 1
        assert sum(stats.itl) == pytest.approx(stats.tpot * (GREEDY["max_tokens"] - 1))
        assert stats.ttft + sum(stats.itl) <= stats.elapsed

    def test_has_the_id_of_its_request(self, served: InferenceServer) -> None:
        _, answer = ask(served, chat(headers={"X-Request-Id": "mine"}))
        assert answer.request_id == "mine"

    def test_gives_its_connection_back(self, served: InferenceServer) -> None:
        async def twice() -> None:
            async with httpx.AsyncClient(timeout=SECONDS) as http:
                client = Client(http, base_url=served.url, model=served.model)
                for _ in range(2):
                    await chat(max_tokens=3)(client)
                    assert connections_of(http) == 0
                    pool: Any = http._transport
                    assert len(pool._pool.connections) == 1

        asyncio.run(twice())

    def test_at_the_same_time_as_another(self, served: InferenceServer) -> None:
        others = [{"role": "user", "content": "another question"}]

        async def together(client: Client) -> Any:
            calls = [client.chat(messages, **GREEDY) for messages in (MESSAGES, others) * 2]
            return await asyncio.gather(*map(read, calls))

        async def alone(client: Client) -> Any:
            return [await read(client.chat(messages, **GREEDY)) for messages in (MESSAGES, others)]

        one, two = (text_of(received) for received, _ in ask(served, alone))
        assert one != two
        texts = [text_of(received) for received, _ in ask(served, together)]
        assert texts == [one, two] * 2

    def test_that_is_left_is_no_longer_generated(self, served: InferenceServer) -> None:
        async def leave() -> tuple[str, str]:
            left = ""
            async with httpx.AsyncClient(timeout=SECONDS) as http:
                client = Client(http, base_url=served.url, model=served.model)
                async with client.chat(MESSAGES, **ENDLESS) as answer:
                    async for delta in answer:
                        left += delta.text
                        if len(left.split()) >= 3:
                            break
                assert connections_of(http) == 0
                again, _ = await chat()(client)
                return left, text_of(again)

        expected, _ = ask(served, chat())
        left, again = asyncio.run(leave())
        assert text_of(expected).startswith(left)
        assert again == text_of(expected)
        if served.name == "vllm":
            wait_until_idle(served)


def wait_until_idle(served: InferenceServer) -> None:
    async def main() -> None:
        async with httpx.AsyncClient() as http, asyncio.timeout(30):
            while True:
                metrics = (await http.get(f"{served.url}/metrics")).text.splitlines()
                (running,) = (x for x in metrics if x.startswith("vllm:num_requests_running{"))
                if running.endswith(" 0.0"):
                    return
                await asyncio.sleep(0.1)

    asyncio.run(main())
