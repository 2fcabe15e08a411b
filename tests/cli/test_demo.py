"""`fastsse demo` runs over real sockets, and its server answers as OpenAI's API."""

from typing import Any

import httpx
import pytest
from command_line import TWIN, run
from serving import serve

import fastsse
from fastsse.cli.demo_answers import VOCABULARY
from fastsse.cli.demo_server import app


@pytest.mark.net
def test_demo_shows_what_came_over_the_sockets() -> None:
    code, out, err = run("demo", "--streams", "3", "--tokens", "20", "--rate", "200")
    assert code == 0, err
    assert TWIN in out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    streams = [row for row in rows if row and row[0].isdigit()]
    assert [row[:3] for row in streams] == [[n, "23", "20"] for n in "123"]
    assert all(0 < float(row[3].removesuffix(" ms")) < 30_000 for row in streams)
    assert all(0 < float(row[4]) < 300 for row in streams)
    (total,) = (row for row in rows if row and row[0] == "all 3")
    assert total[1:3] == ["69", "60"]


@pytest.mark.net
class TestDemoServer:
    MESSAGES = {"messages": [{"role": "user", "content": "hi"}]}  # noqa: RUF012

    def test_whole_answer(self) -> None:
        with serve(app) as url:
            answer = httpx.post(f"{url}/v1/chat/completions", json=self.MESSAGES).json()
            assert answer["object"] == "chat.completion"
            assert len(answer["choices"][0]["message"]["content"].split()) == 120
            assert answer["usage"]["completion_tokens"] == 120
            assert httpx.get(f"{url}/v1/models").json()["data"][0]["id"] == "demo"

    def test_streamed_answer_with_usage(self) -> None:
        body = self.MESSAGES | {
            "stream": True,
            "max_tokens": 5,
            "rate": 1000,
            "stream_options": {"include_usage": True},
        }
        with (
            serve(app) as url,
            httpx.stream("POST", f"{url}/v1/chat/completions", json=body) as response,
        ):
            assert response.headers["transfer-encoding"] == "chunked"
            *chunks, usage, done = fastsse.iter_events(response)
        assert done.data == "[DONE]"
        assert usage.json()["usage"]["completion_tokens"] == 5
        text = "".join(c.json()["choices"][0]["delta"].get("content", "") for c in chunks)
        assert len(text.split()) == 5
        assert chunks[-1].json()["choices"][0]["finish_reason"] == "stop"

    @pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"messages": [], "max_tokens": "x"}'])
    def test_a_request_that_makes_no_sense(self, body: bytes) -> None:
        with serve(app) as url:
            response = httpx.post(f"{url}/v1/chat/completions", content=body)
        assert response.status_code == 400
        assert "expected a JSON object" in response.json()["error"]["message"]

    @pytest.mark.parametrize(("prompt", "tokens"), [("three words long", 3), ([7, 7], 2)])
    def test_completion_with_token_ids(self, prompt: Any, tokens: int) -> None:
        body = {
            "prompt": prompt,
            "max_tokens": 20,
            "rate": 1000,
            "return_token_ids": True,
            "logprobs": 0,
            "stream_options": {"include_usage": True},
        }
        with serve(app) as url, httpx.Client(base_url=f"{url}/v1") as client:
            with client.stream("POST", "completions", json=body | {"stream": True}) as response:
                *chunks, usage, done = fastsse.iter_events(response)
            whole = client.post("completions", json=body).json()
        assert done.data == "[DONE]"
        choices = [chunk.json()["choices"][0] for chunk in chunks]
        assert {len(choice["token_ids"]) for choice in choices} == {0, 1, 2, 3}
        for choice in [*choices, *whole["choices"]]:
            tokens_of = [VOCABULARY[token] for token in choice["token_ids"]]
            assert choice["logprobs"]["tokens"] == tokens_of
            assert choice["text"] == "".join(tokens_of)
        counts = {"prompt_tokens": tokens, "completion_tokens": 20, "total_tokens": tokens + 20}
        assert usage.json()["usage"] == whole["usage"] == counts
        assert len(whole["choices"][0]["token_ids"]) == 20

    def test_completion_that_asks_for_text_alone(self) -> None:
        with serve(app) as url:
            answer = httpx.post(f"{url}/v1/completions", json={"prompt": "hi"}).json()
        (choice,) = answer["choices"]
        assert (choice["token_ids"], choice["logprobs"]) == (None, None)
        assert len(choice["text"].split()) == 120

    def test_every_answer_has_the_headers_of_a_server_with_limits(self) -> None:
        with serve(app) as url, httpx.Client(base_url=f"{url}/v1") as client:
            answers = [client.get("models"), client.post("completions"), client.get("nowhere")]
        assert [answer.status_code for answer in answers] == [200, 400, 404]
        assert len({answer.headers["x-request-id"] for answer in answers}) == 3
        left = [int(answer.headers["x-ratelimit-remaining-requests"]) for answer in answers]
        assert left == sorted(left, reverse=True)
        assert left[0] < int(answers[0].headers["x-ratelimit-limit-requests"])
