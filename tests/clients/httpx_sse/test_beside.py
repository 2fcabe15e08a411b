"""`fastsse.httpx_sse` reads what httpx-sse reads, except for the documented differences."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import differences
import httpx
import httpx_sse
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import DROPS
from reading_httpx_sse import Facts, events_of, facts_of, read
from recorded import recorded_streams

import fastsse.httpx_sse as ours

pytestmark = DROPS

WELL_FORMED = (
    ": hello\nretry: 1500\nevent: start\nid: a\ndata: {\"ü\": [1, null]}\n\n"
    "data: one\ndata: two\u2028\x85\n\n: alive\r\ndata\r\n\r\nid\rdata:  not JSON\r\r"
).encode()  # fmt: skip


def with_data(facts: Iterable[Facts]) -> list[Facts]:
    """Without the events that httpx-sse makes of blocks without data, and some that both have."""
    return [fact for fact in facts if fact[1]]


class TestBesideHttpxSse:
    @pytest.mark.parametrize("by", [1, 7, 16384])
    def test_a_well_formed_stream(self, library: Any, way: str, mirror_url: str, by: int) -> None:
        url = f"{mirror_url}/?by={by}"
        theirs, none = read(httpx_sse, library, way, url, content=WELL_FORMED)
        found, error = read(ours, library, way, url, content=WELL_FORMED)
        assert (none, error) == (None, None)
        assert found == theirs
        assert len(found) == 4

    @pytest.mark.parametrize("path", list(recorded_streams()))
    def test_a_recorded_stream(self, mirror_url: str, path: Path) -> None:
        url = f"{mirror_url}/?by=1000"
        theirs, none = read(httpx_sse, httpx, "sync", url, content=path.read_bytes())
        found, error = read(ours, httpx, "sync", url, content=path.read_bytes())
        assert (none, error) == (None, None)
        assert found
        assert with_data(found) == with_data(theirs)

    @pytest.mark.parametrize("path", ["/500-as-stream", "/201", "/302", "/unended"])
    def test_the_status_is_not_checked(self, library: Any, way: str, url: str, path: str) -> None:
        theirs = read(httpx_sse, library, way, url + path)
        assert theirs[0]
        assert read(ours, library, way, url + path) == theirs

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
    def test_content_codings(self, library: Any, way: str, url: str, coding: str) -> None:
        theirs = read(httpx_sse, library, way, f"{url}/events?coding={coding}")
        assert len(theirs[0]) == 3
        assert read(ours, library, way, f"{url}/events?coding={coding}") == theirs

    def test_the_client_s_own_errors(self, library: Any, way: str, url: str) -> None:
        for path in ("/cut?n=2", "/not-gzip"):
            theirs, their_error = read(httpx_sse, library, way, url + path)
            found, error = read(ours, library, way, url + path)
            assert found == theirs
            assert type(error) is type(their_error)
            assert isinstance(error, library.RequestError)
            assert error.request.url.path == path.partition("?")[0]

    @settings(max_examples=300, deadline=None)
    @given(st.data())
    def test_any_stream(self, data: st.DataObject) -> None:
        """The tables of differences are whole: beside them there is none."""
        stream = data.draw(strategies.streams()).removeprefix(strategies.BOM)
        if stream.startswith(strategies.BOM):
            return
        chunks = data.draw(strategies.chunkings(stream))
        plain_retries = not re.search(rb"retry(?!: ?[0-9]{1,18}[\r\n])", stream)
        found, theirs = (
            with_data(map(facts_of, events_of(module, chunks))) for module in (ours, httpx_sse)
        )
        if not plain_retries:
            found, theirs = ([fact[:3] for fact in facts] for facts in (found, theirs))
        assert found == theirs


class TestDifferences:
    @pytest.mark.parametrize(
        "difference",
        [
            pytest.param(difference, id=difference.what)
            for table in differences.TABLES.values()
            for difference in table
        ],
    )
    def test_is_one(self, difference: differences.Difference) -> None:
        assert difference.done_with(httpx_sse) != difference.done_with(ours)

    def test_the_page_has_them(self) -> None:
        page = differences.PAGE.read_text(encoding="utf-8")
        assert page == differences.page(), "run `python tests/support/differences.py`"
        assert page.count("\n| ") == sum(map(len, differences.TABLES.values())) + 2

    def test_the_version_is_that_of_the_names(self) -> None:
        assert ours.__version__ == httpx_sse.__version__
        assert set(ours.__all__) == set(httpx_sse.__all__)
