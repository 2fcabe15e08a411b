"""Each wire format by its fixtures: the events of a stream, their deltas, and the message.

`<shape>.json` is a list of cases:

    name        of the case, unique in its file
    events      each {"event": its type, "data": a JSON value, or the data itself as a string}
    deltas      what the events give until the end or an error; "[DONE]" is the end
    message     what the deltas add up to
    error       in place of the message: its class, and attributes of it
    recognised  false if no event shows the shape; true by default
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fastsse import ServerSentEvent, SSEError
from fastsse.llm import DONE, Delta, Message, accumulate
from fastsse.llm.shapes import SHAPES, recognise

FIXTURES = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted(Path(__file__).parent.glob("*.json"))
}
EVERY_CASE = [
    pytest.param(shape, case, id=f"{shape}: {case['name']}")
    for shape, cases in FIXTURES.items()
    for case in cases
]


def events_of(case: Any) -> Iterator[ServerSentEvent]:
    for event in case["events"]:
        data = event["data"]
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        yield ServerSentEvent(event=event.get("event", "message"), data=text)


def expected_deltas(case: Any) -> list[Any]:
    return [
        DONE if delta == "[DONE]" else msgspec.convert(delta, Delta) for delta in case["deltas"]
    ]


@pytest.mark.parametrize(("shape", "case"), EVERY_CASE)
def test_deltas(shape: str, case: Any) -> None:
    # Two streams at the same time share nothing.
    read, read_another = SHAPES[shape].reader(), SHAPES[shape].reader()
    deltas, error = [], None
    try:
        for event in events_of(case):
            found = list(read(event))
            deltas += found
            assert list(read_another(event)) == found
    except SSEError as caught:
        error = caught
    assert deltas == expected_deltas(case)
    assert bool(error) is ("error" in case)
    if error is not None:
        attributes = dict(case["error"])
        assert type(error).__name__ == attributes.pop("class")
        assert {name: getattr(error, name) for name in attributes} == attributes


@pytest.mark.parametrize(
    ("shape", "case"), [each for each in EVERY_CASE if "error" not in each.values[1]]
)
def test_message(shape: str, case: Any) -> None:
    deltas = [delta for delta in expected_deltas(case) if delta is not DONE]
    assert accumulate(deltas) == msgspec.convert(case["message"], Message)


@pytest.mark.parametrize(("shape", "case"), EVERY_CASE)
def test_is_recognised(shape: str, case: Any) -> None:
    found = set()
    for event in events_of(case):
        with suppress(SSEError):
            found.add(recognise(event))
    assert found - {None} == ({SHAPES[shape]} if case.get("recognised", True) else set())


def test_each_shape_has_fixtures() -> None:
    assert FIXTURES.keys() == SHAPES.keys()
    for cases in FIXTURES.values():
        names = [case["name"] for case in cases]
        assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("shape", SHAPES)
def test_each_finish_reason_has_a_fixture(shape: str) -> None:
    """A word of the table ends a choice for our reason, in some event of the fixtures."""
    module = import_module(f"fastsse.llm.shapes.{shape.replace('-', '_')}")
    assert module.SHAPE is SHAPES[shape]
    seen = set()
    for case in FIXTURES[shape]:
        with suppress(SSEError):
            read = SHAPES[shape].reader()
            for event in events_of(case):
                reasons = {delta.finish_reason for delta in read(event) if delta is not DONE}
                words = {*strings_in(event.data), event.event.removeprefix("thread.run.")}
                seen |= {(word, reason) for word in words for reason in reasons}
    # Writer sends none.
    table = getattr(module, "FINISH_REASONS", {})
    assert bool(table) is (shape != "writer")
    assert {*table.items()} <= seen


def strings_in(data: str) -> Iterator[str]:
    """The strings of a JSON text, at any depth."""
    found: list[Any] = []
    with suppress(ValueError):
        found.append(json.loads(data))
    while found:
        value = found.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, dict)):
            found += value.values() if isinstance(value, dict) else value
