"""When the client sends a request again, and how long it waits before."""

import json
import time
from email.utils import formatdate
from itertools import pairwise

import pytest
from llm_calling import BUSY, KEY, OVERLOADED, TEXT, Way, answer_of, call, chat, fetch
from llm_server import CHAT, CHAT_WHOLE, END, Act, Step, head, http_chunk, whole

from fastsse import ContentTypeError, ProtocolError, ResponseError, StreamTimeout
from fastsse.llm import Retry, Timeouts


class TestRetry:
    def test_waits_grow(self, memory: Way) -> None:
        with memory.scripted(BUSY, BUSY, BUSY, CHAT) as server:
            retry = Retry(attempts=4, wait_initial=0.1, wait_max=10, wait_jitter=0)
            called = answer_of(memory, server, chat, retry=retry)
        assert called.text == TEXT
        came = [request.came for request in server.requests]
        waits = [later - sooner for sooner, later in pairwise(came)]
        assert waits == pytest.approx([0.1, 0.2, 0.4])

    def test_waits_have_jitter(self, memory: Way, caplog: pytest.LogCaptureFixture) -> None:
        with memory.scripted(*[BUSY] * 10, CHAT) as server:
            retry = Retry(attempts=11, wait_initial=0, wait_max=20, wait_jitter=20)
            answer_of(memory, server, chat, retry=retry)
        scheduled = [record for record in caplog.records if "retry" in record.message]
        waits = {getattr(record, "stamina.wait_for") for record in scheduled}
        assert len(scheduled) == 10
        assert len(waits) > 1

    @pytest.mark.parametrize("retry", [None, Retry(attempts=1)])
    def test_may_be_off(self, memory: Way, retry: Retry | None) -> None:
        with memory.scripted(BUSY, CHAT) as server:
            called = answer_of(memory, server, chat, retry=retry)
        assert isinstance(called.error, ResponseError)
        assert called.answer.stats.attempts == len(server.requests) == 1

    def test_sends_the_same_again(self, way: Way) -> None:
        with way.scripted(BUSY, [Step.RESET], CHAT) as server:
            called = answer_of(way, server, chat, api_key=KEY)
        assert called.text == TEXT
        first, second, third = server.requests
        assert first.body == second.body == third.body
        assert first.headers == second.headers == third.headers


class TestWhole:
    @pytest.mark.parametrize("failing", [BUSY, [Step.RESET], [Step.STALL]])
    def test_is_asked_for_again(self, memory: Way, failing: Act) -> None:
        with memory.scripted(failing, failing, whole(200, CHAT_WHOLE)) as server:
            deadline = Timeouts(headers=1 if failing == [Step.STALL] else None)
            called = answer_of(memory, server, chat, fetch, timeouts=deadline)
        assert called.values[0].text == TEXT
        assert called.answer.stats.attempts == len(server.requests) == 3

    def test_is_not_asked_for_again(self, memory: Way) -> None:
        with memory.scripted(whole(400, OVERLOADED), whole(200, CHAT_WHOLE)) as server:
            called = answer_of(memory, server, chat, fetch)
        assert isinstance(called.error, ResponseError)
        assert json.loads(called.error.body) == OVERLOADED
        assert len(server.requests) == 1


class TestStatus:
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
    def test_that_passes(self, memory: Way, status: int) -> None:
        with memory.scripted(whole_of(status), CHAT) as server:
            called = call(memory, server)
        assert called.error is None
        assert called.text == TEXT
        assert len(server.requests) == 2

    @pytest.mark.parametrize("status", [408, 429, 500])
    def test_that_stays(self, memory: Way, status: int) -> None:
        with memory.scripted(whole_of(status), whole_of(status), whole_of(status), CHAT) as server:
            called = call(memory, server)
        error = called.error
        assert isinstance(error, ResponseError)
        assert error.status_code == status
        assert json.loads(error.body) == OVERLOADED
        assert "overloaded" in str(error)
        assert called.answer.stats.attempts == len(server.requests) == 3

    @pytest.mark.parametrize("status", [302, 400, 401, 404, 422])
    def test_that_is_final(self, memory: Way, status: int) -> None:
        with memory.scripted(whole_of(status), CHAT) as server:
            called = call(memory, server)
        assert isinstance(called.error, ResponseError)
        assert not isinstance(called.error, ProtocolError)
        assert called.error.status_code == status
        assert json.loads(called.error.body) == OVERLOADED
        assert len(server.requests) == 1

    @pytest.mark.parametrize("as_date", [False, True])
    def test_that_says_when_to_come_back(self, memory: Way, as_date: bool) -> None:
        # A date has whole seconds: two of them are one at least.
        value = formatdate(time.time() + 2, usegmt=True) if as_date else "1"
        with memory.scripted(whole(429, OVERLOADED, retry_after=value), CHAT) as server:
            called = call(memory, server)
        assert called.error is None
        first, second = server.requests
        assert second.came - first.came > 0.9

    def test_that_says_to_come_back_much_later(self, memory: Way) -> None:
        with memory.scripted(whole(429, OVERLOADED, retry_after="3600"), CHAT) as server:
            called = call(memory, server, timeouts=Timeouts(total=5))
        assert isinstance(called.error, ResponseError)
        assert called.error.headers["retry-after"] == "3600"
        assert called.answer.rate_limits == {"retry-after": "3600"}
        assert len(server.requests) == 1

    def test_that_is_well_with_another_content_type(self, memory: Way) -> None:
        with memory.scripted(whole(200, OVERLOADED), CHAT) as server:
            called = call(memory, server)
        assert isinstance(called.error, ContentTypeError)
        assert isinstance(called.error, ProtocolError)
        assert json.loads(called.error.body) == OVERLOADED
        assert len(server.requests) == 1

    def test_whose_body_stalls_and_whose_caller_waits_no_longer(self, way: Way) -> None:
        with way.scripted([head(400, {}), http_chunk(b"half"), Step.STALL]) as server:
            called = call(way, server, timeouts=Timeouts(total=0.3))
        assert isinstance(called.error, (ResponseError, StreamTimeout))
        assert len(server.requests) == 1


def whole_of(status: int) -> Act:
    # One that is not listed among those of HTTP, which some servers send when they are busy.
    if status == 529:
        return [
            head(500).replace(b"500 Internal Server Error", b"529 Busy"),
            http_chunk(b"busy"),
            END,
        ]
    return whole(status, OVERLOADED)
