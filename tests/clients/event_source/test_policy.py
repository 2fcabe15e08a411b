"""`EventSource` waits before it reconnects, and refuses to wait too long."""

import time
from typing import Any

import httpx
import pytest
from event_sources import GONE, SOON, Way, event, expect_end, serving, status, stream
from reading import DROPS

import fastsse
from fastsse.event_source._policy import ReconnectPolicy

pytestmark = DROPS


class TestPolicy:
    """The arithmetic of waits, in seconds, over many throws of the dice."""

    @staticmethod
    def waits(
        retry: int | None = None,
        error: Exception | None = None,
        attempts: int = 1,
        progress: bool = True,
    ) -> list[float]:
        """The last wait of so many connections in a row that were lost."""
        found = []
        for _ in range(400):
            policy = ReconnectPolicy(None, 60)
            if progress:
                policy.connection_ended(seconds=0, has_new_id=True)
            for _ in range(attempts):
                _, wait = policy.next(error, retry)
            found.append(wait)
        return found

    @pytest.mark.parametrize(
        ("retry", "attempts", "asked", "growth"),
        [
            (None, 1, 1, 1),
            (None, 2, 1, 2),
            (None, 4, 1, 8),
            (None, 6, 1, 30),
            (None, 100, 1, 30),
            (0, 1, 0.1, 0.1),
            (1, 1, 0.1, 0.1),
            (99, 3, 0.1, 0.4),
            (250, 2, 0.25, 0.5),
            (60_000, 1, 60, 30),
            (3_600_000, 9, 3600, 30),
        ],
    )
    def test_a_random_part_of_the_growth_is_added(
        self, retry: int | None, attempts: int, asked: float, growth: float
    ) -> None:
        waits = self.waits(retry, attempts=attempts)
        assert asked <= min(waits) < asked + growth * 0.1
        assert asked + growth * 0.9 < max(waits) <= asked + growth

    def test_a_connection_without_progress_is_an_attempt(self) -> None:
        assert 2.5 < max(self.waits(progress=False)) <= 3

    @staticmethod
    def asking(retry_after: str, code: int = 503) -> fastsse.ResponseError:
        return fastsse.ResponseError(code, httpx.Headers({"Retry-After": retry_after}), None)

    @pytest.mark.parametrize(
        ("retry_after", "asked"),
        [
            ("7", 7),
            (" 7 ", 7),
            ("0", 1),
            ("3600", 3600),
            ("", 1),
            ("-5", 1),
            ("1.5", 1.5),
            ("1.5.5", 1),
            ("soon", 1),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 1),
            ("Sun, 06 Nov 99999 08:49:37 GMT", 1),
            ("Mon, 01 Jan 999999999999 00:00:00 GMT", 1),
            (" ", 1),
        ],
    )
    def test_retry_after(self, retry_after: str, asked: float) -> None:
        waits = self.waits(error=self.asking(retry_after))
        assert asked <= min(waits) < asked + 0.1
        assert asked + 0.9 < max(waits) <= asked + 1
        waits = self.waits(20_000, self.asking(retry_after))
        assert max(asked, 20) <= min(waits)
        assert max(waits) <= max(asked, 20) + 20

    @pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set here")
    @pytest.mark.parametrize(
        "form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%c"]
    )
    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
    def test_retry_after_a_date(self, monkeypatch: Any, form: str, zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            date = time.strftime(form, time.gmtime(time.time() + 100))
            waits = self.waits(error=self.asking(date))
        finally:
            monkeypatch.undo()
            time.tzset()
        assert 95 < min(waits) < 100.5
        assert 99 < max(waits) <= 101

    def test_without_retry_after_its_own_time_goes(self) -> None:
        error = fastsse.ResponseError(503, {}, None)
        assert 1 <= min(self.waits(error=error)) < 1.1

    @pytest.mark.parametrize(
        ("retry", "error"),
        [
            (3_600_001, None),
            (2**63 - 1, None),
            (None, asking("3601")),
            (None, asking("9" * 500)),
            (None, asking("Fri, 31 Dec 2999 23:59:59 GMT")),
        ],
    )
    def test_more_than_an_hour_ends_it(self, retry: int | None, error: Exception | None) -> None:
        with pytest.raises(
            fastsse.ReconnectError, match=r"at most 3600 s, the server asks for"
        ) as e:
            ReconnectPolicy(10, 60).next(error, retry)
        assert e.value.__cause__ is error

    def test_attempts_count_from_the_last_progress(self) -> None:
        policy = ReconnectPolicy(None, 60)
        error = httpx.ReadError("")
        assert [policy.next(error, 1)[0] for _ in range(3)] == [2, 3, 4]
        policy.connection_ended(seconds=59.9, has_new_id=False)
        assert policy.next(error, 1)[0] == 5
        policy.connection_ended(seconds=0, has_new_id=True)
        assert policy.next(error, 1)[0] == 1
        policy.connection_ended(seconds=60, has_new_id=False)
        assert policy.next(None, 1)[0] == 1


@pytest.mark.net
class TestWaits:
    def test_are_kept(self, reader: Way) -> None:
        answers = [stream(event(1), retry=150), stream(event(2), retry=None), GONE]
        with serving(*answers) as server:
            read = reader.read(server.url)
        expect_end(read, ["1", "2"])
        for again, ended, asked in zip(
            read.again, server.ended[:-1], server.asked[1:], strict=True
        ):
            assert 0.15 <= again.wait <= 0.3
            assert again.wait - 0.02 <= asked.at - ended < again.wait + SOON

    def test_retry_after_is_kept(self, some: Way) -> None:
        with serving(stream(event(1)), status(429, "Retry-After: 1"), GONE) as server:
            read = some.read(server.url)
        expect_end(read, ["1"])
        assert read.again[1].wait >= 1
        assert server.asked[2].at - server.ended[1] >= 0.98

    @pytest.mark.parametrize(
        "answers",
        [
            [stream(event(1), retry=3_600_001)],
            [stream(event(1)), status(503, "Retry-After: 3601")],
        ],
    )
    def test_more_than_an_hour_ends_it(self, some: Way, answers: list[bytes]) -> None:
        with serving(*answers) as server:
            read = some.read(server.url)
        assert isinstance(read.error, fastsse.ReconnectError)
        cause = read.error.__cause__
        assert getattr(cause, "status_code", None) == (503 if len(answers) > 1 else None)
        assert read.data == ["1"]
        assert read.source.state == "closed"
        assert len(server.asked) == len(answers)
