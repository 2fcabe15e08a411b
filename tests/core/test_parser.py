"""Both twins against the table of cases, the reference and each other, in every chunking."""

import array
import mmap
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import reference
import strategies
from cases import CASES, LIMIT_CASES, Case, LimitCase
from feeding import check_case, check_limit_case, chunkings, outcome_of, plain
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import recorded_streams

from fastsse import EventTooLargeError

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(twin: Any, case: Case) -> None:
    check_case(twin, case)


@pytest.mark.parametrize("case", LIMIT_CASES, ids=lambda case: case.name)
def test_limit_case(twin: Any, case: LimitCase) -> None:
    check_limit_case(twin, case)


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


class TestChunks:
    """What feed takes."""

    STREAM = b"id: 1\ndata: one\n\ndata: two\n\n"

    @pytest.mark.parametrize(
        "make",
        [
            bytes,
            bytearray,
            memoryview,
            lambda data: memoryview(bytearray(b"??" + data))[2:],
            lambda data: array.array("B", data),
        ],
        ids=["bytes", "bytearray", "memoryview", "slice", "array"],
    )
    def test_any_bytes_like_object(self, twin: Any, make: Any) -> None:
        assert [e.data for e in twin.Parser().feed(make(self.STREAM))] == ["one", "two"]

    def test_numpy(self, twin: Any) -> None:
        numpy = pytest.importorskip("numpy")
        chunk = numpy.frombuffer(self.STREAM, dtype=numpy.uint8)
        assert [e.data for e in twin.Parser().feed(chunk)] == ["one", "two"]
        with pytest.raises(TypeError, match="C-contiguous"):
            twin.Parser().feed(chunk[::2])
        with pytest.raises(TypeError, match="C-contiguous"):
            twin.Parser().feed(numpy.asfortranarray(numpy.zeros((3, 3))))

    def test_elements_of_several_bytes_are_read_as_bytes(self, twin: Any) -> None:
        stream = b"data: ab\n\n\n\n"
        chunk = memoryview(stream).cast("I", (1, 3))
        assert [e.data for e in twin.Parser().feed(chunk)] == ["ab"]

    def test_mmap_and_nothing_of_it_is_kept(self, twin: Any) -> None:
        chunk = mmap.mmap(-1, len(self.STREAM))
        chunk[:] = self.STREAM
        events = twin.Parser().feed(chunk)
        chunk.close()
        assert [e.data for e in events] == ["one", "two"]

    @pytest.mark.parametrize("at", range(1, len(STREAM)))
    def test_nothing_of_a_bytearray_is_kept(self, twin: Any, at: int) -> None:
        parser = twin.Parser()
        chunk = bytearray(self.STREAM[:at])
        events = parser.feed(chunk)
        chunk[:] = b"x" * at
        chunk.clear()
        events += parser.feed(self.STREAM[at:])
        assert [(e.data, e.id) for e in events] == [("one", "1"), ("two", "1")]

    @pytest.mark.parametrize(
        ("chunk", "message"),
        [
            ("data: x\n\n", "got str: pass the bytes"),
            (None, "got NoneType"),
            (7, "got int"),
            ([b"data"], "got list"),
            (memoryview(b"abcdef")[::2], "contiguous copy"),
        ],
    )
    def test_anything_else_is_a_type_error(self, twin: Any, chunk: Any, message: str) -> None:
        parser = twin.Parser()
        parser.feed(b"data: kept\n")
        with pytest.raises(TypeError, match=message):
            parser.feed(chunk)
        assert [e.data for e in parser.feed(b"\n")] == ["kept"]

    def test_a_released_view_is_a_type_error(self, twin: Any) -> None:
        view = memoryview(b"data")
        view.release()
        with pytest.raises(TypeError, match="got memoryview"):
            twin.Parser().feed(view)


class TestFlush:
    def test_flush_keeps_the_id_and_the_retry_of_a_cut_block(self, twin: Any) -> None:
        parser = twin.Parser()
        assert parser.feed(b"id: 1\n\nid: 2\ndata: x\nretry: 30") == []
        assert (parser.last_event_id, parser.retry, parser.pending) == ("1", None, True)
        (event,) = parser.flush()
        assert (event.data, event.id, event.retry) == ("x", "2", 30)
        assert (parser.last_event_id, parser.retry, parser.pending) == ("2", 30, False)
        assert parser.flush() == []

    def test_the_parser_stands_at_the_start_of_a_block_afterwards(self, twin: Any) -> None:
        parser = twin.Parser()
        parser.feed(b"event: a\ndata: x\r")
        parser.flush()
        (event,) = parser.feed(b"\ndata: y\n\n")
        assert (event.event, event.data) == ("message", "y")

    @pytest.mark.parametrize("head", [b"", b"\xef", b"\xef\xbb", b"data: x"])
    def test_no_bom_is_expected_afterwards(self, twin: Any, head: bytes) -> None:
        parser = twin.Parser()
        parser.feed(head)
        parser.flush()
        assert parser.feed(b"\xef\xbb\xbfdata: y\n\n") == []


