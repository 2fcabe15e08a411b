"""`EventSource` sends the ID of the last event that it received."""

from typing import Any

import pytest
from event_sources import GONE, Way, event, expect_end, serving, stream
from reading import DROPS

pytestmark = DROPS


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestLastEventId:
    def test_is_that_of_the_last_event(self, reader: Way) -> None:
        with serving(stream(event(1), event(2)), stream(event(3)), stream(), GONE) as server:
            read = reader.read(server.url)
        expect_end(read, ["1", "2", "3"])
        assert server.last_event_ids == [None, b"2", b"3", b"3"]
        assert [again.last_event_id for again in read.again] == ["2", "3", "3"]
        assert read.source.last_event_id == "3"

    @pytest.mark.parametrize(
        ("last_event_id", "sent"),
        [
            ("a\x01b", None),
            ("\x7f", None),
            ("tab\tinside", None),
            ("\t", None),
            ("  ", None),
            (" a b ", b"a b"),
            ("\tü €\t", "ü €".encode()),
            ("\x1b[0m", None),
        ],
    )
    def test_is_sent_in_utf8_and_without_controls(
        self, some: Way, last_event_id: str, sent: bytes | None
    ) -> None:
        with serving(stream(f"id: {last_event_id}\ndata: a\n\n"), GONE) as server:
            read = some.read(server.url)
        expect_end(read, ["a"])
        assert server.last_event_ids == [None, sent]
        assert read.source.last_event_id == last_event_id

    def test_an_empty_one_resets_it(self, some: Way) -> None:
        with serving(stream(event(1), "id\ndata: b\n\n"), stream(), GONE) as server:
            read = some.read(server.url, headers={"Last-Event-ID": "before"})
        expect_end(read, ["1", "b"])
        assert server.last_event_ids == [b"before", None, None]

    def test_of_a_block_without_data_counts(self, some: Way) -> None:
        with serving(stream(event(1), "id: 5\n\n", "id: 6\n"), GONE) as server:
            some.read(server.url)
        assert server.last_event_ids == [None, b"5"]

    @pytest.mark.parametrize(
        "options",
        [
            {"last_event_id": "ü 7"},
            {"headers": {"last-event-id": "ü 7".encode()}},
            {"headers": [(b"LAST-EVENT-ID", "ü 7".encode())]},
            {"client": {"headers": {b"Last-Event-ID": "ü 7".encode()}}},
            {"last_event_id": "ü 7", "headers": {"Last-Event-ID": "older"}},
        ],
    )
    def test_it_may_begin_with_one(self, some: Way, options: Any) -> None:
        with serving(stream("data: a\n\n"), stream(event(8)), GONE) as server:
            read = some.read(server.url, **options)
        expect_end(read, ["a", "8"])
        assert server.last_event_ids == ["ü 7".encode(), "ü 7".encode(), b"8"]

    @pytest.mark.parametrize("cut", ["id: 3\ndata: 3\n", "id: 3\ndata: 3", "id: 3"])
    def test_an_event_that_was_cut_is_dropped_and_asked_for(self, reader: Way, cut: str) -> None:
        answers = [stream(event(1), event(2), cut), stream(event(3)), GONE]
        with serving(*answers) as server:
            read = reader.read(server.url)
        expect_end(read, ["1", "2", "3"])
        assert server.last_event_ids == [None, b"2", b"3"]

    def test_a_body_that_breaks_is_gone_on_with(self, reader: Way) -> None:
        head = stream(retry=None).replace(b"Connection: close", b"Transfer-Encoding: chunked")
        body = b"".join(
            b"%x\r\n%s\r\n" % (len(piece), piece)
            for piece in (b"retry: 1\n\n", event(1).encode(), event(2)[:-1].encode())
        )
        with serving(
            head + body, head + body + b"not a size\r\n", stream(event(2)), GONE
        ) as server:
            read = reader.read(server.url)
        # This one does not honour the header.
        expect_end(read, ["1", "1", "2"])
        errors = [again.error for again in read.again]
        assert [isinstance(e, reader.library.RemoteProtocolError) for e in errors[:2]] == [True] * 2
        assert errors[2] is None
        assert server.last_event_ids == [None, b"1", b"1", b"2"]

    def test_what_came_with_a_break_in_the_coding_is_told(self, some: Way) -> None:
        head = stream(retry=None).replace(b"Connection", b"Content-Encoding: gzip\r\nConnection")
        with serving(head + b"this is none") as server:
            read = some.read(server.url)
        assert isinstance(read.error, some.library.DecodingError)
        assert len(server.asked) == 1
        assert read.connections == 0
