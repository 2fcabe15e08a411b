"""Streams of answers that carry an error, are no JSON, or end too soon."""

import json

import pytest
from llm_calling import HALF, OVERLOADED, TEXT, Way, call
from llm_server import (
    CHAT,
    END,
    FINISH,
    USED,
    WORDS,
    Step,
    chat_chunk,
    event,
    head,
    http_chunk,
    words,
)

from fastsse import EventTooLargeError, ProtocolError
from fastsse.llm import DecodeError, IncompleteStreamError, StreamError


class TestStream:
    def test_that_carries_an_error_after_ten_tokens(self, way: Way) -> None:
        with way.scripted([head(), *words(), http_chunk(event(OVERLOADED)), END], CHAT) as server:
            called = call(way, server)
        error = called.error
        assert isinstance(error, StreamError)
        assert error.message == "overloaded"
        assert (error.type, error.code) == ("busy", 17)
        assert error.error == OVERLOADED["error"]
        assert json.loads(error.event.data) == OVERLOADED
        assert called.text == TEXT
        assert len(server.requests) == 1

    def test_that_ends_inside_an_event(self, way: Way) -> None:
        with way.scripted([head(), *words(), http_chunk(HALF), END], CHAT) as server:
            called = call(way, server)
        assert isinstance(called.error, DecodeError)
        assert called.text == TEXT
        assert len(server.requests) == 1

    def test_that_ends_without_its_end(self, way: Way) -> None:
        with way.scripted([head(), *words(), END], CHAT) as server:
            called = call(way, server)
        error = called.error
        assert isinstance(error, IncompleteStreamError)
        assert isinstance(error, ProtocolError)
        assert error.events == 10
        assert called.text == TEXT
        assert called.answer.finish_reason is None
        assert len(server.requests) == 1

    def test_that_is_in_no_coding(self, way: Way) -> None:
        headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
        with way.scripted([head(200, headers), *words(), END], CHAT) as server:
            called = call(way, server)
        assert isinstance(called.error, ProtocolError)

    def test_that_carries_an_error_in_the_chunk_of_the_tokens(self, memory: Way) -> None:
        events = b"".join(event(chat_chunk(word)) for word in WORDS)
        body = http_chunk(events + event("busy!", name="error"))
        with memory.scripted([head(), body, END], CHAT) as server:
            called = call(memory, server)
        assert isinstance(called.error, StreamError)
        assert called.error.message == "busy!"
        assert called.text == TEXT
        assert len(server.requests) == 1

    def test_that_carries_an_error_first(self, memory: Way) -> None:
        with memory.scripted([head(), http_chunk(event(OVERLOADED)), END], CHAT) as server:
            called = call(memory, server)
        assert isinstance(called.error, StreamError)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("data", "reason"),
        [(HALF[6:], "truncated"), (b"\xff\xfe", "utf-8"), (b'{"choices": 3}', "array")],
        ids=["truncated", "not UTF-8", "no chunk"],
    )
    def test_that_carries_no_json(self, memory: Way, data: bytes, reason: str) -> None:
        bad = http_chunk(b"data: " + data + b"\n\n")
        with memory.scripted([head(), *words(), bad, Step.STALL], CHAT) as server:
            called = call(memory, server)
        error = called.error
        assert isinstance(error, DecodeError)
        assert reason in error.reason
        assert error.event.data_bytes == data
        assert data.decode("utf-8", "replace") in str(error)
        assert called.text == TEXT
        assert len(server.requests) == 1

    def test_that_ends_with_a_finish_reason_alone(self, memory: Way) -> None:
        with memory.scripted([head(), *words(), FINISH, USED, END], CHAT) as server:
            called = call(memory, server)
        assert called.error is None
        assert called.text == TEXT
        assert called.answer.finish_reason == "stop"
        assert called.answer.usage.total_tokens == 17

    def test_that_ends_without_its_end_which_may_be(self, memory: Way) -> None:
        with memory.scripted([head(), *words(), END], CHAT) as server:
            called = call(memory, server, require_end=False)
        assert called.error is None
        assert called.text == TEXT

    def test_that_has_nothing(self, memory: Way) -> None:
        with memory.scripted([head(), END], CHAT) as server:
            called = call(memory, server)
        assert isinstance(called.error, IncompleteStreamError)
        assert called.error.events == 0
        assert len(server.requests) == 1

    def test_whose_event_is_too_large(self, memory: Way) -> None:
        large = b"data: " + b"x" * (64 * 1024 * 1024 + 1)
        with memory.scripted([head(), *words(), http_chunk(large), Step.STALL], CHAT) as server:
            called = call(memory, server)
        assert isinstance(called.error, EventTooLargeError)
        assert isinstance(called.error, ProtocolError)
        assert called.text == TEXT
        assert len(server.requests) == 1
