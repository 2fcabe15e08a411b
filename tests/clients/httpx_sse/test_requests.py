"""`fastsse.httpx_sse` sends the headers and makes the events of httpx-sse."""

import copy
import json
from typing import Any

import httpx_sse
import pytest
from reading import DROPS
from reading_httpx_sse import events_of, facts_of, read

import fastsse
import fastsse.httpx_sse as ours

pytestmark = DROPS

DEFAULTS = {"accept": "text/event-stream", "cache-control": "no-store"}


class TestHeaders:
    @pytest.mark.parametrize(
        ("headers", "sent"),
        [
            ({}, {}),
            (None, {}),
            ({"X-Mine": "1"}, {"x-mine": "1"}),
            ({"ACCEPT": "a/b"}, {"accept": "a/b"}),
            ({b"accept": b"a/b"}, {"accept": "a/b"}),
            ([("Cache-Control", "no-cache")], {"cache-control": "no-cache"}),
            ([(b"X-Mine", b"1"), (b"Accept", b"a/b")], {"accept": "a/b", "x-mine": "1"}),
        ],
    )
    def test_the_caller_s_win_and_are_not_changed(
        self, library: Any, way: str, url: str, headers: Any, sent: dict[str, str]
    ) -> None:
        before = copy.deepcopy(headers)
        found, error = read(ours, library, way, f"{url}/echo", headers=headers, content=b"body")
        assert error is None
        seen = found[0][4]
        assert seen["body"] == "body"
        assert {name: seen[name] for name in DEFAULTS | sent} == DEFAULTS | sent
        assert headers == before

    def test_those_of_the_client_s_own_kind(self, library: Any) -> None:
        given = library.Headers([("X-Mine", "1"), ("x-mine", "2"), ("accept", "a/b")])
        before = given.copy()
        request = request_with(library, given)
        assert request.headers.get_list("x-mine") == ["1", "2"]
        assert request.headers.get_list("accept") == ["a/b"]
        assert given.raw == before.raw

    def test_those_of_the_client_are_for_its_other_requests(self, library: Any) -> None:
        request = request_with(library, {}, {"Accept": "application/json", "X-Client": "1"})
        assert request.headers.get_list("accept") == ["text/event-stream"]
        assert request.headers["x-client"] == "1"

    def test_what_else_the_client_takes_is_handed_on(self, mirror_url: str, library: Any) -> None:
        request = {"params": {"by": "3"}, "json": {"a": 1}, "timeout": 9}
        with (
            library.Client(verify=False) as client,
            ours.connect_sse(client, "PUT", library.URL(mirror_url), **request) as source,
        ):
            sent = source.response.request
            assert (sent.method, str(sent.url)) == ("PUT", f"{mirror_url}?by=3")
            assert json.loads(source.response.read()) == {"a": 1}
            assert sent.extensions["timeout"]["read"] == 9


def request_with(library: Any, headers: Any, of_the_client: Any = None) -> Any:
    def answer(request: Any) -> Any:
        return library.Response(200, headers={"content-type": "text/event-stream"})

    with (
        library.Client(transport=library.MockTransport(answer), headers=of_the_client) as client,
        ours.connect_sse(client, "GET", "http://server", headers=headers) as source,
    ):
        return source.response.request


class TestEvent:
    @pytest.mark.parametrize(
        "values",
        [(), ("e", "d", "i", 5), (None, None, None, None), ("", "", "", 0), ("e", None, "i")],
    )
    def test_is_made_as_with_httpx_sse(self, values: tuple[Any, ...]) -> None:
        event, theirs = ours.ServerSentEvent(*values), httpx_sse.ServerSentEvent(*values)
        assert facts_of(event) == facts_of(theirs)
        assert repr(event) == repr(theirs)
        named = dict(zip(("event", "data", "id", "retry"), values, strict=False))
        assert ours.ServerSentEvent(**named) == event

    def test_is_one_of_the_core(self) -> None:
        (event,) = events_of(ours, [b"data: x\n\n"])
        for each in (event, ours.ServerSentEvent()):
            assert type(each) is fastsse.ServerSentEvent
            assert isinstance(each, ours.ServerSentEvent)
        for other in (httpx_sse.ServerSentEvent(), "x", None):
            assert not isinstance(other, ours.ServerSentEvent)
        assert issubclass(ours.ServerSentEvent, ours.ServerSentEvent)
        assert issubclass(type(event), ours.ServerSentEvent)
        assert not issubclass(httpx_sse.ServerSentEvent, ours.ServerSentEvent)
        assert event == ours.ServerSentEvent(None, "x")
