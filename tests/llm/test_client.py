"""The client of language models: what it sends, what it gives, and what it keeps to itself."""

import asyncio
import gc
import json
import logging
import ssl
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from llm_calling import (
    LONG,
    MESSAGES,
    QUICK,
    WAYS,
    Way,
    connections_of,
    expect_nothing_open,
    fetch,
    read,
    tasks_living,
    tasks_settle,
    until,
)
from llm_server import (
    CHAT,
    CHAT_WHOLE,
    DONE,
    END,
    FINISH,
    PATIENCE,
    STREAM,
    USAGE,
    USED,
    WORDS,
    Act,
    Scripted,
    Step,
    chat_chunk,
    completion_chunk,
    event,
    head,
    http_chunk,
    scripted,
    whole,
    words,
)
from server import serve_http2

from fastsse import ResponseError, StreamTimeout
from fastsse.llm import (
    Client,
    DecodeError,
    JsonEvent,
    Retry,
    StreamError,
    Timeouts,
    Token,
    TransportError,
    Usage,
)

TEXT = "".join(WORDS)
KEY = "sk-secret-0123456789"
OVERLOADED = {"error": {"message": "overloaded"}}
BUSY = whole(503, OVERLOADED)
IDS = [11, 12, 13]

# A body that is dropped leaves the generators of httpx, which trio finds where they stand.
drops = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[request.param]


@pytest.fixture(autouse=True)
def nothing_unclosed() -> Iterator[None]:
    yield
    gc.collect()


def answer_of(way: Way, server: Scripted, ask: Any, how: Any = read, **settings: Any) -> Any:
    """What comes of one call, which `ask` makes of a client."""

    async def main() -> Any:
        async with way.client(server.url, **settings) as client:
            return await how(ask(client))

    return way.run(main)


def chat(client: Client) -> Any:
    return client.chat(MESSAGES)


# ------------------------------------------------------------------------------- any JSON stream


@pytest.fixture(scope="module")
def http2_url(certificate: Path) -> Iterator[str]:
    with serve_http2("llm_server:app", certificate=certificate) as url:
        yield url


@pytest.mark.parametrize("name", ["httpx", "httpx2", "httpx on trio", "httpx2 on trio"])
class TestOverHttp2WithTls:
    async def open(self, way: Way, certificate: Path) -> Any:
        verify = ssl.create_default_context(cafile=certificate / "authority.pem")
        return way.make(verify=verify, http2=True)

    def test_events_and_their_values(self, name: str, http2_url: str, certificate: Path) -> None:
        way = WAYS[name]

        class Value(msgspec.Struct):
            number: int

        play = ['event: one\ndata: {"number": 1}\n\n', 'data: {"number": 2}\n\n']

        async def main() -> Any:
            async with await self.open(way, certificate) as http:
                client = Client(http, http2_url)
                body = {"key": f"values-{name}", "play": play}
                typed = await read(client.post("/play", body, type=Value))
                plain = await read(client.post("/play", body))
                return typed, plain

        typed, plain = way.run(main)
        assert typed.error is None
        assert typed.values == [JsonEvent("one", Value(1)), JsonEvent("message", Value(2))]
        assert plain.values == [("one", {"number": 1}), ("message", {"number": 2})]
        assert typed.answer.response.http_version == "HTTP/2"
        assert typed.answer.response.headers["x-http-version"] == "2"

    @drops
    @pytest.mark.parametrize("phase", ["headers", "first event", "events", "break"])
    def test_the_server_sees_that_one_is_dropped(
        self, name: str, http2_url: str, certificate: Path, phase: str
    ) -> None:
        way = WAYS[name]
        key = f"{phase}-{name}".replace(" ", "-")
        silent = {"think": 60, "play": []} if phase == "headers" else {"play": [": wait\n\n", 60]}
        if phase in ("events", "break"):
            silent = {"play": ["data: 1\n\n", 60]}
        values: list[Any] = []

        async def until_it_is(client: Client, fate: str) -> None:
            with anyio.fail_after(PATIENCE):
                while (await client._http.get(f"{http2_url}/fate/{key}")).json() != fate:  # noqa: ASYNC110
                    await anyio.sleep(0.01)

        async def main() -> None:
            async with await self.open(way, certificate) as http:
                before = tasks_living()
                client = Client(http, http2_url, timeouts=LONG)
                # Another stream of the same connection is not disturbed.
                other = {"key": key + "other", "play": ["data: 1\n\n", 0.5, "data: 2\n\n"]}
                async with client.post("/play", other) as others:
                    with anyio.CancelScope() as scope:
                        async with anyio.create_task_group() as group:

                            async def drop() -> None:
                                await until_it_is(client, "begun")
                                if phase == "events":
                                    await until(lambda: values)
                                scope.cancel()

                            if phase != "break":
                                group.start_soon(drop)
                            async with client.post("/play", {"key": key, **silent}) as answer:
                                async for value in answer:
                                    values.append(value)
                                    if phase == "break":
                                        break
                    await until_it_is(client, "dropped")
                    assert [event.value async for event in others] == [1, 2]
                assert connections_of(http) == (0, 1)
                assert await tasks_settle(before)

        way.run(main)


