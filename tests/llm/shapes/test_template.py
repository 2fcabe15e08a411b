"""Reading by a template gives the same deltas and errors as reading each chunk whole."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastsse import ServerSentEvent, SSEError
from fastsse.llm.shapes import openai_chat, openai_completions
from fastsse.llm.shapes._template import MAX_TEMPLATES, PROBE, TemplateReader

PROBE_TEXT = json.dumps(PROBE)[1:-1]
Read = Callable[[ServerSentEvent], Sequence[Any]]

TEXTS = [
    "a",
    "b",
    " the",
    ",",
    ":",
    '"',
    "\\",
    "",
    "id",
    "ü",
    "\x00probe",
    '","',
    "content",
    "x\ny",
]


def chat(text: Any, **more: Any) -> str:
    choice = {"index": 0, "delta": {"content": text, **more.pop("delta", {})}, **more}
    return json.dumps({"id": "a", "object": "chat.completion.chunk", "choices": [choice]})


def event(data: str | bytes, kind: str = "message") -> ServerSentEvent:
    return ServerSentEvent(event=kind, data_bytes=data.encode() if isinstance(data, str) else data)


def outcome(read: Read, one: ServerSentEvent) -> Any:
    try:
        return list(read(one))
    except SSEError as error:
        return type(error), error.args


def check(read: Read, events: list[ServerSentEvent]) -> None:
    by_template = TemplateReader(read).read
    for one in events:
        assert outcome(by_template, one) == outcome(read, one)


def with_middle(middle: str) -> str:
    return chat("MIDDLE").replace('"MIDDLE"', middle)


def with_two_texts(first: str, last: str) -> str:
    return with_middle(f'{json.dumps(first)}, "content": {json.dumps(last)}')


def with_another_before(other: str, text: str) -> str:
    return f'{{"x": {json.dumps(other)}, {chat(text)[1:]}'


def padded(text: Any, padding: Any) -> str:
    return f'{chat(text)[:-1]}, "obfuscation": {json.dumps(padding)}}}'


PARTS = st.sampled_from(TEXTS) | st.text(max_size=4)
MIDDLES = ['"a"', ' "a" ', '"a","b":"c"', '"\\u0061"', "null", "1", '["a"]', '"a', '"a"x', '""']
CHUNKS = st.one_of(
    st.builds(chat, PARTS),
    st.builds(lambda text, other: chat(text, name=other), PARTS, PARTS),
    st.builds(lambda text, other: chat(text, delta={"reasoning": other}), PARTS, PARTS),
    st.builds(lambda text, other: chat(text, finish_reason=other), PARTS, PARTS),
    st.builds(lambda text, index: chat(text, index=index), PARTS, st.integers(0, 1)),
    st.builds(padded, PARTS, PARTS | st.none()),
    st.builds(with_two_texts, PARTS, PARTS),
    st.builds(with_another_before, PARTS, PARTS),
    st.builds(with_middle, st.sampled_from(MIDDLES)),
    st.sampled_from(["[DONE]", "{", '{"error": "x"}', '{"choices": []}']),
)


@settings(deadline=None)
@given(st.lists(st.builds(event, CHUNKS, st.sampled_from(["message", "message", "error"]))))
@example([event(chat("x")), event(chat("y")), event(chat("z"), "error")])
@example([event(chat(",")), event(chat("a"))])
@example([event(chat("x", index=1)), event(chat("y", index=1))])
@example([event(chat("x", finish_reason="stop")), event(chat("y", finish_reason="stop"))])
@example([event(chat("id")), event(chat("a"))])
@example([event(padded("x", "a")), event(padded("y", 'a"b')), event(padded("z", ""))])
@example([event(padded("x", "a-")), event(padded("y", "b-")), event(padded("z", "b"))])
@example([event(chat("x")), event(chat("y") + "letters")])
def test_gives_what_reading_each_chunk_gives(events: list[ServerSentEvent]) -> None:
    check(openai_chat.read_chunk, events)


@settings(deadline=None)
@given(st.lists(st.builds(chat, PARTS).map(str.encode), min_size=2), st.data())
def test_wrong_bytes_are_not_missed(chunks: list[bytes], data: st.DataObject) -> None:
    events = []
    for chunk in chunks:
        at = data.draw(st.integers(0, len(chunk)))
        wrong = data.draw(st.sampled_from([b"", b"\xff", b'"', b"\\", b"\n", b"\x00"]))
        events += [event(chunk), event(chunk[:at] + wrong + chunk[at:])]
    check(openai_chat.read_chunk, events)


@pytest.mark.parametrize("chunk", [chat, lambda text: padded(text, "x" + text[5:])])
def test_decodes_only_the_text(chunk: Callable[[str], str]) -> None:
    whole = []

    def read(one: ServerSentEvent) -> Sequence[Any]:
        whole.append(one.data)
        return openai_chat.read_chunk(one)

    by_template = TemplateReader(read).read
    for number in range(10):
        (delta,) = by_template(event(chunk(f"text {number}")))
        assert delta.text == f"text {number}"
    assert whole == [chunk("text 0"), chunk("text 0").replace("text 0", PROBE_TEXT)]


def test_gives_up_after_some_templates() -> None:
    calls = 0

    def read(one: ServerSentEvent) -> Sequence[Any]:
        nonlocal calls
        calls += 1
        return openai_chat.read_chunk(one)

    by_template = TemplateReader(read).read
    for number in range(100):
        by_template(event(chat("text", salt=f"{number}")))
    assert calls == 100 + MAX_TEMPLATES


@pytest.mark.parametrize("text", ["a", "ü", '"', "\\n"])
def test_completions(text: str) -> None:
    chunks = [json.dumps({"choices": [{"index": 0, "text": each}]}) for each in ("x", text, "y")]
    check(openai_completions.read_chunk, [event(chunk) for chunk in chunks])
