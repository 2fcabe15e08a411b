"""Timeouts of a stream replace the client's own read timeout."""

from typing import Any

import pytest
from reading import DROPS

import fastsse

pytestmark = [pytest.mark.net, DROPS]


class TestClientTimeout:
    """Ours take the place of the client's own read timeout, which is 5 seconds by default."""

    @pytest.mark.parametrize(
        "options",
        [{"idle_timeout": 5}, {"total_timeout": 5}, {"first_event_timeout": 5}],
        ids=lambda options: next(iter(options)),
    )
    def test_a_longer_one_of_ours_wins(self, library: Any, url: str, options: Any) -> None:
        timeout = library.Timeout(5, read=0.1)
        with (
            library.Client(base_url=url, timeout=timeout) as client,
            client.stream("GET", "/events?n=2&delay=0.3") as response,
        ):
            assert len(list(fastsse.iter_events(response, **options))) == 2
            extensions = response.request.extensions["timeout"]
            assert extensions["connect"] == 5

    def test_a_longer_one_of_ours_wins_async(self, library: Any, loop: Any, url: str) -> None:
        async def main() -> None:
            async with (
                library.AsyncClient(base_url=url, timeout=library.Timeout(5, read=0.1)) as client,
                client.stream("GET", "/events?n=2&delay=0.3") as response,
            ):
                stream = fastsse.iter_events(response, total_timeout=5)
                assert len([event async for event in stream]) == 2

        loop(main)

    def test_without_ours_it_is_the_client_s(self, library: Any, url: str) -> None:
        with (
            library.Client(base_url=url, timeout=library.Timeout(5, read=0.2)) as client,
            client.stream("GET", "/stall?n=1") as response,
        ):
            events = iter(fastsse.iter_events(response))
            assert next(events).data == "event 0 ü"
            with pytest.raises(library.ReadTimeout):
                next(events)

    def test_the_caller_s_own_timeouts_are_not_changed(self, library: Any, url: str) -> None:
        timeouts = {"connect": 5, "read": 5, "write": 5, "pool": 5}
        with (
            library.Client(base_url=url) as client,
            client.stream("GET", "/events", extensions={"timeout": timeouts}) as response,
        ):
            list(fastsse.iter_events(response, idle_timeout=2))
        assert timeouts["read"] == 5