class TestPendingData:
    @pytest.mark.parametrize(
        ("stream", "data"),
        [
            (b"", b""),
            (b"\xef\xbb", b""),
            (b"d", b""),
            (b"dat", b""),
            (b"data", b""),
            (b"data:", b""),
            (b"data: ", b""),
            (b"data:  a", b" a"),
            (b"data: a", b"a"),
            (b"\xef\xbb\xbfdata: a", b"a"),
            (b"data: a\r", b"a"),
            (b"data: a\n", b"a"),
            (b"data: a\ndata", b"a\n"),
            (b"data: a\ndatax: b", b"a"),
            (b"data: a\n\ndata: b", b"b"),
            (b"data\ndata\n", b"\n"),
            (b"data\ndata", b"\n"),
            (b"data: a\nid: 1", b"a"),
            (b"id: 1\nevent: e\n", b""),
            (b": comment", b""),
            (b"data: \xff\xc3", b"\xff\xc3"),
            (b"data: a\n\n", b""),
        ],
    )
    def test_is_the_data_of_the_block_that_is_open(
        self, twin: Any, stream: bytes, data: bytes
    ) -> None:
        for chunks in chunkings(stream):
            parser = twin.Parser()
            for chunk in chunks:
                parser.feed(chunk)
            assert parser.pending_data == data
            assert type(parser.pending_data) is bytes

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_is_what_flush_would_give_at_every_byte(self, twin: Any, case: Case) -> None:
        stream = case.stream[:200]
        watched = twin.Parser(max_event_size=None)
        found = []
        for at, byte in enumerate(stream):
            found += watched.feed(bytes([byte]))
            other = twin.Parser(max_event_size=None)
            other.feed(stream[: at + 1])
            flushed = other.flush()
            assert watched.pending_data == (flushed[0].data_bytes if flushed else b"")
            assert watched.pending == bool(flushed)
        # Nor does it change anything to look.
        assert plain(found) == plain(twin.Parser(max_event_size=None).feed(stream))

    def test_is_nothing_once_an_event_was_too_large(self, twin: Any) -> None:
        parser = twin.Parser(max_event_size=4)
        with pytest.raises(EventTooLargeError):
            parser.feed(b"data: ab\ndata: cdefgh")
        assert parser.pending_data == b""

    def test_is_nothing_after_flush(self, twin: Any) -> None:
        parser = twin.Parser()
        parser.feed(b"data: a\ndata: b")
        parser.flush()
        assert parser.pending_data == b""


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


class TestCutShort:
    """A call that an exception cut short has left half a state, which must not be gone on with."""

    FIRST = b"retry: 12345\nevent: E\ndata: " + b"a" * 70
    SECOND = b"\ndata: " + b"b" * 70 + b"\nid: 1234567\n"
    REST = b"data: c\n\n"

    def test_out_of_memory_where_an_event_is_too_large(self, twin: Any) -> None:
        testcapi = pytest.importorskip("_testcapi")
        for allocation in range(20):
            parser = twin.Parser(max_event_size=10)
            kept: list[Any] = [[] for _ in range(200)]
            testcapi.set_nomemory(allocation, allocation + 1)
            try:
                parser.feed(b"id: 5\n\ndata: 0123456789\ndata: foo")
            except (MemoryError, SystemError, EventTooLargeError):
                pass
            finally:
                testcapi.remove_mem_hooks()
            assert len(kept) == 200
            with pytest.raises((EventTooLargeError, RuntimeError)):
                parser.feed(b"bar\n\n")

    @pytest.mark.parametrize("second", [SECOND, SECOND * 3 + b"\n" + SECOND])
    def test_out_of_memory(self, twin: Any, second: bytes) -> None:
        testcapi = pytest.importorskip("_testcapi")
        whole = reference.parse(self.FIRST + second + self.REST).events
        without = reference.parse(self.FIRST + self.REST).events
        broken = 0
        for allocation in range(60):
            parser = twin.Parser(max_event_size=None)
            parser.feed(self.FIRST)
            chunk = bytearray(second)
            events = []
            failed = False
            testcapi.set_nomemory(allocation, allocation + 1)
            try:
                events = parser.feed(chunk)
            except MemoryError:
                failed = True
            finally:
                testcapi.remove_mem_hooks()
            chunk[:] = b"?" * len(chunk)
            del chunk
            try:
                found = plain(events + parser.feed(self.REST))
            except RuntimeError:
                assert failed
                broken += 1
            else:
                assert found == (without if failed else whole)
        assert broken > 0

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="no __buffer__ in Python before 3.12")
    def test_a_buffer_that_feeds_its_own_parser(self, twin: Any) -> None:
        parser = twin.Parser()

        class Chunk:
            def __buffer__(self, flags: int) -> memoryview:
                events.extend(parser.feed(b"data: inner\n\n"))
                return memoryview(b"data: outer\n\n")

        events: list[Any] = []
        events += parser.feed(Chunk())
        assert [event.data for event in events] == ["inner", "outer"]

    def test_threads_that_share_a_parser_get_an_order_or_an_error(self, twin: Any) -> None:
        parser = twin.Parser()
        counts = []

        def feed() -> None:
            count = 0
            for _ in range(3000):
                try:
                    count += len(parser.feed(b"data: x\n\n"))
                except RuntimeError:
                    continue
            counts.append(count)

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            threads = [threading.Thread(target=feed) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
        assert 0 < sum(counts) <= 9000
        assert len(counts) == 3


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
