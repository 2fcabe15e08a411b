"""A parser raises `EventTooLargeError` for events larger than `max_event_size`."""

import sys
import tracemalloc
from typing import Any

import pytest
from cases import LIMIT_CASES, LimitCase
from feeding import check_limit_case, chunkings

from fastsse import EventTooLargeError

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize("case", LIMIT_CASES, ids=lambda case: case.name)
def test_limit_case(twin: Any, case: LimitCase) -> None:
    check_limit_case(twin, case)


@pytest.mark.parametrize("case", LIMIT_CASES, ids=lambda case: case.name)
def test_an_event_is_refused_at_the_same_size_in_any_chunks(twin: Any, case: LimitCase) -> None:
    for chunks in chunkings(case.stream, every_split_below=0):
        parser = twin.Parser(max_event_size=case.limit)
        try:
            for chunk in chunks:
                parser.feed(chunk)
            parser.flush()
        except EventTooLargeError as error:
            found = (error.limit, error.size)
        else:
            found = (case.limit, None)
        assert found == (case.limit, case.limit + 1 if overflows(case) else None)


def overflows(case: LimitCase) -> bool:
    return case.too_large or case.flush_too_large


class TestLimit:
    def test_what_was_completed_before_comes_with_the_error(self, twin: Any) -> None:
        parser = twin.Parser(max_event_size=5)
        with pytest.raises(EventTooLargeError, match="max_event_size=5") as caught:
            parser.feed(b"data: 1\n\ndata: 2\n\ndata: 123456\n\ndata: 4\n\n")
        assert [e.data for e in caught.value.events] == ["1", "2"]
        assert caught.value.limit == 5

    def test_it_is_raised_again_without_events(self, twin: Any) -> None:
        parser = twin.Parser(max_event_size=1)
        with pytest.raises(EventTooLargeError) as first:
            parser.feed(b"data:\n\ndata: 12")
        for call in (lambda: parser.feed(b"data:\n\n"), lambda: parser.feed(b""), parser.flush):
            with pytest.raises(EventTooLargeError) as again:
                call()
            assert again.value.events == []
            assert again.value.size == first.value.size
        assert not parser.pending

    def test_the_default_is_64_mebibytes(self, twin: Any) -> None:
        parser = twin.Parser()
        parser.feed(b"data:")
        piece = b"x" * MEBIBYTE
        for _ in range(64):
            parser.feed(piece)
        with pytest.raises(EventTooLargeError, match=f"max_event_size={64 * MEBIBYTE}"):
            parser.feed(b"x")

    @pytest.mark.parametrize(
        "head", [b":", b"unknown: ", b"long" * 5, b"retry: 1", b"retry: x"], ids=bytes.decode
    )
    def test_an_endless_line_that_cannot_matter_is_not_kept(self, twin: Any, head: bytes) -> None:
        piece = b"1" * 65536
        parser = twin.Parser(max_event_size=1)
        tracemalloc.start()
        try:
            parser.feed(head)
            for _ in range(256):
                assert parser.feed(piece) == []
            assert tracemalloc.get_traced_memory()[1] < MEBIBYTE
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        "line", [b"data: %b", b"data: %b\ndata: %b", b"event: %b\ndata", b"id: %b\ndata"]
    )
    def test_storage_stays_within_three_times_the_size(self, twin: Any, line: bytes) -> None:
        value = "é".encode() * (2 * MEBIBYTE)
        stream = line.replace(b"%b", value) + b"\n"
        size = stream.count(value) * len(value)
        pieces = [stream[at : at + 1024] for at in range(0, len(stream), 1024)]
        parser = twin.Parser(max_event_size=None)
        tracemalloc.start()
        try:
            for piece in pieces:
                parser.feed(piece)
            assert parser.pending
            assert tracemalloc.get_traced_memory()[1] < 3 * size
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("end", [b"", b"\xff", b"\xf0"])
    @pytest.mark.parametrize("letter", ["x", "é", "語", "😀"])
    def test_an_event_takes_three_times_its_size(self, twin: Any, letter: str, end: bytes) -> None:
        value = letter.encode() * MEBIBYTE + end
        text, size = value.decode("utf-8", "replace"), len(value)
        stream = b"data: " + value + b"\n\n"
        pieces = [stream[at : at + 1024] for at in range(0, len(stream), 1024)]
        parser = twin.Parser(max_event_size=None)
        tracemalloc.start()
        try:
            (event,) = [event for piece in pieces for event in parser.feed(piece)]
            assert tracemalloc.get_traced_memory()[1] < 3 * size
            tracemalloc.reset_peak()
            assert event.data == text
            allowed = 3 * size if text.isascii() else 2 * size + sys.getsizeof(text)
            assert tracemalloc.get_traced_memory()[1] < allowed + MEBIBYTE // 16
        finally:
            tracemalloc.stop()

    def test_nothing_large_stays_for_the_next_event(self, twin: Any) -> None:
        parser = twin.Parser()
        tracemalloc.start()
        try:
            parser.feed(b"event: " + b"x" * MEBIBYTE + b"\nevent\ndata: a\n\ndata: b\n\n")
            assert tracemalloc.get_traced_memory()[0] < MEBIBYTE // 4
            for line in (b"event: %b\n\ndata: c\n\n", b"id: %b\nid\n\n", b"data: %b\n\n"):
                parser.feed(line.replace(b"%b", b"x" * MEBIBYTE))
                assert tracemalloc.get_traced_memory()[0] < MEBIBYTE // 4
        finally:
            tracemalloc.stop()
