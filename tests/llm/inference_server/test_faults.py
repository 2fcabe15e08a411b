"""The client reports errors and timeouts of real inference servers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from inference_calling import ENDLESS, MESSAGES, ask, chat, chat_of, client_of, on, text_of
from inference_server import InferenceServer

import fastsse
from fastsse.llm import Client, Delta, StreamError, Timeouts

pytestmark = pytest.mark.inference_server


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
