"""How long a client waits, what it tries again, and what it measures: what needs no server."""

import pickle
import time
from array import array
from email.utils import formatdate
from typing import Any

import msgspec
import pytest
from msgspec import UNSET
from reading_values import event

from fastsse import ContentTypeError, EventTooLargeError, ResponseError, SSEError, StreamTimeout
from fastsse.llm import (
    DecodeError,
    IncompleteStreamError,
    Retry,
    StreamError,
    Timeouts,
    TransportError,
)
from fastsse.llm.answer import gaps_between, time_per_token
from fastsse.llm.options import DEFAULTS

NAMES = Timeouts.__struct_fields__
VARIABLES = {name: f"FASTSSE_{name.upper()}_TIMEOUT" for name in NAMES}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


class TestTimeouts:
    def test_have_these_defaults(self) -> None:
        assert msgspec.structs.asdict(DEFAULTS) == {
            "connect": 30, "headers": None, "first_event": 30, "idle": 60, "total": UNSET,
        }  # fmt: skip

    def test_come_before_others_each_by_itself(self) -> None:
        call, client = Timeouts(idle=1, total=None), Timeouts(idle=2, headers=3, total=4)
        assert call.inherit(client) == Timeouts(idle=1, headers=3, total=None)
        assert client.inherit(call) == client
        assert Timeouts().inherit(client) == client == client.inherit(Timeouts())

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("seconds", [0.5, 7, float("inf"), None])
    def test_take_any_number_of_seconds(self, name: str, seconds: Any) -> None:
        assert getattr(Timeouts(**{name: seconds}), name) == seconds

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize(
        ("value", "error", "got"),
        [
            (0, ValueError, "more than 0 seconds, or None, got 0"),
            (-1, ValueError, "more than 0 seconds, or None, got -1"),
            (-0.001, ValueError, "more than 0 seconds, or None, got -0.001"),
            (float("nan"), ValueError, "more than 0 seconds, or None, got nan"),
            (float("-inf"), ValueError, "more than 0 seconds, or None, got -inf"),
            ("3", TypeError, "seconds or None, got str"),
            (True, TypeError, "seconds or None, got bool"),
            ([], TypeError, "seconds or None, got list"),
        ],
    )
    def test_take_nothing_else(
        self, name: str, value: Any, error: type[Exception], got: str
    ) -> None:
        with pytest.raises(error) as caught:
            Timeouts(**{name: value})
        assert str(caught.value) == f"{name}: expected {got}"

    def test_are_values(self) -> None:
        timeouts = Timeouts(idle=5)
        assert timeouts == Timeouts(idle=5) != Timeouts(idle=6)
        assert hash(timeouts) == hash(Timeouts(idle=5))
        assert repr(timeouts) == "Timeouts(idle=5)"
        assert pickle.loads(pickle.dumps(timeouts)) == timeouts
        with pytest.raises(AttributeError):
            timeouts.idle = 7  # type: ignore[misc]
        with pytest.raises(TypeError):
            Timeouts(5)  # type: ignore[call-arg, misc]


