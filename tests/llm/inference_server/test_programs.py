"""Other wire formats, examples and the command line work with real inference servers."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest
from inference_calling import IN_BURSTS, MESSAGES, SECONDS, on
from inference_server import WORDS, InferenceServer
from paths import EXAMPLES

from fastsse.llm import accumulate, deltas

pytestmark = pytest.mark.inference_server

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
