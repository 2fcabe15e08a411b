"""`fastsse tail` runs in a process of its own."""

import json
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import SECONDS, TWIN, run, start

from fastsse.cli.exit import Exit


def tail_json(*arguments: str, stdin: bytes = b"") -> list[dict[str, Any]]:
    code, out, err = run("tail", "--json", *arguments, stdin=stdin)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


class TestTail:
    def test_json_lines_of_a_url(self, url: str) -> None:
        before = time.time()
        lines = tail_json(f"{url}/events")
        assert [(line["event"], line["data"], line["id"], line["retry"]) for line in lines] == [
            ("message", f"event {number} ü", str(number), None) for number in range(3)
        ]
        assert all(before <= line["received_at"] <= time.time() for line in lines)

    def test_text_of_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "stream.sse"
        stream = b"event: e\nid: 7\nretry: 5\ndata: one\ndata: two\x1b[2J\n\n"
        path.write_bytes(stream)
        code, out, err = run("tail", str(path))
        first, second = out.splitlines()
        assert code == 0
        assert first.endswith("e id=7 retry=5 one")
        assert second.strip() == "two\\x1b[2J"
        assert err.startswith(f"events: 1, chunks: 1, bytes: {len(stream)}, ")
        assert err.strip().endswith(TWIN)

    def test_standard_input(self) -> None:
        (line,) = tail_json("-", stdin=b"data: x\r\rdata: unfinished")
        assert line["data"] == "x"

    def test_an_event_is_shown_when_it_arrives(self) -> None:
        with start("tail", "--json", "-") as process:
            assert process.stdin
            assert process.stdout
            for number in range(3):
                process.stdin.write(b"data: %d\n\n" % number)
                process.stdin.flush()
                assert json.loads(process.stdout.readline())["data"] == str(number)
            process.stdin.close()
            assert process.wait(SECONDS) == 0

    def test_the_request_is_what_curl_would_send(self, url: str, tmp_path: Path) -> None:
        def sent(*arguments: str, stdin: bytes = b"") -> dict[str, str]:
            (line,) = tail_json(f"{url}/echo", *arguments, stdin=stdin)
            found: dict[str, str] = json.loads(line["data"])
            return found

        get = sent()
        assert (get["method"], get["accept"]) == ("GET", "text/event-stream")
        form = sent("-d", "a=1", "-d", "b=2", "-H", "X-Key: se:cret", "-H", "Accept: */*")
        assert (form["method"], form["body"]) == ("POST", "a=1&b=2")
        assert form["content-type"] == "application/x-www-form-urlencoded"
        assert (form["x-key"], form["accept"]) == ("se:cret", "*/*")
        body = sent("-X", "PUT", "-d", '{"stream": true}', "--last-event-id", "9")
        assert (body["method"], body["content-type"]) == ("PUT", "application/json")
        assert (body["body"], body["last-event-id"]) == ('{"stream": true}', "9")
        typed = sent("-d", "[1]", "-H", "Content-Type: text/plain")
        assert typed["content-type"] == "text/plain"
        path = tmp_path / "body.json"
        path.write_text('{"from": "file"}')
        assert sent("-d", f"@{path}")["body"] == '{"from": "file"}'
        assert sent("-d", "@-", stdin=b"piped")["body"] == "piped"

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["{url}/events"], Exit.END_OF_STREAM, "events: 3, chunks:"),
            (["no-such-file"], Exit.USAGE, "no-such-file: No such file"),
            (["{url}/events", "-H", "nonsense"], Exit.USAGE, "expected 'Name: value'"),
            (["{url}/events", "--idle-timeout", "-1"], Exit.USAGE, "--idle-timeout"),
            ([], Exit.USAGE, "Missing argument"),
            (["localhost:8000/x"], Exit.USAGE, "a URL starts with http://"),
            (["-", "--idle-timeout", "1"], Exit.USAGE, "-: expected a URL, which timeouts"),
            (["-", "-d", "x"], Exit.USAGE, "-: expected a URL"),
            (["{url}/events", "-X", "BAD METHOD"], Exit.USAGE, "illegal method"),
            (["{url}/events", "-H", "X: ☃"], Exit.USAGE, "can't encode"),
            (["ftp://127.0.0.1/"], Exit.USAGE, "unsupported protocol"),
            (["{url}/401"], Exit.RESPONSE, "no such key"),
            (["{url}/json"], Exit.RESPONSE, "overloaded, try later"),
            (["{url}/cut"], Exit.TRANSPORT, "events: 3, chunks:"),
            (["http://127.0.0.1:1/"], Exit.TRANSPORT, "http://127.0.0.1:1/: [Errno"),
            (["{url}/stall", "--idle-timeout", "0.2"], Exit.TIMEOUT, "--idle-timeout=0.2"),
            (["{url}/stall", "--total-timeout", "0.2"], Exit.TIMEOUT, "--total-timeout=0.2"),
            (["{url}/drip", "--first-event-timeout", "0.2"], Exit.TIMEOUT, "first-event"),
            (
                ["{url}/events?think=5", "--total-timeout", "0.3"],
                Exit.TIMEOUT,
                "--total-timeout=0.3",
            ),
            (["{url}/events?think=5", "--idle-timeout", "0.3"], Exit.TIMEOUT, "--idle-timeout=0.3"),
            (
                ["{url}/events?think=9", "--first-event-timeout", "1", "--idle-timeout", "0.1"],
                Exit.TIMEOUT,
                "--first-event-timeout=1 s",
            ),
            (["{url}/events?delay=0.4", "--first-event-timeout", "0.3"], 0, "events: 3, chunks:"),
            (["{url}/large?size=99", "--max-event-size", "0"], Exit.END_OF_STREAM, "events: 3"),
            (
                ["{url}/large?size=99", "--max-event-size", "50"],
                Exit.TOO_LARGE,
                "events: 2, chunks:",
            ),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else None,
    )
    def test_exit_codes(self, url: str, arguments: list[str], code: Exit, message: str) -> None:
        found, _, err = run("tail", *(argument.format(url=url) for argument in arguments))
        assert found == code, err
        assert message.lower() in " ".join(err.lower().split())
        assert "Traceback" not in err

    def test_timeouts_count_from_the_request(self, url: str) -> None:
        code, _, err = run("tail", f"{url}/stall?think=0.6", "--total-timeout", "0.9")
        assert code == Exit.TIMEOUT
        (after,) = re.findall(r"within --total-timeout=0\.9 s .*after ([0-9.]+) s\)", err)
        assert 0.9 <= float(after) < 1.4
        (first,) = re.findall(r"first event after ([0-9.]+) s", err)
        assert float(first) >= 0.6

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
    def test_ctrl_c(self, url: str) -> None:
        with start("tail", f"{url}/stall") as process:
            assert process.stdout
            for number in range(3):
                assert b"event %d" % number in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == Exit.INTERRUPTED
        assert b"events: 3, chunks:" in err
        assert b"Traceback" not in err

    @pytest.mark.parametrize("colour", ["", "1"], ids=["plain", "colour"])
    @pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
    def test_a_closed_pipe_ends_quietly(
        self, url: str, flags: list[str], colour: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # With it rich takes a pipe for a terminal, and would end the process in its own way.
        monkeypatch.setenv("FORCE_COLOR", colour)
        with start("tail", *flags, f"{url}/trickle?delay=0.01") as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(SECONDS) == 0
