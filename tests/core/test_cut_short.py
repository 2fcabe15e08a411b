"""A parser refuses to continue after an exception interrupted a call."""

import sys
import threading
from typing import Any

import pytest
import reference
from feeding import plain

from fastsse import EventTooLargeError


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
