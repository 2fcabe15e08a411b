"""`EventSource` follows redirects, and sends credentials to no other origin."""

from typing import Any

import pytest
from event_sources import GONE, Asked, Way, event, expect_end, serving, status, stream
from reading import DROPS

import fastsse
from fastsse.event_source._redirects import Redirects

pytestmark = DROPS

SECRETS = {
    "Authorization": "Bearer secret",
    "X-API-Key": "secret",
    "api-key": "secret",
    "Cookie": "session=secret",
    "Proxy-Authorization": "Basic secret",
    "X-Amz-Security-Token": "secret",
}


def secrets_in(asked: Asked) -> list[str]:
    return [name for name, value in asked.headers if b"secret" in value or name == "authorization"]


@pytest.mark.net
@pytest.mark.usefixtures("short")
class TestRedirects:
    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    def test_to_the_same_origin_keep_what_they_have(self, some: Way, code: int) -> None:
        answers = [
            status(code, "Location: /there", "Set-Cookie: fresh=jar"),
            stream(event(1)),
            GONE,
        ]
        keys = {name: value for name, value in SECRETS.items() if name != "Cookie"}
        with serving(*answers) as server:
            read = some.read(server.url, headers=keys)
        expect_end(read, ["1"])
        assert [asked.target for asked in server.asked] == ["/", "/there", "/"]
        for asked in server.asked:
            assert secrets_in(asked) == [name.lower() for name in keys]
        assert server.asked[1].header("cookie") == b"fresh=jar"
        assert [asked.header("accept") for asked in server.asked] == [b"text/event-stream"] * 3

    @pytest.mark.parametrize(
        "given", [{"auth": ("user", "pass")}, {"client": {"auth": ("user", "pass")}}]
    )
    def test_to_the_same_origin_keep_auth(self, some: Way, given: Any) -> None:
        with serving(status(302, "Location: /there"), stream(event(1)), GONE) as server:
            expect_end(some.read(server.url, **given), ["1"])
        for asked in server.asked:
            assert asked.header("authorization") == b"Basic dXNlcjpwYXNz"

    @pytest.mark.parametrize("code", [302, 307])
    @pytest.mark.parametrize(
        "given",
        [
            {"headers": SECRETS},
            {"client": {"headers": SECRETS}},
            {"auth": ("user", "pass")},
            {"client": {"auth": ("user", "pass")}},
            {"auth": lambda request: _signed(request)},
            {"client": {"cookies": {"session": "secret"}}},
            {"user": "user:pass@"},
        ],
        ids=lambda given: "-".join([next(iter(given)), *given.get("client", ())]),
    )
    def test_to_another_origin_hand_over_no_credential(
        self, some: Way, code: int, given: dict[str, Any]
    ) -> None:
        user = given.get("user", "")
        given = {name: value for name, value in given.items() if name != "user"}
        with serving() as home, serving() as other, serving(stream(event(1)), GONE) as last:
            # It moves about in the other origin, and is sent home and away again.
            to = {name: status(code, f"Location: {url}") for name, url in {
                "other": f"{other.url}/other", "within": "/within",
                "back": f"{home.url}/back", "last": f"{last.url}/last",
            }.items()}  # fmt: skip
            home.answers = (to["other"], to["last"])
            other.answers = (to["within"], to["back"])
            url = home.url.replace("://", f"://{user}")
            read = some.read(url, "POST", json={"a": 1}, **given)
        expect_end(read, ["1"])
        assert secrets_in(home.asked[0]) != []
        for asked in (*other.asked, home.asked[1], *last.asked):
            assert secrets_in(asked) == []
            assert asked.header("accept") == b"text/event-stream"
            assert asked.method == ("POST" if code == 307 else "GET")
            assert asked.body == (b'{"a":1}' if code == 307 else b"")
        assert [asked.target for asked in other.asked] == ["/other", "/within"]
        assert other.asked[0].header("host") == other.url.removeprefix("http://").encode()
        # What comes after that begins anew, with all that it has.
        assert (home.asked[2].target, home.asked[2].method) == ("/", "POST")
        assert secrets_in(home.asked[2]) == secrets_in(home.asked[0])

    def test_take_the_last_event_id_along(self, some: Way) -> None:
        with serving(stream(event(1)), stream(event(2)), GONE) as other, serving() as home:
            home.answers = (status(307, f"Location: {other.url}"),)
            expect_end(some.read(home.url), ["1", "2"])
        assert other.last_event_ids == home.last_event_ids == [None, b"1", b"2"]

    def test_without_end_are_an_error(self, reader: Way) -> None:
        with serving(status(302, "Location: /again", body="moved")) as server:
            read = reader.read(server.url, client={"max_redirects": 3})
        assert isinstance(read.error, fastsse.ResponseError)
        assert (read.error.status_code, read.error.body) == (302, b"moved")
        assert (len(server.asked), read.connections) == (4, 0)

    def test_are_not_followed_if_so_asked(self, reader: Way) -> None:
        with serving(status(302, "Location: /there")) as server:
            read = reader.read(server.url, follow_redirects=False)
        assert isinstance(read.error, fastsse.ResponseError)
        assert "a redirect to /there, not followed" in str(read.error)
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        ("here", "there", "is_same"),
        [
            ("http://a/", "http://a:80/b", True),
            ("http://a/", "https://a/", True),
            ("http://a:80/", "https://a:443/", True),
            ("https://a/", "http://a/", False),
            ("http://a:8080/", "https://a/", False),
            ("http://a:8080/", "https://a:8080/", False),
            ("http://a/", "https://a:8443/", False),
            ("http://a/", "http://a:81/", False),
            ("http://a/", "http://b.a/", False),
            ("http://a/", "https://b/", False),
            ("http://A/", "http://a/", True),
        ],
    )
    def test_origins(self, library: Any, here: str, there: str, is_same: bool) -> None:
        request = library.Request("GET", here, headers={"X-Key": "secret"})
        response = library.Response(302)
        response.next_request = library.Request("GET", there, headers={"X-Key": "secret"})
        route = Redirects(request, {}, 1)
        assert route.follow(response)
        assert ("x-key" in route.request.headers) == is_same
        assert route.options.get("auth", "the client's") == ("the client's" if is_same else None)
        assert not route.follow(response)


def _signed(request: Any) -> Any:
    request.headers["X-Signature"] = "secret"
    return request