class TestPost:
    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("embeddings", "/v1/embeddings"),
            ("/events", "/events"),
            ("a/b?c=d", "/v1/a/b?c=d"),
        ],
    )
    def test_where_to(self, way: Way, url: str, path: str) -> None:
        with scripted(whole(200, [1, 2])) as server:
            called = answer_of(way, server, lambda client: client.post(url, {"a": 1}), fetch)
        assert called.values == [[1, 2]]
        assert server.requests[0].path == path
        assert server.requests[0].json == {"a": 1}

    def test_elsewhere(self, way: Way) -> None:
        with scripted(CHAT) as server, scripted(whole(200, 3)) as other:
            url = f"{other.url}/x"
            called = answer_of(way, server, lambda client: client.post(url, {}), fetch)
        assert called.values == [3]
        assert server.requests == []

    @drops
    def test_what_is_not_of_the_type(self, way: Way) -> None:
        with scripted(
            [head(), http_chunk(event(1)), http_chunk(event("x", name="b")), END]
        ) as server:
            called = answer_of(way, server, lambda client: client.post("x", {}, type=int))
        assert called.values == [JsonEvent("message", 1)]
        assert isinstance(called.error, DecodeError)
        assert called.error.event.event == "b"

    def test_ends_with_its_end_alone_if_that_is_asked_for(self, way: Way) -> None:
        with scripted([head(), http_chunk(event(1)), END]) as server:
            ask = {"require_end": True}
            called = answer_of(way, server, lambda client: client.post("x", {}, **ask))
            free = answer_of(way, server, lambda client: client.post("x", {}))
        assert called.values == free.values == [JsonEvent("message", 1)]
        assert type(called.error).__name__ == "IncompleteStreamError"
        assert free.error is None


# ----------------------------------------------------------------------- completions with ids


def token_act(*chunks: Any, headers: dict[str, str] | None = None) -> Act:
    usage = {"object": "text_completion", "choices": [], "usage": USAGE}
    events = [http_chunk(event(chunk)) for chunk in [*chunks, usage]]
    return [head(200, {**STREAM, **(headers or {})}), *events, http_chunk(DONE), END]


class TestComplete:
    def test_sends_what_was_given(self, way: Way) -> None:
        options = {
            "return_token_ids": True,
            "skip_special_tokens": False,
            "stop_token_ids": [2, 3],
            "priority": -1,
            "temperature": 0.0,
            "top_p": 0.9,
            "top_k": 40,
        }
        with scripted(token_act(completion_chunk("a", "stop"))) as server:
            called = answer_of(
                way, server, lambda client: client.complete(iter(IDS), max_tokens=None, **options)
            )
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

    def test_gives_each_token_with_its_id(self, way: Way) -> None:
        chunks = [
            completion_chunk("one", token_ids=[1]),
            completion_chunk(
                " two three", token_ids=[2, 3], logprobs={"tokens": [" two", " three"]}
            ),
            completion_chunk(" four five", token_ids=[4, 5]),
            completion_chunk("?", token_ids=[6, 7], logprobs={"tokens": ["other", "texts"]}),
            completion_chunk(" eight"),
            completion_chunk("", "length", token_ids=[9]),
        ]
        with scripted(token_act(*chunks)) as server:
            called = answer_of(way, server, lambda client: client.complete("count"))
        assert called.error is None
        assert server.requests[0].json["prompt"] == "count"
        assert called.values == [
            Token("one", 1),
            Token(" two", 2),
            Token(" three", 3),
            Token(" four five", 4),
            Token("", 5),
            Token("?", 6),
            Token("", 7),
            Token(" eight", None),
            Token("", 9),
        ]
        assert called.answer.finish_reason == "length"
        assert called.answer.usage == Usage(prompt_tokens=7, completion_tokens=10, total_tokens=17)

    @drops
    def test_an_error_in_the_stream(self, way: Way) -> None:
        act = [head(), http_chunk(event(completion_chunk("a"))), http_chunk(event(OVERLOADED)), END]
        with scripted(act) as server:
            called = answer_of(way, server, lambda client: client.complete("x"))
        assert called.values == [Token("a", None)]
        assert isinstance(called.error, StreamError)
        assert called.error.message == "overloaded"

    def test_one_choice_alone(self, way: Way) -> None:
        async def main() -> None:
            async with way.client("http://127.0.0.1:1") as client:
                with pytest.raises(ValueError, match=r"expected 1, .*: 2"):
                    client.complete("x", n=2)

        way.run(main)