class TestEnvironment:
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("7", 7), (" 0.5 ", 0.5), ("0", None), ("1e3", 1000), ("inf", float("inf"))],
    )
    def test_sets_each(
        self, monkeypatch: pytest.MonkeyPatch, name: str, text: str, seconds: float
    ) -> None:
        monkeypatch.setenv(VARIABLES[name], text)
        assert Timeouts.from_environment() == Timeouts(**{name: seconds})

    def test_sets_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for number, variable in enumerate(VARIABLES.values()):
            monkeypatch.setenv(variable, str(number))
        assert list(msgspec.structs.asdict(Timeouts.from_environment()).values()) == [
            None,
            1,
            2,
            3,
            4,
        ]

    @pytest.mark.parametrize("text", ["", " "])
    def test_that_is_empty_is_none(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setenv(VARIABLES["idle"], text)
        assert Timeouts.from_environment() == Timeouts()

    def test_that_is_bare_is_none(self) -> None:
        assert Timeouts.from_environment() == Timeouts()

    @pytest.mark.parametrize("text", ["5s", "-1", "nan", "five", "1 2", "None"])
    @pytest.mark.parametrize("name", NAMES)
    def test_that_is_wrong_is_named(
        self, monkeypatch: pytest.MonkeyPatch, name: str, text: str
    ) -> None:
        monkeypatch.setenv(VARIABLES[name], text)
        with pytest.raises(ValueError, match=f"^{VARIABLES[name]}: expected .*seconds, got"):
            Timeouts.from_environment()


def answer(status: int, retry_after: str | None = None) -> ResponseError:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return ResponseError(status, headers, "text/plain")


class TestRetry:
    @pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
    def test_of_a_status_that_passes(self, status: int) -> None:
        assert Retry().wait_for(answer(status)) is True

    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422, 499, 600])
    def test_of_no_other(self, status: int) -> None:
        assert Retry().wait_for(answer(status)) is False
        assert Retry().wait_for(answer(status, "1")) is False

    @pytest.mark.parametrize(
        ("advice", "again"), [("true", True), ("FALSE", False), ("maybe", None)]
    )
    def test_of_what_the_response_advises(self, advice: str, again: bool | None) -> None:
        for status in (400, 429):
            error = ResponseError(status, {"x-should-retry": advice}, None)
            assert Retry().wait_for(error) is ((status == 429) if again is None else again)

    def test_of_no_quota_that_is_spent(self) -> None:
        body = b'{"error": {"message": "no luck", "code": "insufficient_quota"}}'
        assert Retry().wait_for(ResponseError(429, {}, "application/json", body)) is False

    def test_waits_for_milliseconds(self) -> None:
        headers = {"retry-after-ms": "1500", "retry-after": "7"}
        assert Retry().wait_for(ResponseError(429, headers, None)) == 1.5

    @pytest.mark.parametrize("kind", ["dns", "refused", "tls", "timeout", "broken"])
    def test_of_a_connection(self, kind: Any) -> None:
        assert Retry().wait_for(TransportError(kind, "http://127.0.0.1/", "why")) is True

    @pytest.mark.parametrize(
        ("deadline", "again"),
        [
            ("connect", True),
            ("headers", True),
            ("first_event", True),
            ("idle", False),
            ("total", False),
        ],
    )
    def test_of_a_deadline_before_the_first_event(self, deadline: str, again: bool) -> None:
        assert Retry().wait_for(StreamTimeout(deadline, 1)) is again

    @pytest.mark.parametrize(
        "error",
        [
            StreamError("busy", "busy", event("{}")),
            DecodeError(event("{"), "why"),
            IncompleteStreamError(0),
            ContentTypeError(200, {}, "text/html"),
            EventTooLargeError(1, 2),
            SSEError("x"),
            ValueError("x"),
            TimeoutError("x"),
            ConnectionError("x"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_of_no_other_error(self, error: Exception) -> None:
        assert Retry().wait_for(error) is False

    @pytest.mark.parametrize(
        ("asked", "wait"),
        [
            ("7", 7),
            ("1.5", 1.5),
            ("0", True),
            ("60", 60),
            ("61", False),
            ("soon", True),
            ("", True),
            ("-5", True),
        ],
    )
    def test_waits_as_long_as_the_server_asks(self, asked: str, wait: Any) -> None:
        for status in (429, 503):
            found = Retry().wait_for(answer(status, asked))
            assert (found, type(found) is bool) == (wait, type(wait) is bool)

    def test_waits_until_the_time_that_the_server_names(self) -> None:
        found = Retry().wait_for(answer(429, formatdate(time.time() + 30, usegmt=True)))
        assert 20 < found <= 30
        assert Retry().wait_for(answer(429, formatdate(time.time() + 300, usegmt=True))) is False
        assert Retry().wait_for(answer(429, formatdate(time.time() - 30, usegmt=True))) is True

    def test_has_its_own_longest_wait(self) -> None:
        assert Retry(longest_retry_after=300).wait_for(answer(429, "200")) == 200
        assert Retry(longest_retry_after=0).wait_for(answer(429, "1")) is False

    @pytest.mark.parametrize(
        "given",
        [
            {"attempts": 0}, {"attempts": -1}, {"wait_initial": -1}, {"wait_max": -0.5},
            {"wait_jitter": float("nan")}, {"longest_retry_after": -1},
        ],
        ids=str,
    )  # fmt: skip
    def test_takes_what_makes_sense(self, given: dict[str, Any]) -> None:
        (name,) = given
        with pytest.raises(ValueError, match=f"^{name}: expected"):
            Retry(**given)

    def test_is_a_value(self) -> None:
        assert Retry().attempts == 3
        assert pickle.loads(pickle.dumps(Retry(attempts=1))) == Retry(attempts=1) != Retry()


SECOND = 1_000_000_000


class TestTimes:
    @pytest.mark.parametrize(
        ("received", "gaps"),
        [([], []), ([1], []), ([1, 3, 3, 5], [2, 0, 2]), ([1, 1, 1], [0, 0])],
        ids=str,
    )
    def test_gaps_are_one_less_than_tokens(self, received: list[int], gaps: list[int]) -> None:
        assert gaps_between(array("q", [at * SECOND for at in received])) == gaps

    @pytest.mark.parametrize(
        ("received", "reported", "seconds"),
        [
            ([], None, None),
            ([], 100, None),
            ([1], None, None),
            ([1], 9, None),
            ([1, 3, 3, 5], None, 4 / 3),
            # The server may count more tokens than were received apart, but not fewer.
            ([1, 3, 3, 5], 2, 4 / 3),
            ([1, 3, 3, 5], 9, 4 / 8),
            ([1, 1, 1], None, 0),
        ],
        ids=str,
    )
    def test_mean(self, received: list[int], reported: Any, seconds: float | None) -> None:
        times = array("q", [at * SECOND for at in received])
        assert time_per_token(times, reported) == seconds
