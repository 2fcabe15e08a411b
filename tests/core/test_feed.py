"""`feed` takes any bytes-like object; `flush` and `pending_data` handle an incomplete event."""

import array
import mmap
from typing import Any

import pytest
from cases import CASES, Case
from feeding import chunkings, plain

from fastsse import EventTooLargeError


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