class TestStats:
    def test_count_what_came(self, way: Way) -> None:
        with scripted(CHAT) as server:
            stats = answer_of(way, server, chat).answer.stats
        size = sum(len(event(chat_chunk(word))) for word in WORDS)
        assert stats.attempts == 1
        assert stats.events == 13
        assert stats.lines == 26
        assert stats.bytes > size
        assert 1 <= stats.chunks <= 13
        assert stats.parse_failures == 0
        assert stats.tokens == 10
        assert len(stats.itl) == 9

    def test_clocks_start_when_the_request_is_sent(self, way: Way) -> None:
        slow = [http_chunk(event(chat_chunk(role="assistant")))]
        act = [0.1, head(), *slow, 0.1, *words(1), 0.1, *words(2), FINISH, http_chunk(DONE), END]
        seen: list[float] = []

        async def main() -> Any:
            async with way.client(server.url) as client:
                answer = client.chat(MESSAGES)
                assert answer.stats.ttft is None
                async with answer:
                    assert answer.stats.ttft is None
                    async for delta in answer:
                        if delta.text and not seen:
                            seen.append(answer.stats.elapsed)
                return answer.stats

        with scripted(BUSY, act) as server:
            stats = way.run(main)
        assert stats.attempts == 2
        # Nearly 0.2, since the server's clock is another.
        assert 0.19 < stats.ttft <= seen[0] <= stats.elapsed
        assert len(stats.itl) == 2
        assert sum(stats.itl) > 0.09
        assert stats.tpot == pytest.approx(sum(stats.itl) / 2)
        assert stats.ttft + sum(stats.itl) <= stats.elapsed

    def test_the_server_s_count_makes_the_mean(self, way: Way) -> None:
        first, rest = words(1), http_chunk(b"".join(event(chat_chunk(w)) for w in WORDS[1:4]))
        act = [head(), *first, 0.1, rest, FINISH, USED, http_chunk(DONE), END]
        with scripted(act) as server:
            stats = answer_of(way, server, chat).answer.stats
        assert stats.tokens == 4
        assert stats.itl[1:] == [0, 0]
        # Ten tokens have nine gaps.
        assert stats.tpot == pytest.approx(stats.itl[0] / 9)

    def test_skipped_events_are_counted_and_logged_once(
        self, way: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        bad = [http_chunk(event('{"choices": [{"text": "half')), http_chunk(event("[1, 2]"))]
        chunks = [http_chunk(event(completion_chunk(word))) for word in WORDS]
        act = [head(), *chunks[:4], bad[0], *chunks[4:], *bad, http_chunk(DONE), END]
        with scripted(act) as server, caplog.at_level(logging.DEBUG, "fastsse.llm"):
            ask = {"on_error": "skip", "require_end": False}
            called = answer_of(way, server, lambda client: client.complete("x", **ask))
        assert called.error is None
        assert "".join(token.text for token in called.values) == TEXT
        assert called.answer.stats.parse_failures == called.answer.parse_failures == 3
        levels = [record.levelname for record in caplog.records if "skipped" in record.message]
        assert levels == ["WARNING", "DEBUG", "DEBUG"]
        warning = next(record for record in caplog.records if record.levelname == "WARNING")
        assert '{"choices": [{"text": "half' in warning.message
        assert warning.name == "fastsse.llm._values"


LIMITS = {"x-ratelimit-remaining-tokens": "9", "X-Request-Id": "req-17", "retry-after": "2"}


class TestHeaders:
    def test_reach_the_caller_and_the_log(self, way: Way, caplog: pytest.LogCaptureFixture) -> None:
        act = [head(200, {**STREAM, **LIMITS}), *CHAT[1:]]
        with scripted(act) as server, caplog.at_level(logging.INFO, "fastsse.llm"):
            answer = answer_of(way, server, chat).answer
        limits = {"x-ratelimit-remaining-tokens": "9", "retry-after": "2"}
        assert answer.request_id == "req-17"
        assert answer.rate_limits == limits
        began, ended = (
            next(record for record in caplog.records if record.message.startswith(f"answer {what}"))
            for what in ("began", "ended")
        )
        for record in began, ended:
            assert record.name == "fastsse.llm._answer"
            assert record.request_id == "req-17"
            assert record.rate_limits == limits
            assert record.model == "tiny"
            assert record.url == f"{server.url}/v1/chat/completions"
            assert record.timeouts == {
                "connect": LONG.connect,
                "headers": None,
                "first_event": LONG.first_event,
                "idle": LONG.idle,
                "total": None,
            }
            assert record.attempts == 1
        assert ended.events == 13

    def test_of_an_answer_that_is_an_error(
        self, way: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "fastsse.llm")
        with scripted(whole(400, OVERLOADED, x_request_id="req-18")) as server:
            called = answer_of(way, server, chat)
        assert isinstance(called.error, ResponseError)
        assert called.error.headers["x-request-id"] == "req-18"
        assert called.answer.request_id == "req-18"
        failed = next(record for record in caplog.records if "answer failed" in record.message)
        assert failed.request_id == "req-18"
        assert "overloaded" in failed.message

    def test_before_there_is_an_answer(self, way: Way) -> None:
        async def main() -> Any:
            async with way.client("http://127.0.0.1:1") as client:
                return client.chat(MESSAGES)

        answer = way.run(main)
        assert answer.request_id is None
        assert answer.rate_limits == {}
        assert answer.usage is None
        assert answer.finish_reason is None


class TestSaved:
    @pytest.mark.parametrize("how", [read, fetch], ids=["stream", "whole"])
    def test_a_request_that_failed(self, way: Way, tmp_path: Path, how: Any) -> None:
        folder = tmp_path / "failed" / "here"
        with scripted(whole(400, OVERLOADED)) as server:
            called = answer_of(way, server, chat, how, api_key=KEY, save_failed_requests=folder)
        (saved,) = folder.iterdir()
        sent = server.requests[0].json
        assert json.loads(saved.read_bytes()) == sent
        assert sent["stream"] == (how is read)
        assert KEY not in saved.read_text()
        assert called.error.__notes__ == [f"the request was saved to {saved}"]

    def test_one_that_failed_under_way(self, way: Way, tmp_path: Path) -> None:
        with scripted([head(), *words(3), Step.RESET]) as server:
            called = answer_of(way, server, chat, save_failed_requests=str(tmp_path))
        assert isinstance(called.error, TransportError)
        assert [json.loads(file.read_bytes()) for file in tmp_path.iterdir()] == [
            server.requests[0].json
        ]

    def test_none_that_went_well(self, way: Way, tmp_path: Path) -> None:
        with scripted(CHAT) as server:
            answer_of(way, server, chat, save_failed_requests=tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_none_if_it_was_not_asked_for(
        self, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with scripted(whole(400, OVERLOADED)) as server:
            called = answer_of(way, server, chat)
        assert isinstance(called.error, ResponseError)
        assert not hasattr(called.error, "__notes__")
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_made_hides_no_error(
        self, way: Way, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        with scripted(whole(400, OVERLOADED)) as server:
            called = answer_of(way, server, chat, save_failed_requests=tmp_path / "file" / "x")
        assert isinstance(called.error, ResponseError)
        assert "could not save" in caplog.text

    def test_a_request_that_is_no_json_hides_no_error(self, way: Way, tmp_path: Path) -> None:
        with scripted(CHAT) as server:
            ask = [{"role": "user", "content": object()}]
            settings = {"save_failed_requests": tmp_path}
            called = answer_of(way, server, lambda client: client.chat(ask), **settings)
        assert isinstance(called.error, TypeError)
        assert called.error.__context__ is None
        assert server.requests == []
        assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------------------------- plain chats


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
    def test_sends_only_what_was_given(self, way: Way, options: dict[str, Any]) -> None:
        with scripted(CHAT) as server:
            ask = {"temperature": None, **options}
            called = answer_of(way, server, lambda client: client.chat(MESSAGES, **ask), model=None)
        assert called.error is None
        request = server.requests[0]
        assert request.json == {
            "messages": MESSAGES,
            "stream": True,
            "stream_options": {"include_usage": True},
            **options,
        }
        assert "authorization" not in request.headers

    def test_sends_what_the_call_says_over_what_the_client_does(self, way: Way) -> None:
        with scripted(CHAT) as server:
            ask = {"model": "large", "stream_options": None, "headers": {"x-a": "b"}}
            answer_of(way, server, lambda client: client.chat(MESSAGES, **ask), api_key=KEY)
        request = server.requests[0]
        assert request.json == {"model": "large", "messages": MESSAGES, "stream": True}
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["x-a"] == "b"

    def test_takes_neither_stream_nor_a_text(self, way: Way) -> None:
        async def main() -> None:
            async with way.client("http://127.0.0.1:1") as client:
                with pytest.raises(ValueError, match="stream"):
                    client.chat(MESSAGES, stream=True)
                # Which would be one message for each letter.
                with pytest.raises(TypeError, match="messages: expected a list"):
                    client.chat("Why is the sky blue?")

        way.run(main)

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
    def test_wherever_the_base_is(self, way: Way, base: str, path: str) -> None:
        with scripted(CHAT) as server:

            async def main() -> Any:
                async with way.client(server.url + base) as client:
                    return await read(client.chat(MESSAGES))

            called = way.run(main)
        assert called.text == TEXT
        assert server.requests[0].path == f"{path}chat/completions"

    @pytest.mark.parametrize(
        "url", ["", "localhost:8000", "/v1", "ftp://host/v1", "http://", "http://host/v1?key=x"]
    )
    def test_a_base_that_is_none(self, way: Way, url: str) -> None:
        async def main() -> None:
            with pytest.raises(ValueError, match="base_url"):
                async with way.client(url):
                    pass

        way.run(main)

    def test_a_client_that_is_none(self) -> None:
        with pytest.raises(TypeError, match=r"http: expected an AsyncClient .*, got str"):
            Client("http://localhost", "http://localhost")

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("cut", [False, True])
    def test_in_each_framing(self, way: Way, end: str, cut: bool) -> None:
        body = b"".join(event(chat_chunk(word), end=end) for word in WORDS)
        body += event(chat_chunk("last", "stop"), end=end)
        if cut:
            # The last event has no blank line.
            body = body[: -len(end)]
        pieces = [http_chunk(body[at : at + 7]) for at in range(0, len(body), 7)]
        with scripted([head(), *pieces, END]) as server:
            called = answer_of(way, server, chat)
        assert called.error is None
        assert called.text == TEXT + "last"
        assert called.answer.finish_reason == "stop"

    def test_passes_over_what_is_no_chunk(self, way: Way, caplog: pytest.LogCaptureFixture) -> None:
        noise = [http_chunk(event("keep-alive")), http_chunk(b"data: \xff\n\n")]
        act = [head(), noise[0], *words(5), *noise, *words()[5:], http_chunk(DONE), END]
        with scripted(act) as server, caplog.at_level(logging.DEBUG, "fastsse.llm"):
            ask = {"on_error": "skip"}
            called = answer_of(way, server, lambda client: client.chat(MESSAGES, **ask))
        assert called.error is None
        assert called.text == TEXT
        assert called.answer.parse_failures == 3
        skipped = [record for record in caplog.records if "skipped" in record.message]
        assert len(skipped) == 3
        assert "keep-alive" in skipped[0].message


class TestWhole:
    def test_answer(self, way: Way) -> None:
        with scripted(whole(200, CHAT_WHOLE, x_request_id="req-1")) as server:
            called = answer_of(
                way, server, lambda client: client.chat(MESSAGES, seed=3), fetch, api_key=KEY
            )
        (message,) = called.values
        assert message.text == TEXT
        assert message.finish_reason == "stop"
        assert message.usage == Usage(**USAGE)
        assert called.answer.request_id == "req-1"
        request = server.requests[0]
        assert request.json == {"model": "tiny", "messages": MESSAGES, "seed": 3, "stream": False}
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert "text/event-stream" not in request.headers["accept"]

    def test_completion(self, way: Way) -> None:
        choice = {"index": 0, "text": "abc", "finish_reason": "length", "token_ids": IDS}
        body = {"object": "text_completion", "choices": [choice], "usage": USAGE}
        with scripted(whole(200, body)) as server:
            called = answer_of(way, server, lambda client: client.complete("x"), fetch)
        assert called.values[0].text == "abc"
        assert list(called.values[0].token_ids) == IDS

    @pytest.mark.parametrize("failing", [BUSY, [Step.RESET], [Step.STALL]])
    def test_is_asked_for_again(self, way: Way, failing: Act) -> None:
        with scripted(failing, failing, whole(200, CHAT_WHOLE)) as server:
            deadline = Timeouts(headers=1 if failing == [Step.STALL] else 0)
            called = answer_of(way, server, chat, fetch, timeouts=deadline)
        assert called.values[0].text == TEXT
        assert called.answer.stats.attempts == len(server.requests) == 3

    def test_is_not_asked_for_again(self, way: Way) -> None:
        with scripted(whole(400, OVERLOADED), whole(200, CHAT_WHOLE)) as server:
            called = answer_of(way, server, chat, fetch)
        assert isinstance(called.error, ResponseError)
        assert json.loads(called.error.body) == OVERLOADED
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("body", "error"),
        [(OVERLOADED, StreamError), ({"choices": 1}, DecodeError), ([], DecodeError)],
    )
    def test_is_none(self, way: Way, body: Any, error: type[Exception]) -> None:
        with scripted(whole(200, body)) as server:
            called = answer_of(way, server, chat, fetch)
        assert isinstance(called.error, error)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("deadline", ["headers", "total"])
    def test_does_not_come(self, way: Way, deadline: str) -> None:
        with scripted([Step.STALL]) as server:
            settings = {"timeouts": Timeouts(**{deadline: 0.2}), "retry": None}
            called = answer_of(way, server, chat, fetch, **settings)
            assert server.settles(0)
        assert isinstance(called.error, StreamTimeout)
        assert (called.error.deadline, called.error.seconds) == (deadline, 0.2)

    def test_has_no_deadline_for_its_first_byte(self, way: Way) -> None:
        body = whole(200, CHAT_WHOLE)
        with scripted([0.3, body[0], 0.3, *body[1:]]) as server:
            deadlines = Timeouts(first_event=0.1, idle=0.1)
            called = answer_of(way, server, chat, fetch, timeouts=deadlines)
        assert called.error is None
        assert called.values[0].text == TEXT


# ------------------------------------------------------------------------------ what is the same


class TestTimeouts:
    @pytest.mark.parametrize("by", ["call", "client", "environment"])
    def test_are_each_set_by(self, way: Way, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
        order = ["call", "client", "environment"]
        # The shortest one is the one that has to count; those that come after it are longer.
        seconds = {who: 0.2 if who == by else 30.0 for who in order[order.index(by) :]}
        if "environment" in seconds:
            monkeypatch.setenv("FASTSSE_FIRST_EVENT_TIMEOUT", str(seconds["environment"]))
        with scripted([Step.STALL]) as server:

            async def main() -> Any:
                async with way.make(verify=False) as http:
                    own = {who: Timeouts(first_event=seconds.get(who)) for who in order}
                    client = Client(http, server.url, timeouts=own["client"], retry=None)
                    return await read(client.chat(MESSAGES, timeouts=own["call"]))

            error = way.run(main).error
        assert isinstance(error, StreamTimeout)
        assert (error.deadline, error.seconds) == ("first_event", 0.2)

    def test_of_0_are_off(self, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("FIRST_EVENT", "IDLE", "TOTAL", "HEADERS"):
            monkeypatch.setenv(f"FASTSSE_{name}_TIMEOUT", "0.1")
        with scripted([0.3, head(), 0.3, *words(3), 0.3, *CHAT[4:]]) as server:

            async def main() -> Any:
                async with way.make(verify=False) as http:
                    off = Timeouts(connect=0, headers=0, first_event=0, idle=0, total=0)
                    client = Client(http, server.url, timeouts=Timeouts(idle=0.1), retry=None)
                    return await read(client.chat(MESSAGES, timeouts=off))

            called = way.run(main)
        assert called.error is None
        assert called.text == TEXT

    def test_are_30_30_60_and_off(self, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("CONNECT", "FIRST_EVENT", "IDLE", "TOTAL", "HEADERS"):
            monkeypatch.delenv(f"FASTSSE_{name}_TIMEOUT", raising=False)

        async def main() -> Any:
            async with way.make(verify=False) as http:
                return Client(http, "http://localhost").timeouts

        assert way.run(main) == Timeouts(connect=30, first_event=30, idle=60)

    def test_that_make_no_sense_in_the_environment(
        self, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FASTSSE_IDLE_TIMEOUT", "soon")

        async def main() -> None:
            async with way.make(verify=False) as http:
                with pytest.raises(ValueError, match=r"FASTSSE_IDLE_TIMEOUT: .*'soon'"):
                    Client(http, "http://localhost")

        way.run(main)

    def test_take_the_place_of_the_client_s_own(self, way: Way) -> None:
        with scripted([0.3, head(), 0.3, *CHAT[1:]]) as server:

            async def main() -> Any:
                timeout = way.library.Timeout(5, read=0.1)
                async with way.make(verify=False, timeout=timeout) as http:
                    return await read(Client(http, server.url, retry=None).chat(MESSAGES))

            called = way.run(main)
        assert called.error is None
        assert called.text == TEXT


class TestRetry:
    def test_waits_grow(self, way: Way) -> None:
        with scripted(BUSY, BUSY, BUSY, CHAT) as server:
            retry = Retry(attempts=4, wait_initial=0.1, wait_max=10, wait_jitter=0)
            called = answer_of(way, server, chat, retry=retry)
        assert called.text == TEXT
        came = [request.came for request in server.requests]
        waits = [later - sooner for sooner, later in pairwise(came)]
        assert waits[0] > 0.09
        assert waits[1] > 0.19
        assert waits[2] > 0.39

    def test_waits_have_jitter(self, way: Way, caplog: pytest.LogCaptureFixture) -> None:
        with scripted(*[BUSY] * 10, CHAT) as server:
            retry = Retry(attempts=11, wait_initial=0, wait_max=0.02, wait_jitter=0.02)
            answer_of(way, server, chat, retry=retry)
        scheduled = [record for record in caplog.records if "retry" in record.message]
        waits = {getattr(record, "stamina.wait_for") for record in scheduled}
        assert len(scheduled) == 10
        assert len(waits) > 1

    @pytest.mark.parametrize("retry", [None, Retry(attempts=1)])
    def test_may_be_off(self, way: Way, retry: Retry | None) -> None:
        with scripted(BUSY, CHAT) as server:
            called = answer_of(way, server, chat, retry=retry)
        assert isinstance(called.error, ResponseError)
        assert called.answer.stats.attempts == len(server.requests) == 1

    def test_sends_the_same_again(self, way: Way) -> None:
        with scripted(BUSY, [Step.RESET], CHAT) as server:
            called = answer_of(way, server, chat, api_key=KEY)
        assert called.text == TEXT
        first, second, third = server.requests
        assert first.body == second.body == third.body
        assert first.headers == second.headers == third.headers


class TestKey:
    @pytest.mark.parametrize("how", [read, fetch], ids=["stream", "whole"])
    @pytest.mark.parametrize(
        "act", [CHAT, whole(200, CHAT_WHOLE), whole(401, {}), [Step.RESET], [Step.STALL]]
    )
    def test_is_told_to_the_server_alone(
        self, way: Way, act: Act, how: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings = {
            "api_key": KEY,
            "timeouts": Timeouts(headers=0.2),
            "save_failed_requests": tmp_path,
            "retry": Retry(attempts=2, wait_initial=0, wait_max=0, wait_jitter=0),
        }
        told: list[str] = []

        async def main() -> Any:
            async with way.client(server.url, **settings) as client:
                called = await how(client.chat(MESSAGES))
                told.extend([repr(client), repr(called.answer), repr(called.answer.stats)])
                return called

        with caplog.at_level(logging.DEBUG), scripted(act) as server:
            error = way.run(main).error
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        while error is not None:
            told += [str(error), repr(error), *getattr(error, "__notes__", [])]
            error = error.__cause__ or error.__context__
        # What other libraries say of headers is theirs: they are not asked to be that loud.
        ours = [record for record in caplog.records if record.name.startswith("fastsse")]
        told += [str(vars(record)) for record in ours]
        told += [file.read_text() for file in tmp_path.iterdir()]
        assert ours
        assert not [text for text in told if "secret" in text]

    def test_in_the_url_is_not_told(self, way: Way, caplog: pytest.LogCaptureFixture) -> None:
        if way.on_aiohttp:
            pytest.skip("aiohttp refuses what httpx makes of a user in the URL")
        with scripted(BUSY) as server, caplog.at_level(logging.DEBUG, "fastsse.llm"):
            url = server.url.replace("//", "//user:secret@")

            async def main() -> Any:
                async with way.client(url) as client:
                    answer = client.post("x?key=secret", {})
                    called = await read(answer)
                    return repr(client), called.error

            shown, error = way.run(main)
        assert isinstance(error, ResponseError)
        assert server.requests[0].path == "/v1/x?key=secret"
        told = [shown, str(error), repr(error), *(str(vars(r)) for r in caplog.records)]
        assert not [text for text in told if "secret" in text]

    @pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nx: y", "clé-secret", ""])
    def test_that_is_none_is_not_told_either(self, way: Way, key: str) -> None:
        async def main() -> None:
            async with way.make(verify=False) as http:
                with pytest.raises(ValueError, match="api_key: expected") as caught:
                    Client(http, "http://localhost", api_key=key)
                assert "secret" not in str(caught.value)

        way.run(main)


class TestDrain:
    @pytest.mark.parametrize("at_once", [False, True])
    def test_has_the_connection_used_again(self, way: Way, at_once: bool) -> None:
        rest = [http_chunk(b": bye\n\n"), 0.05, http_chunk(event("more")), 0.05, END]
        act = [b"".join(CHAT)] if at_once else [*CHAT[:-1], *rest]
        with scripted(act) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    for _ in range(3):
                        before = tasks_living()
                        called = await read(client.chat(MESSAGES))
                        assert called.error is None
                        assert called.text == TEXT
                        assert tasks_living() == before
                        assert connections_of(client._http) == (0, 1)

            way.run(main)
        assert len({request.port for request in server.requests}) == 1

    @drops
    def test_is_for_what_was_read_to_its_end(self, way: Way) -> None:
        with scripted([*CHAT[:4], Step.STALL], CHAT) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    before = tasks_living()
                    async with client.chat(MESSAGES) as answer:
                        async for _ in answer:
                            break
                    assert await tasks_settle(before)
                    expect_nothing_open(client, server)
                    assert (await read(client.chat(MESSAGES))).text == TEXT

            way.run(main)
        assert len({request.port for request in server.requests}) == 2

    @drops
    def test_has_a_limit_of_bytes(self, way: Way) -> None:
        endless = [http_chunk(b":" * 100_000 + b"\n")] * 1000
        with scripted([*CHAT[:-1], *endless, END], CHAT) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    called = await read(client.chat(MESSAGES))
                    assert called.error is None
                    assert called.text == TEXT
                    in_use, idle = connections_of(client._http)
                    assert (in_use, idle) == (0, 0)
                    assert server.settles(0)
                    assert (await read(client.chat(MESSAGES))).text == TEXT

            way.run(main)
        assert len({request.port for request in server.requests}) == 2

    @drops
    def test_has_a_limit_of_time(self, way: Way) -> None:
        drip = [step for _ in range(1000) for step in (http_chunk(b":\n"), 0.05)]
        with scripted([*CHAT[:-1], *drip, END], CHAT) as server:
            began = time.monotonic()

            async def main() -> None:
                async with way.client(server.url) as client:
                    called = await read(client.chat(MESSAGES))
                    assert called.error is None
                    assert called.text == TEXT
                    assert server.settles(0)
                    assert (await read(client.chat(MESSAGES))).text == TEXT

            way.run(main)
        # All of it would take fifty.
        assert time.monotonic() - began < 25


class TestAnswer:
    def test_several_at_once(self, way: Way) -> None:
        with scripted([head(), *[s for w in words() for s in (w, 0.01)], FINISH, END]) as server:

            async def main() -> Any:
                limits = way.library.Limits(max_connections=8)
                async with way.make(verify=False, limits=limits) as http:
                    client = Client(http, server.url, timeouts=LONG, retry=QUICK)
                    texts: list[str] = []

                    async def ask() -> None:
                        async with client.chat(MESSAGES) as answer:
                            texts.append("".join([delta.text async for delta in answer]))

                    before = tasks_living()
                    async with anyio.create_task_group() as group:
                        for _ in range(8):
                            group.start_soon(ask)
                    assert await tasks_settle(before)
                    return texts

            assert way.run(main) == [TEXT] * 8
        assert len({request.port for request in server.requests}) == 8

    def test_is_asked_for_once(self, way: Way) -> None:
        with scripted(CHAT) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    answer = client.chat(MESSAGES)
                    called = await read(answer)
                    assert called.text == TEXT
                    with pytest.raises(RuntimeError, match="asked for once"):
                        await answer
                    with pytest.raises(RuntimeError, match="asked for once"):
                        async with answer:
                            pass

            way.run(main)
        assert len(server.requests) == 1

    def test_is_read_in_async_with_and_async_for(self, way: Way) -> None:
        with scripted(CHAT) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    with pytest.raises(RuntimeError, match="expected `async with` around"):
                        async for _ in client.chat(MESSAGES):
                            pass
                    with pytest.raises(TypeError, match="expected `async for`, got `for`"):
                        for _ in client.chat(MESSAGES):
                            pass

            way.run(main)
        assert server.requests == []

    @drops
    def test_is_over_after_its_async_with(self, way: Way) -> None:
        with scripted([*CHAT[:4], Step.STALL]) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    async with client.chat(MESSAGES) as answer:
                        assert (await anext(answer)).text == WORDS[0]
                    with pytest.raises(RuntimeError, match="closed before its end"):
                        async for _ in answer:
                            pass

            way.run(main)

    @drops
    def test_goes_on_after_a_break(self, way: Way) -> None:
        with scripted(CHAT) as server:

            async def main() -> Any:
                async with way.client(server.url) as client:
                    texts = []
                    async with client.chat(MESSAGES) as answer:
                        texts.append((await anext(answer)).text)
                        async for delta in answer:
                            texts.append(delta.text)
                            break
                        texts += [delta.text async for delta in answer]
                    return "".join(texts)

            assert way.run(main) == TEXT

    @drops
    def test_tells_its_error_again(self, way: Way) -> None:
        with scripted([head(), *words(2), http_chunk(event(OVERLOADED)), END]) as server:

            async def main() -> None:
                async with way.client(server.url) as client, client.chat(MESSAGES) as answer:
                    for _ in range(2):
                        with pytest.raises(StreamError, match="overloaded"):
                            async for _delta in answer:
                                pass

            way.run(main)

    @drops
    def test_the_caller_s_own_error_passes(self, way: Way) -> None:
        with scripted([*CHAT[:4], Step.STALL]) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    before = tasks_living()
                    with pytest.raises(KeyError):
                        async with client.chat(MESSAGES) as answer:
                            async for _ in answer:
                                raise KeyError("mine")
                    assert await tasks_settle(before)
                    expect_nothing_open(client, server)

            way.run(main)


def test_deadlines_of_asyncio_are_kept_apart_from_ours() -> None:
    """A timeout of the caller's is a TimeoutError of his, and no StreamTimeout."""
    with scripted([*CHAT[:4], Step.STALL]) as server:

        async def main() -> None:
            async with WAYS["httpx"].client(server.url) as client:
                with pytest.raises(TimeoutError) as caught:
                    async with asyncio.timeout(0.3), client.chat(MESSAGES) as answer:
                        async for _ in answer:
                            pass
                assert not isinstance(caught.value, StreamTimeout)
                expect_nothing_open(client, server)

        asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "has_key"),
    [("x", True), ("/x", True), ("{base}/x", True), ("{other}/x", False), ("//{there}/x", False)],
)
def test_the_key_goes_to_its_own_server_alone(way: Way, url: str, has_key: bool) -> None:
    with scripted(CHAT) as server, scripted(CHAT) as other:
        there = other.url.removeprefix("http://")
        to = url.format(base=server.url, other=other.url, there=there)
        answer_of(way, server, lambda client: client.post(to, {}), api_key=KEY)
        (asked,) = server.requests if has_key else other.requests
        assert ("authorization" in asked.headers) == has_key


async def expect_refused(way: Way, name: str) -> None:
    async with way.make() as http:
        with pytest.raises(TypeError, match=f"{name}: expected .* or None, got int"):
            Client(http, "http://localhost", **{name: 3})
        client = Client(http, "http://localhost")
        with pytest.raises(TypeError, match="timeouts: expected Timeouts or None, got float"):
            client.chat(MESSAGES, timeouts=0.5)
        with pytest.raises(ValueError, match=r"timeout: expected timeouts=Timeouts"):
            client.chat(MESSAGES, timeout=3)


@pytest.mark.parametrize("name", ["timeouts", "retry"])
def test_settings_of_another_type_are_refused(way: Way, name: str) -> None:
    way.run(lambda: expect_refused(way, name))


def test_a_whole_answer_tells_what_it_took(way: Way) -> None:
    with scripted(whole(200, CHAT_WHOLE)) as server:
        called = answer_of(way, server, chat, fetch)
    assert called.error is None
    assert called.answer.stats.elapsed > 0
    assert called.answer.usage is not None
    assert called.answer.finish_reason == "stop"
