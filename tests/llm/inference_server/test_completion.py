"""Completions of real inference servers give what OpenAI's SDK gives."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from inference_calling import GREEDY, IN_BURSTS, ask, on, read, text_of
from inference_server import InferenceServer

from fastsse.llm import Client, Message, Token

pytestmark = pytest.mark.inference_server

PROMPT = "The sky is"
PROMPT_IDS = [54, 74, 71, 222, 85, 77, 91, 2, 3, 4]


def complete(prompt: Any, **options: Any) -> Callable[[Client], Awaitable[tuple[list[Token], Any]]]:
    return lambda client: read(client.complete(prompt, **(GREEDY | options)))


def completion_of(sdk: Any, served: InferenceServer, prompt: Any, **options: Any) -> Any:
    """Whole, with what is not in OpenAI's API, such as ids of tokens, as attributes."""
    return sdk.completions.create(model=served.model, prompt=prompt, extra_body=options, **GREEDY)


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
