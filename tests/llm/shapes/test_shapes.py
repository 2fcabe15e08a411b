"""What the fixtures of the wire formats cannot say: no shape, wrong bytes, logs, and names."""

import json
from typing import Any

import pytest

from fastsse import ServerSentEvent
from fastsse.llm import DecodeError, StreamError
from fastsse.llm.shapes import SHAPES, recognise, shape_named


def event_of(data: Any, event: str = "message") -> ServerSentEvent:
    return ServerSentEvent(event=event, data=data if isinstance(data, str) else json.dumps(data))


class TestRecognise:
    @pytest.mark.parametrize(
        "data",
        [
            "[DONE]", {}, [], [{"choices": []}], 1, None, {"type": "ping"}, {"type": None},
            {"type": []}, {"type": {}},
            # Azure's first event, in chats and completions alike.
            {"choices": [], "id": "", "object": "", "prompt_filter_results": [{}]},
            {"choices": None}, {"choices": [1]}, {"choices": {"delta": 1}},
            {"results": [1]}, {"value": 1}, {"value": "a", "other": 1},
            {"jsonrpc": "2.0", "id": 1, "result": {"content": []}},
        ],
    )  # fmt: skip
    def test_finds_no_shape(self, data: Any) -> None:
        assert recognise(event_of(data)) is None

    def test_raises_the_error_of_an_event(self) -> None:
        with pytest.raises(StreamError, match="too many"):
            recognise(event_of({"error": {"message": "too many"}}))
        with pytest.raises(StreamError, match="too many"):
            recognise(event_of("too many", "error"))

    def test_refuses_what_is_not_json(self) -> None:
        with pytest.raises(DecodeError):
            recognise(event_of("Sure, here"))


@pytest.mark.parametrize("shape", SHAPES)
def test_bytes_that_are_not_utf8_in_a_field_that_is_not_read(shape: str) -> None:
    event = ServerSentEvent(data_bytes=b'{"id": "\xff", "choices": []}')
    with pytest.raises(DecodeError, match="utf-8"):
        SHAPES[shape].reader()(event)


@pytest.mark.parametrize("shape", ["openai-chat", "openai-completions"])
def test_an_event_without_choices_is_logged(shape: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "fastsse.llm")
    read = SHAPES[shape].reader()
    assert list(read(event_of('{"foo": 1}'))) == []
    assert list(read(event_of('{"choices": []}'))) == []
    (record,) = caplog.records
    assert record.levelname == "DEBUG"
    assert record.getMessage() == 'skipped an event without choices: {"foo": 1}'


def test_shapes_have_names() -> None:
    assert [shape_named(name) for name in SHAPES] == [*SHAPES.values()]
    assert [shape.name for shape in SHAPES.values()] == [*SHAPES]
