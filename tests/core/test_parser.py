"""Both twins against the table of cases, the reference and each other, in every chunking."""

from pathlib import Path
from typing import Any

import pytest
import reference
import strategies
from cases import CASES, Case
from feeding import check_case, chunkings, outcome_of, plain
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import recorded_streams


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(twin: Any, case: Case) -> None:
    check_case(twin, case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reference_agrees_with_the_table(case: Case) -> None:
    outcome = reference.parse(case.stream)
    assert outcome == (
        list(case.events),
        list(case.flushed),
        case.last_event_id,
        case.retry,
        False,
        False,
    )


@settings(max_examples=1500, deadline=None)
@given(st.data(), strategies.streams(), strategies.limits(), st.sampled_from(["", "7", "ü", "x y"]))
def test_twins_and_reference_agree_on_any_stream_in_any_chunks(
    twins: list[Any], data: Any, stream: bytes, limit: int | None, last_event_id: str
) -> None:
    chunks = data.draw(strategies.chunkings(stream))
    expected = reference.parse(stream, last_event_id=last_event_id, max_event_size=limit)
    for twin in twins:
        parser = twin.Parser(last_event_id=last_event_id, max_event_size=limit)
        assert outcome_of(parser, chunks) == expected, twin


LARGE = [70_000, 3, 1_000_000, 65_536, 65_537, 300_000, 0, 300_000, 131_072, 1]


@pytest.mark.parametrize("letter", ["x", "ü", "語"])
@pytest.mark.parametrize("lines", [1, 3])
def test_events_of_changing_sizes_keep_their_own_data(twin: Any, lines: int, letter: str) -> None:
    texts = ["\n".join([letter * (size // lines)] * lines) for size in LARGE]
    blocks = ["".join(f"data: {line}\n" for line in text.split("\n")) + "\n" for text in texts]
    stream = "".join(blocks).encode()
    for size in (4096, 65_536, len(stream)):
        parser = twin.Parser()
        chunks = (stream[at : at + size] for at in range(0, len(stream), size))
        events = [event for chunk in chunks for event in parser.feed(chunk)]
        assert [event.data_bytes for event in events] == [text.encode() for text in texts]
        assert [event.data for event in events] == texts


@pytest.mark.parametrize(
    "case", [case for case in CASES if len(case.stream) < 150], ids=lambda case: case.name
)
def test_an_event_comes_out_of_the_feed_that_completes_it(twin: Any, case: Case) -> None:
    parser = twin.Parser()
    seen = []
    for at in range(len(case.stream)):
        seen += plain(parser.feed(case.stream[at : at + 1]))
        assert seen == reference.parse(case.stream[: at + 1]).events, at


@pytest.mark.parametrize("path", list(recorded_streams()))
def test_recorded_stream(twins: list[Any], path: Path) -> None:
    stream = path.read_bytes()
    expected = reference.parse(stream)
    assert expected.events
    for twin in twins:
        for chunks in chunkings(stream, every_split_below=0):
            assert outcome_of(twin.Parser(), chunks) == expected, twin


class TestArguments:
    def test_the_last_event_id_of_the_connection_before_is_carried_on(self, twin: Any) -> None:
        parser = twin.Parser(last_event_id="7")
        assert parser.last_event_id == "7"
        assert [e.id for e in parser.feed(b"data\n\nid\ndata\n\n")] == ["7", ""]

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"last_event_id": b"7"}, TypeError, "last_event_id: expected str, got bytes"),
            ({"last_event_id": None}, TypeError, "last_event_id: expected str, got NoneType"),
            ({"max_event_size": 1.5}, TypeError, "max_event_size: expected int, got float"),
            ({"max_event_size": True}, TypeError, "max_event_size: expected int, got bool"),
            ({"max_event_size": 0}, ValueError, "max_event_size: expected 1 or more bytes"),
            ({"max_event_size": -1}, ValueError, "max_event_size: expected 1 or more bytes"),
        ],
    )
    def test_wrong_ones(
        self, twin: Any, arguments: Any, error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            twin.Parser(**arguments)

    def test_they_are_keywords(self, twin: Any) -> None:
        with pytest.raises(TypeError):
            twin.Parser("7")

    def test_a_parser_is_not_made_anew(self, twin: Any) -> None:
        parser = twin.Parser(last_event_id="7")
        parser.__init__(last_event_id="8")
        assert parser.last_event_id == "7"
        assert twin.Parser.__new__(twin.Parser).feed(b"data\n\n")

    @pytest.mark.parametrize("name", ["last_event_id", "retry", "pending", "pending_data"])
    def test_state_is_read_only(self, twin: Any, name: str) -> None:
        with pytest.raises(AttributeError):
            setattr(twin.Parser(), name, "x")
