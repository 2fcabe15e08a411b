"""How long a client waits, what it tries again, and what it measures: what needs no server."""

import pickle
import time
from email.utils import formatdate
from typing import Any

import msgspec
import pytest
from fastsse.llm._stats import Stamps
from fastsse.llm._timeouts import DEFAULTS
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

NAMES = Timeouts.__struct_fields__
VARIABLES = {name: f"FASTSSE_{name.upper()}_TIMEOUT" for name in NAMES}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


class TestTimeouts:
    def test_have_these_defaults(self) -> None:
        assert msgspec.structs.asdict(DEFAULTS) == {
            "connect": 30, "headers": None, "first_event": 30, "idle": 60, "total": None,
        }  # fmt: skip

    def test_come_before_others_each_by_itself(self) -> None:
        call, client = Timeouts(idle=1, total=0), Timeouts(idle=2, headers=3, total=4)
        assert call.over(client) == Timeouts(idle=1, headers=3, total=0)
        assert client.over(call) == client
        assert Timeouts().over(client) == client == client.over(Timeouts())

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("seconds", [0, 0.5, 7, float("inf"), None])
    def test_take_any_number_of_seconds(self, name: str, seconds: Any) -> None:
        assert getattr(Timeouts(**{name: seconds}), name) == seconds

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize(
        ("value", "error", "got"),
        [
            (-1, ValueError, "0 or more seconds, got -1"),
            (-0.001, ValueError, "0 or more seconds, got -0.001"),
            (float("nan"), ValueError, "0 or more seconds, got nan"),
            (float("-inf"), ValueError, "0 or more seconds, got -inf"),
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
        [("7", 7), (" 0.5 ", 0.5), ("0", 0), ("1e3", 1000), ("inf", float("inf"))],
    )
    def test_sets_each(
        self, monkeypatch: pytest.MonkeyPatch, name: str, text: str, seconds: float
    ) -> None:
        monkeypatch.setenv(VARIABLES[name], text)
        assert Timeouts.from_environment() == Timeouts(**{name: seconds})

    def test_sets_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for number, variable in enumerate(VARIABLES.values()):
            monkeypatch.setenv(variable, str(number))
        assert list(msgspec.structs.asdict(Timeouts.from_environment()).values()) == [0, 1, 2, 3, 4]

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
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
    def test_of_a_status_that_passes(self, status: int) -> None:
        assert Retry().wait_for(answer(status)) is True

    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 422, 499, 600])
    def test_of_no_other(self, status: int) -> None:
        assert Retry().wait_for(answer(status)) is False
        assert Retry().wait_for(answer(status, "1")) is False

    @pytest.mark.parametrize("kind", ["refused", "timeout", "broken"])
    def test_of_a_connection(self, kind: Any) -> None:
        assert Retry().wait_for(TransportError(kind, "http://127.0.0.1/", "why")) is True

    @pytest.mark.parametrize(
        ("deadline", "again"),
        [("headers", True), ("first_event", True), ("idle", False), ("total", False)],
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


class TestStamps:
    def test_of_none(self) -> None:
        stamps = Stamps()
        assert (stamps.tokens, stamps.ttft(0), stamps.itl(), stamps.tpot(None)) == (
            0,
            None,
            [],
            None,
        )
        assert stamps.tpot(100) is None

    def test_of_one(self) -> None:
        stamps = Stamps()
        stamps.add(1_500_000_000, 1)
        assert stamps.ttft(1_000_000_000) == 0.5
        assert (stamps.itl(), stamps.tpot(None), stamps.tpot(9)) == ([], None, None)

    def test_of_some(self) -> None:
        stamps = Stamps()
        for came, tokens in ((1, 1), (2, 1), (3, 3), (5, 4)):
            stamps.add(came * 1_000_000_000, tokens)
        assert stamps.tokens == 4
        assert stamps.ttft(0) == 1
        assert stamps.itl() == [2, 0, 2]
        assert len(stamps.itl()) == stamps.tokens - 1
        assert stamps.tpot(None) == 4 / 3 == stamps.tpot(2)
        # The server may count more than came apart.
        assert stamps.tpot(9) == 4 / 8

    def test_of_a_first_chunk_that_has_several(self) -> None:
        stamps = Stamps()
        stamps.add(1_000_000_000, 3)
        assert (stamps.itl(), stamps.tpot(None)) == ([0, 0], 0)
        stamps.add(3_000_000_000, 4)
        assert (stamps.itl(), stamps.ttft(0)) == ([0, 0, 2], 1)
