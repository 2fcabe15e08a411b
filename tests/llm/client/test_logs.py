"""What the client logs, saves and hands on of headers; it never shows the key."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from llm_calling import (
    BUSY,
    KEY,
    LONG,
    MESSAGES,
    OVERLOADED,
    TEXT,
    Way,
    answer_of,
    chat,
    fetch,
    read,
)
from llm_server import (
    CHAT,
    CHAT_WHOLE,
    DONE,
    END,
    STREAM,
    WORDS,
    Act,
    Step,
    completion_chunk,
    event,
    head,
    http_chunk,
    whole,
    words,
)

from fastsse import ResponseError
from fastsse.llm import Client, Retry, Timeouts, TransportError

LIMITS = {"x-ratelimit-remaining-tokens": "9", "X-Request-Id": "req-17", "retry-after": "2"}


class TestHeaders:
    def test_reach_the_caller_and_the_log(self, way: Way, caplog: pytest.LogCaptureFixture) -> None:
        act = [head(200, {**STREAM, **LIMITS}), *CHAT[1:]]
        with way.scripted(act) as server, caplog.at_level(logging.INFO, "fastsse.llm"):
            answer = answer_of(way, server, chat).answer
        limits = {"x-ratelimit-remaining-tokens": "9", "retry-after": "2"}
        assert answer.request_id == "req-17"
        assert answer.rate_limits == limits
        began, ended = (
            next(record for record in caplog.records if record.message.startswith(f"answer {what}"))
            for what in ("began", "ended")
        )
        for record in began, ended:
            assert record.name == "fastsse.llm.answer"
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
        self, memory: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "fastsse.llm")
        with memory.scripted(whole(400, OVERLOADED, x_request_id="req-18")) as server:
            called = answer_of(memory, server, chat)
        assert isinstance(called.error, ResponseError)
        assert called.error.headers["x-request-id"] == "req-18"
        assert called.answer.request_id == "req-18"
        failed = next(record for record in caplog.records if "answer failed" in record.message)
        assert failed.request_id == "req-18"
        assert "overloaded" in failed.message

    def test_before_there_is_an_answer(self, memory: Way) -> None:
        async def main() -> Any:
            async with memory.client("http://127.0.0.1:1") as client:
                return client.chat(MESSAGES)

        answer = memory.run(main)
        assert answer.request_id is None
        assert answer.rate_limits == {}
        assert answer.usage is None
        assert answer.finish_reason is None


class TestSkippedEvents:
    def test_skipped_events_are_counted_and_logged_once(
        self, memory: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        bad = [http_chunk(event('{"choices": [{"text": "half')), http_chunk(event("[1, 2]"))]
        chunks = [http_chunk(event(completion_chunk(word))) for word in WORDS]
        act = [head(), *chunks[:4], bad[0], *chunks[4:], *bad, http_chunk(DONE), END]
        with memory.scripted(act) as server, caplog.at_level(logging.DEBUG, "fastsse.llm"):
            ask = {"on_error": "skip", "require_end": False}
            called = answer_of(memory, server, lambda client: client.complete("x", **ask))
        assert called.error is None
        assert "".join(token.text for token in called.values) == TEXT
        assert called.answer.stats.parse_failures == called.answer.parse_failures == 3
        levels = [record.levelname for record in caplog.records if "skipped" in record.message]
        assert levels == ["WARNING", "DEBUG", "DEBUG"]
        warning = next(record for record in caplog.records if record.levelname == "WARNING")
        assert '{"choices": [{"text": "half' in warning.message
        assert warning.name == "fastsse.llm.values"

    def test_passes_over_what_is_no_chunk(
        self, memory: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        noise = [http_chunk(event("keep-alive")), http_chunk(b"data: \xff\n\n")]
        act = [head(), noise[0], *words(5), *noise, *words()[5:], http_chunk(DONE), END]
        with memory.scripted(act) as server, caplog.at_level(logging.DEBUG, "fastsse.llm"):
            ask = {"on_error": "skip"}
            called = answer_of(memory, server, lambda client: client.chat(MESSAGES, **ask))
        assert called.error is None
        assert called.text == TEXT
        assert called.answer.parse_failures == 3
        skipped = [record for record in caplog.records if "skipped" in record.message]
        assert len(skipped) == 3
        assert "keep-alive" in skipped[0].message


class TestSaved:
    @pytest.mark.parametrize("how", [read, fetch], ids=["stream", "whole"])
    def test_a_request_that_failed(self, memory: Way, tmp_path: Path, how: Any) -> None:
        folder = tmp_path / "failed" / "here"
        with memory.scripted(whole(400, OVERLOADED)) as server:
            called = answer_of(memory, server, chat, how, api_key=KEY, save_failed_requests=folder)
        (saved,) = folder.iterdir()
        sent = server.requests[0].json
        assert json.loads(saved.read_bytes()) == sent
        assert sent["stream"] == (how is read)
        assert KEY not in saved.read_text()
        assert called.error.__notes__ == [f"the request was saved to {saved}"]

    def test_one_that_failed_under_way(self, memory: Way, tmp_path: Path) -> None:
        with memory.scripted([head(), *words(3), Step.RESET]) as server:
            called = answer_of(memory, server, chat, save_failed_requests=str(tmp_path))
        assert isinstance(called.error, TransportError)
        assert [json.loads(file.read_bytes()) for file in tmp_path.iterdir()] == [
            server.requests[0].json
        ]

    def test_none_that_went_well(self, memory: Way, tmp_path: Path) -> None:
        with memory.scripted(CHAT) as server:
            answer_of(memory, server, chat, save_failed_requests=tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_none_if_it_was_not_asked_for(
        self, memory: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with memory.scripted(whole(400, OVERLOADED)) as server:
            called = answer_of(memory, server, chat)
        assert isinstance(called.error, ResponseError)
        assert not hasattr(called.error, "__notes__")
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_made_hides_no_error(
        self, memory: Way, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        with memory.scripted(whole(400, OVERLOADED)) as server:
            called = answer_of(memory, server, chat, save_failed_requests=tmp_path / "file" / "x")
        assert isinstance(called.error, ResponseError)
        assert "could not save" in caplog.text

    def test_a_request_that_is_no_json_hides_no_error(self, memory: Way, tmp_path: Path) -> None:
        with memory.scripted(CHAT) as server:
            ask = [{"role": "user", "content": object()}]
            settings = {"save_failed_requests": tmp_path}
            called = answer_of(memory, server, lambda client: client.chat(ask), **settings)
        assert isinstance(called.error, TypeError)
        assert called.error.__context__ is None
        assert server.requests == []
        assert list(tmp_path.iterdir()) == []


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

        with caplog.at_level(logging.DEBUG), way.scripted(act) as server:
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

    def test_in_the_url_is_not_told(self, memory: Way, caplog: pytest.LogCaptureFixture) -> None:
        with memory.scripted(BUSY) as server, caplog.at_level(logging.DEBUG, "fastsse.llm"):
            url = server.url.replace("//", "//user:secret@")

            async def main() -> Any:
                async with memory.client(url) as client:
                    answer = client.post("x?key=secret", {})
                    called = await read(answer)
                    return repr(client), called.error

            shown, error = memory.run(main)
        assert isinstance(error, ResponseError)
        assert server.requests[0].path == "/v1/x?key=secret"
        told = [shown, str(error), repr(error), *(str(vars(r)) for r in caplog.records)]
        assert not [text for text in told if "secret" in text]

    @pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nx: y", "clé-secret", ""])
    def test_that_is_none_is_not_told_either(self, memory: Way, key: str) -> None:
        async def main() -> None:
            async with memory.make(verify=False) as http:
                with pytest.raises(ValueError, match="api_key: expected") as caught:
                    Client(http, base_url="http://localhost", api_key=key)
                assert "secret" not in str(caught.value)

        memory.run(main)
