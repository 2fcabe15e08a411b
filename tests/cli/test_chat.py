"""`fastsse chat` runs in a process of its own, against real servers."""

import os
import re
import signal
import sys

import pytest
from command_line import SECONDS, TWIN, run, start
from faulty_server import FaultyServer
from serving import serve

from fastsse.cli.demo_answers import VOCABULARY
from fastsse.cli.demo_server import app
from fastsse.cli.exit import Exit


class TestChat:
    """`fastsse chat`, against the demo's server and one whose answers go wrong."""

    def ask(self, url: str, *arguments: str) -> tuple[int, str, str]:
        return run("chat", "--base-url", url, "--model", "m", *(arguments or ["Why?"]))

    @pytest.mark.net
    def test_the_answer_and_what_it_took(self) -> None:
        with serve(app) as url:
            code, out, err = self.ask(url, "Why?", "--max-tokens", "20")
        assert code == 0, err
        assert [f"{word} " in VOCABULARY for word in out.split()] == [True] * 20
        assert out.endswith("\n")
        found = re.fullmatch(
            r"time to first token: ([\d.]+) s, tokens per second: ([\d.]+), tokens: 4 of the "
            rf"prompt, 20 of the answer, 24 in all, end after ([\d.]+) s; {TWIN}\n",
            err,
        )
        assert found, err
        first, rate, end = map(float, found.groups())
        assert 0.05 <= first < end
        # The server makes pauses of a sixtieth of a second.
        assert 0 < rate < 66

    def test_what_is_asked(self, faulty: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "of another server")
        url = faulty.at("hello")
        assert self.ask(url)[:2] == (0, "Hello ü.\n")
        monkeypatch.setenv("FASTSSE_API_KEY", "sesame")
        self.ask(url, "Why?", "--system", "Be brief.", "--max-tokens", "9", "--temperature", "0")
        self.ask(url, "Why?", "--api-key", "mine")
        (plain, no_key), (full, key), (_, other_key) = faulty.requests["hello"]
        question = {"role": "user", "content": "Why?"}
        streams = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
        assert plain == streams | {"messages": [question]}
        system = {"role": "system", "content": "Be brief."}
        knobs = {"max_tokens": 9, "temperature": 0}
        assert full == streams | knobs | {"messages": [system, question]}
        keys = [headers.get("authorization") for headers in (no_key, key, other_key)]
        assert keys == [None, "Bearer sesame", "Bearer mine"]

    def test_a_prompt_from_standard_input(self, faulty: FaultyServer) -> None:
        arguments = ["chat", "-", "--base-url", faulty.at("hello"), "--model", "m"]
        assert run(*arguments, stdin="Wärum?\n".encode())[0] == 0
        ((body, _),) = faulty.requests["hello"]
        assert body["messages"][0]["content"] == "Wärum?\n"
        code, _, err = run(*arguments, stdin=b"\xff")
        assert code == Exit.USAGE
        assert "can't decode byte 0xff" in err

    @pytest.mark.parametrize(
        ("how", "arguments", "code", "shown", "error"),
        [
            ("404", [], Exit.RESPONSE, "", "got 404: no such ünicorn"),
            ("html", [], Exit.RESPONSE, "", "expected text/event-stream, got text/html"),
            ("500", [], Exit.RESPONSE, "", "got 500: on fire"),
            ("broken", [], Exit.TRANSPORT, "Hello \n", "/v1/chat/completions broke: "),
            ("stalls", ["--idle-timeout", "0.3"], Exit.TIMEOUT, "Hello \n", "--idle-timeout=0.3"),
            ("stalls", ["--total-timeout", "0.7"], Exit.TIMEOUT, "Hello \n", "--total-timeout=0.7"),
            ("silent", ["--first-event-timeout", "0.2"], Exit.TIMEOUT, "", "--first-event-"),
            ("error-in-chat", [], Exit.BAD_ANSWER, "Hello \n", "stream: out of memory"),
            ("bad-json", [], Exit.BAD_ANSWER, "Hello \n", '{"cut'),
            ("no-end", [], Exit.BAD_ANSWER, "Hello \n", "before [DONE] or a finish reason"),
            ("hello", ["--max-event-size", "9"], Exit.TOO_LARGE, "", "max_event_size=9"),
            ("hello", ["--idle-timeout", "-1"], Exit.USAGE, "", "--idle-timeout"),
            ("hello", ["--api-key", "☃"], Exit.USAGE, "", "visible ASCII"),
        ],
    )  # fmt: skip
    def test_exit_codes(
        self,
        faulty: FaultyServer,
        how: str,
        arguments: list[str],
        code: Exit,
        shown: str,
        error: str,
    ) -> None:
        found, out, err = self.ask(faulty.at(how), "Why?", *arguments)
        assert (found, out) == (code, shown), err
        assert error in err
        assert "Traceback" not in err
        if code != Exit.USAGE:
            assert len([line for line in err.splitlines() if line.startswith("fastsse: ")]) == 1

    @pytest.mark.parametrize(
        ("url", "code", "error"),
        [
            ("http://127.0.0.1:1", Exit.TRANSPORT, "http://127.0.0.1:1/v1/chat/completions was"),
            ("127.0.0.1:1", Exit.USAGE, "base_url: expected http:// or https://"),
            ("http://[", Exit.USAGE, "Invalid"),
            ("http://a:b", Exit.USAGE, "b"),
        ],
    )
    def test_a_server_that_is_none(self, url: str, code: Exit, error: str) -> None:
        found, _, err = self.ask(url)
        assert found == code, err
        assert error in err
        assert "Traceback" not in err

    def test_timeouts_of_the_environment(
        self, faulty: FaultyServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FASTSSE_IDLE_TIMEOUT", "0.3")
        assert self.ask(faulty.at("stalls"))[0] == Exit.TIMEOUT
        monkeypatch.setenv("FASTSSE_IDLE_TIMEOUT", "soon")
        code, _, err = self.ask(faulty.at("stalls"))
        assert code == Exit.USAGE
        assert "FASTSSE_IDLE_TIMEOUT: expected seconds, got 'soon'" in err

    def test_another_attempt_is_told_of(self, faulty: FaultyServer) -> None:
        code, out, err = self.ask(faulty.at("429-then-200"))
        assert (code, out) == (0, "Hello ü.\n")
        assert err.startswith("attempts: 2, time to first token: ")
        assert len(err.splitlines()) == 1

    def test_what_goes_through_a_pipe_is_the_text_as_it_came(self, faulty: FaultyServer) -> None:
        code, out, err = self.ask(faulty.at("thoughts"))
        assert (code, out) == (0, "Yes\x07.\n")
        assert "finish reason: length" in err

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
    def test_a_terminal_shows_the_reasoning_dimmed(self, faulty: FaultyServer) -> None:
        ours, theirs = os.openpty()
        arguments = ["chat", "Why?", "--base-url", faulty.at("thoughts"), "--model", "m"]
        with start(*arguments, stdout=theirs) as process:
            process.communicate(timeout=SECONDS)
        os.close(theirs)
        shown = os.read(ours, 1000)
        os.close(ours)
        assert shown == b"\x1b[2mhm\\x1b[2J\x1b[22m\r\nYes\\x07.\r\n"

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
    def test_ctrl_c(self, faulty: FaultyServer) -> None:
        url = faulty.at("endless")
        with start("chat", "Why?", "--base-url", url, "--model", "m") as process:
            assert process.stdout
            assert process.stdout.read(10) == b"more more "
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == Exit.INTERRUPTED
        assert err.startswith(b"time to first token: ")
        assert b"Traceback" not in err
        assert faulty.left["endless"].wait(10)

    def test_a_closed_pipe_ends_quietly(self, faulty: FaultyServer) -> None:
        url = faulty.at("endless")
        with start("chat", "Why?", "--base-url", url, "--model", "m") as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(SECONDS) == 0
        assert faulty.left["endless"].wait(10)
