"""`EventSource` retries some responses and errors, and raises the others."""

from typing import Any

import httpx2
import pytest
from event_sources import GONE, Held, Way, event, expect_end, serving, status, stream
from reading import DROPS

import fastsse
from fastsse.event_source import EventSource, _policy

pytestmark = DROPS


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestAnswers:
    @pytest.mark.parametrize("first", [[], [stream(event(1))]])
    @pytest.mark.parametrize("code", [204, 205])
    def test_no_more_ends_it(self, reader: Way, first: list[bytes], code: int) -> None:
        with serving(*first, GONE.replace(b"204", b"%d" % code)) as server:
            read = reader.read(server.url)
        expect_end(read, ["1"] * len(first))
        assert len(server.asked) == len(first) + 1

    @pytest.mark.parametrize("code", [400, 401, 404, 410, 304])
    def test_a_lasting_one_is_raised(self, some: Way, code: int) -> None:
        body = "" if code == 304 else "no such thing"
        with serving(stream(event(1)), status(code, body=body)) as server:
            read = some.read(server.url)
        assert isinstance(read.error, fastsse.ResponseError)
        assert read.error.status_code == code
        assert read.error.body == body.encode()
        assert (read.data, len(server.asked), read.connections) == (["1"], 2, 0)
        assert read.source.state == "closed"

    def test_another_content_type_is_raised(self, reader: Way) -> None:
        with serving(status(200, "Content-Type: text/html", body="<p>")) as server:
            read = reader.read(server.url)
        assert isinstance(read.error, fastsse.ResponseError)
        assert (read.error.content_type, read.error.body) == ("text/html", b"<p>")
        assert (len(server.asked), read.connections) == (1, 0)

    @pytest.mark.parametrize("code", [408, 429, 500, 501, 503, 599])
    def test_a_passing_one_is_asked_again(self, some: Way, code: int) -> None:
        answers = [stream(event(1)), status(code, body="busy"), stream(event(2)), GONE]
        with serving(*answers) as server:
            read = some.read(server.url)
        expect_end(read, ["1", "2"])
        error = read.again[1].error
        assert isinstance(error, fastsse.ResponseError)
        assert (error.status_code, error.body) == (code, b"busy")

    def test_a_timeout_is_asked_again(self, reader: Way) -> None:
        answers = [Held(stream(event(1))), Held(stream(": alive\n\n")), stream(event(2)), GONE]
        with serving(*answers) as server:
            read = reader.read(server.url, first_event_timeout=0.2, idle_timeout=0.4)
        expect_end(read, ["1", "2"])
        errors = [again.error for again in read.again[:2]]
        assert [getattr(e, "timeout", e) for e in errors] == ["idle", "first_event"]

    def test_the_client_s_own_timeout_is_asked_again(self, reader: Way) -> None:
        timeout = reader.library.Timeout(20, read=0.2)
        with serving(Held(stream(event(1))), Held(b"HTTP/1.1 200"), GONE) as server:
            read = reader.read(server.url, client={"timeout": timeout})
        expect_end(read, ["1"])
        assert [type(again.error) for again in read.again] == [reader.library.ReadTimeout] * 2

    def test_an_event_that_is_too_large_is_raised(self, reader: Way) -> None:
        with serving(Held(stream(event(1), f"data: {'x' * 100}\n\n"))) as server:
            read = reader.read(server.url, max_event_size=99)
        assert isinstance(read.error, fastsse.EventTooLargeError)
        assert (read.data, len(server.asked), read.connections) == (["1"], 1, 0)
        assert read.source.state == "closed"

    def test_what_the_client_cannot_do_is_raised(self, some: Way) -> None:
        read = some.read("ftp://127.0.0.1/")
        assert isinstance(read.error, some.library.UnsupportedProtocol)
        with serving(GONE) as server:
            read = some.read(server.url, headers={"X-Bad": "a\nb"})
        assert isinstance(read.error, some.library.LocalProtocolError)
        assert read.again == []


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestAttempts:
    def test_the_client_s_own_error_may_be_the_last(self, reader: Way) -> None:
        with serving() as server:
            pass
        read = reader.read(server.url, attempts=1)
        assert type(read.error) is reader.library.ConnectError
        assert (read.again, read.source.state) == ([], "closed")

    @pytest.mark.parametrize("most", [1, 2, 4])
    @pytest.mark.parametrize(
        "empty", [stream(), stream(": alive\n\n"), stream("id: 5\n\n"), stream("data: cut"), b""]
    )
    def test_are_counted_since_the_last_event(self, some: Way, most: int, empty: bytes) -> None:
        with serving(stream(event(1)), stream(event(2)), empty) as server:
            read = some.read(server.url, attempts=most)
        assert read.data == ["1", "2"]
        assert len(server.asked) == 2 + most
        assert [again.attempt for again in read.again] == [1, *range(1, most + 1)]
        kind = fastsse.ReconnectError if empty else some.library.RemoteProtocolError
        assert type(read.error) is kind
        assert (str(most) in str(read.error)) == bool(empty)
        assert read.source.state == "closed"

    @pytest.mark.parametrize("block", ["data: x\n\n", "id: 2\ndata: 2\n\n"])
    def test_events_without_a_new_id_are_no_progress(self, some: Way, block: str) -> None:
        with serving(stream(event(1)), stream(event(2)), stream(block)) as server:
            read = some.read(server.url, attempts=3)
        assert isinstance(read.error, fastsse.ReconnectError)
        assert "each of 3 streams in a row (attempts=3)" in str(read.error)
        assert len(read.data) == 5
        assert [again.attempt for again in read.again] == [1, 1, 2, 3]

    def test_a_connection_that_lived_is_progress(self, some: Way) -> None:
        with serving(*[stream("data: x\n\n")] * 5, GONE) as server:
            read = some.read(server.url, attempts=2, reset_after=1e-6)
        expect_end(read, ["x"] * 5)
        assert [again.attempt for again in read.again] == [1] * 5

    def test_an_answer_may_be_the_last(self, some: Way) -> None:
        with serving(stream(event(1)), b"", status(503, body="busy")) as server:
            read = some.read(server.url, attempts=2)
        assert isinstance(read.error, fastsse.ResponseError)
        assert read.error.body == b"busy"
        assert len(server.asked) == 3

    def test_are_ten_by_default_and_any_for_none(self, monkeypatch: Any) -> None:
        # The waits of these would be minutes, and are shown elsewhere.
        monkeypatch.setattr(_policy, "LONGEST_JITTER", 0)
        way = Way(httpx2, "sync")
        with serving(stream(event(1)), stream()) as server:
            read = way.read(server.url)
        assert isinstance(read.error, fastsse.ReconnectError)
        assert len(server.asked) == 11
        with serving(stream(event(1)), *[stream()] * 13, GONE) as server:
            expect_end(way.read(server.url, attempts=None), ["1"])
        assert len(server.asked) == 15

    def test_a_source_that_failed_raises_it_again(self, library: Any) -> None:
        with serving(status(404)) as server, library.Client() as client:
            source = EventSource(client, "GET", server.url)
            with pytest.raises(fastsse.ResponseError) as first:
                list(source)
            with pytest.raises(fastsse.ResponseError) as second:
                list(source)
            assert second.value is first.value
            assert len(server.asked) == 1

    def test_a_source_that_ended_gives_nothing_more(self, library: Any) -> None:
        with serving(GONE) as server, library.Client() as client:
            source = EventSource(client, "GET", server.url)
            assert list(source) == list(source) == []
            assert len(server.asked) == 1
