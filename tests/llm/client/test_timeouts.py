"""Which timeout counts, and what it counts; how each client waits is in test_faults.py."""

from typing import Any

import pytest
from llm_calling import MESSAGES, OVERLOADED, TEXT, Way, call, expect_timeout, read
from llm_server import CHAT, WORDS, Step, head, http_chunk, whole, words

from fastsse import StreamTimeout
from fastsse.llm import Client, Retry, Timeouts


class TestTimeouts:
    @pytest.mark.parametrize("by", ["call", "client", "environment"])
    def test_are_each_set_by(self, memory: Way, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
        order = ["call", "client", "environment"]
        # The shortest one is the one that has to count; those that come after it are longer.
        seconds = {who: 0.2 if who == by else 30.0 for who in order[order.index(by) :]}
        if "environment" in seconds:
            monkeypatch.setenv("FASTSSE_FIRST_EVENT_TIMEOUT", str(seconds["environment"]))
        with memory.scripted([Step.STALL]) as server:

            async def main() -> Any:
                async with memory.make(verify=False) as http:
                    own = {
                        who: Timeouts(first_event=seconds[who]) if who in seconds else Timeouts()
                        for who in order
                    }
                    client = Client(http, base_url=server.url, timeouts=own["client"], retry=None)
                    return await read(client.chat(MESSAGES, timeouts=own["call"]))

            error = memory.run(main).error
        assert isinstance(error, StreamTimeout)
        assert (error.timeout, error.seconds) == ("first_event", 0.2)

    def test_of_none_are_off(self, memory: Way, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("FIRST_EVENT", "IDLE", "TOTAL", "HEADERS"):
            monkeypatch.setenv(f"FASTSSE_{name}_TIMEOUT", "0.1")
        with memory.scripted([0.3, head(), 0.3, *words(3), 0.3, *CHAT[4:]]) as server:

            async def main() -> Any:
                async with memory.make(verify=False) as http:
                    off = Timeouts(
                        connect=None, headers=None, first_event=None, idle=None, total=None
                    )
                    client = Client(
                        http, base_url=server.url, timeouts=Timeouts(idle=0.1), retry=None
                    )
                    return await read(client.chat(MESSAGES, timeouts=off))

            called = memory.run(main)
        assert called.error is None
        assert called.text == TEXT

    def test_are_30_30_60_and_off(self, memory: Way, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("CONNECT", "FIRST_EVENT", "IDLE", "TOTAL", "HEADERS"):
            monkeypatch.delenv(f"FASTSSE_{name}_TIMEOUT", raising=False)

        async def main() -> Any:
            async with memory.make(verify=False) as http:
                return Client(http, base_url="http://localhost").timeouts

        assert memory.run(main) == Timeouts(connect=30, headers=None, first_event=30, idle=60)

    def test_that_make_no_sense_in_the_environment(
        self, memory: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FASTSSE_IDLE_TIMEOUT", "soon")

        async def main() -> None:
            async with memory.make(verify=False) as http:
                with pytest.raises(ValueError, match=r"FASTSSE_IDLE_TIMEOUT: .*'soon'"):
                    Client(http, base_url="http://localhost")

        memory.run(main)

    def test_take_the_place_of_the_client_s_own(self, way: Way) -> None:
        with way.scripted([0.3, head(), 0.3, *CHAT[1:]]) as server:

            async def main() -> Any:
                timeout = way.library.Timeout(5, read=0.1)
                async with way.make(verify=False, timeout=timeout) as http:
                    return await read(Client(http, base_url=server.url, retry=None).chat(MESSAGES))

            called = way.run(main)
        assert called.error is None
        assert called.text == TEXT


class TestNames:
    """Errors name a timeout as the user wrote it."""

    def error_of(self, memory: Way, timeouts: Timeouts) -> str:
        with memory.scripted([head(), Step.STALL]) as server:
            return str(call(memory, server, retry=None, timeouts=timeouts).error)

    def test_of_arguments(self, memory: Way) -> None:
        error = self.error_of(memory, Timeouts(first_event=0.2))
        assert error.startswith("no event within Timeouts.first_event=0.2 s")

    def test_of_the_environment(self, memory: Way, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FASTSSE_TOTAL_TIMEOUT", "0.2")
        assert "within FASTSSE_TOTAL_TIMEOUT=0.2 s" in self.error_of(memory, Timeouts())
        assert "within Timeouts.total=0.1 s" in self.error_of(memory, Timeouts(total=0.1))


class TestTotal:
    def test_the_total_has_the_attempts_and_their_waits(self, memory: Way) -> None:
        with memory.scripted(whole(503, OVERLOADED)) as server:
            retry = Retry(attempts=50, wait_initial=0.05, wait_max=0.05, wait_jitter=0)
            called = call(memory, server, retry=retry, timeouts=Timeouts(total=0.4))
        expect_timeout(called.error, "total", 0.4)
        assert 1 < len(server.requests) < 50

    def test_the_total_goes_on_after_the_first_event(self, memory: Way) -> None:
        slow = [http_chunk(b": alive\n\n"), 0.05] * 100
        with memory.scripted(whole(503, OVERLOADED), [head(), *words(3), *slow]) as server:
            called = call(memory, server, timeouts=Timeouts(total=1))
        error = called.error
        assert isinstance(error, StreamTimeout)
        assert (error.timeout, error.seconds) == ("total", 1)
        assert called.text == "".join(WORDS[:3])

    def test_the_total_has_what_earlier_attempts_took(self, memory: Way) -> None:
        late = [1.5, *whole(503, OVERLOADED)]
        with memory.scripted(late, [head(), *words(3), Step.STALL]) as server:
            called = call(memory, server, timeouts=Timeouts(total=2))
        error = called.error
        assert isinstance(error, StreamTimeout)
        # The second request had half a second left; a total that began anew would have given 3.5.
        assert 1.9 < error.elapsed < 3


class TestFirstEvent:
    def test_before_the_first_event_and_then_not(self, memory: Way) -> None:
        with memory.scripted([head(), Step.STALL], CHAT) as server:
            called = call(memory, server, timeouts=Timeouts(first_event=1))
        assert called.error is None
        assert called.text == TEXT
        assert len(server.requests) == 2
