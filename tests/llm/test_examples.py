"""The examples, as their reader runs them: each in a process of its own, against real servers."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_server import FaultyServer
from paths import EXAMPLES
from server import serve_http2
from serving import serve

from fastsse.cli import demo_server
from fastsse.cli.demo_answers import VOCABULARY

SECONDS = 60

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are not here"),
]


def start(example: str, url: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / example)]
    command += ["--base-url", url, "--model", "demo", *arguments]
    inherited = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=inherited | paths | environment, encoding="utf-8", **pipes)


def run(example: str, url: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
    with start(example, url, *arguments, **environment) as process:
        out, err = process.communicate(timeout=SECONDS)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def succeed(example: str, url: str, *arguments: str, **environment: str) -> tuple[str, str]:
    code, out, err = run(example, url, *arguments, **environment)
    assert code == 0, err
    return out, err


def fail(example: str, url: str, *arguments: str, **environment: str) -> tuple[str, str]:
    code, out, err = run(example, url, *arguments, **environment)
    assert code == 1, err
    return out, err


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    with serve(demo_server.app) as url:
        yield url


class TestAnyJsonStream:
    EXAMPLE = "any_json_stream.py"

    def test_over_http2_with_tls(self, certificate: Path) -> None:
        authority = str(certificate / "authority.pem")
        app = "fastsse.cli.demo_server:app"
        with serve_http2(app, certificate=certificate) as url:
            out, _ = succeed(self.EXAMPLE, url, SSL_CERT_FILE=authority)
            _, err = fail(self.EXAMPLE, url)
        assert re.match(r"transport \(tls\): .*certificate verify failed", err, re.IGNORECASE)
        first, *events = out.splitlines()
        assert first == "HTTP/2 200"
        names, values = zip(*(event.split(" ", 1) for event in events), strict=True)
        assert set(names) == {"message"}
        choices = [ast.literal_eval(value)["choices"][0] for value in values]
        assert sum(choice["delta"].get("content") in VOCABULARY for choice in choices) == 64
        assert choices[-1]["finish_reason"] == "stop"

    def test_names_of_events(self, faulty: FaultyServer) -> None:
        out, _ = succeed(self.EXAMPLE, faulty.at("named"))
        assert out == "HTTP/1.1 200\ngreeting {'n': 1}\nmessage [2]\n"

    @pytest.mark.parametrize(
        ("how", "shown", "error"),
        [
            ("404", "", "HTTP status 404: no such ünicorn\n"),
            ("html", "", "protocol: expected text/event-stream, got text/html"),
            ("bad-json", "Hello ", "JSON: "),
            ("bad-utf8", "Hello ", "JSON: "),
            ("broken", "Hello ", "transport (broken): "),
            ("error-after-ten", "t9", "server: the server reports an error in the stream: out of"),
        ],
    )
    def test_tells_errors_apart(
        self, faulty: FaultyServer, how: str, shown: str, error: str
    ) -> None:
        out, err = fail(self.EXAMPLE, faulty.at(how))
        assert shown in out
        assert err.startswith(error)

    def test_no_server(self) -> None:
        _, err = fail(self.EXAMPLE, "http://127.0.0.1:1")
        assert err.startswith("transport (refused): the connection to http://127.0.0.1:1/v1/")

    def test_no_headers(self, faulty: FaultyServer, tmp_path: Path) -> None:
        """The example waits ten seconds for them; a copy waits half of one."""
        source = (EXAMPLES / self.EXAMPLE).read_text("utf-8")
        assert source.count("headers=10") == 1
        impatient = tmp_path / self.EXAMPLE
        impatient.write_text(source.replace("headers=10", "headers=0.5"), "utf-8")
        began = time.monotonic()
        _, err = fail(str(impatient), faulty.at("no-headers"))
        assert err.startswith("timeout: no response within Timeouts.headers=0.5 s")
        assert time.monotonic() - began >= 0.5

    def test_closes_what_it_does_not_read_to_its_end(self, faulty: FaultyServer) -> None:
        out, err = succeed(self.EXAMPLE, faulty.at("endless"), "--stop-after", "3")
        assert len(out.splitlines()) == 4
        # A task or a socket that is left would be told of.
        assert err == ""
        assert faulty.left["endless"].wait(10)


class TestTokenIds:
    EXAMPLE = "token_ids.py"

    def test_each_token_has_its_text_and_its_id(self, demo: str) -> None:
        out, _ = succeed(self.EXAMPLE, demo)
        request, *tokens, counts, usage = out.splitlines()
        assert re.match(r"request demo-request-\d+ \{'x-ratelimit-limit-requests': '1000'", request)
        assert len(tokens) == 32
        for line in tokens:
            id, text = line.split(" ", 1)
            assert ast.literal_eval(text) == VOCABULARY[int(id)]
        chunks = re.fullmatch(r"chunks: (\d+) events: \d+ failures: 0", counts)
        assert chunks
        # Some had several tokens.
        assert int(chunks[1]) < 32
        numbers = "prompt_tokens=3, completion_tokens=32, total_tokens=35"
        assert re.fullmatch(rf"seconds: [\d.]+ Usage\({numbers}\)", usage)

    def test_what_is_asked(self, faulty: FaultyServer) -> None:
        fail(self.EXAMPLE, faulty.at("error-after-ten"))
        ((body, headers),) = faulty.requests["error-after-ten"]
        assert body == {
            "model": "demo", "prompt": [1, 2, 3], "stream": True,
            "stream_options": {"include_usage": True}, "return_token_ids": True,
            "skip_special_tokens": False, "stop_token_ids": [0], "priority": 0,
            "temperature": 0.8, "top_p": 0.95, "top_k": 40, "max_tokens": 32, "logprobs": 0,
        }  # fmt: skip
        assert "authorization" not in headers

    def test_an_error_in_the_stream_and_the_request_saved(
        self, faulty: FaultyServer, tmp_path: Path
    ) -> None:
        folder = tmp_path / "failed"
        out, err = fail(self.EXAMPLE, faulty.at("error-after-ten"), "--save", str(folder))
        assert [line for line in out.splitlines() if line[0].isdigit()] == [
            f"{number} 't{number}'" for number in range(10)
        ]
        assert "StreamError: " in err
        assert "out of memory" in err
        (saved,) = folder.iterdir()
        assert json.loads(saved.read_bytes()) == faulty.requests["error-after-ten"][0][0]
        assert str(saved) in err

    def test_what_is_no_chunk_is_counted_and_logged_once(self, faulty: FaultyServer) -> None:
        out, err = succeed(self.EXAMPLE, faulty.at("junk-in-tokens"))
        assert out.splitlines()[1:-2] == ["1 't1'", "2 't2'", "3 't3'"]
        assert "failures: 2" in out
        (logged,) = (line for line in err.splitlines() if "junk" in line)
        assert "junk 1" in logged

    def test_an_idle_timeout_tells_how_far_it_had_come(self, faulty: FaultyServer) -> None:
        out, err = fail(self.EXAMPLE, faulty.at("tokens-stall"), "--idle", "0.3")
        assert "1 't1'\n2 't2'\n" in out
        assert re.search(
            r"StreamTimeout: no bytes within Timeouts.idle=0.3 s \(events: 2, lines: 4, "
            r'chunks: \d, bytes: \d+, after 0.\d+ s\); the next event began with: \{"half',
            err,
        )

    @pytest.mark.parametrize("how", ["refused", "broken"])
    def test_says_how_the_connection_failed(self, faulty: FaultyServer, how: str) -> None:
        url = faulty.at(how) if how == "broken" else "http://127.0.0.1:1"
        _, err = fail(self.EXAMPLE, url)
        what = "broke" if how == "broken" else "was refused"
        assert re.search(rf"TransportError: the connection to {url}/v1/completions {what}: ", err)


class TestPlainChat:
    EXAMPLE = "plain_chat.py"

    @pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
    def test_says_why_it_finished(self, demo: str, end: str) -> None:
        out, _ = succeed(self.EXAMPLE, demo + end, "--max-tokens", "5")
        text, reason = out.splitlines()
        assert len(text.split()) == 5
        assert reason == "(stop)"

    def test_sends_only_what_is_given(self, faulty: FaultyServer) -> None:
        url = faulty.at("hello")
        out, _ = succeed(self.EXAMPLE, url)
        assert out == "Hello ü.\n(stop)\n"
        knobs = ["--temperature", "0.5", "--top-p", "0.9", "--seed", "7", "--max-tokens", "9"]
        more = ["--extra", '{"min_p": 0.1}', "--api-key", "sesame", "--prompt", "Hi"]
        succeed(self.EXAMPLE, url, *knobs, *more)
        (plain, without_key), (full, with_key) = faulty.requests["hello"]
        message = {"role": "user", "content": "Why is the sky blue?"}
        basic = {"model": "demo", "messages": [message], "stream": True, "max_tokens": 64}
        assert plain == basic
        given = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "max_tokens": 9, "min_p": 0.1}
        assert full == basic | given | {"messages": [{"role": "user", "content": "Hi"}]}
        assert "authorization" not in without_key
        assert with_key["authorization"] == "Bearer sesame"

    @pytest.mark.parametrize(("how", "body"), [("bad-json", '{"cut'), ("bad-utf8", "caf\ufffd")])
    def test_is_strict(self, faulty: FaultyServer, how: str, body: str) -> None:
        out, err = fail(self.EXAMPLE, faulty.at(how))
        assert out == "Hello "
        assert body in err


class TestResilientChat:
    EXAMPLE = "resilient_chat.py"

    def attempts_in(self, err: str) -> int:
        return len(re.findall(r"^fastsse\.llm\._request: attempt \d", err, re.MULTILINE))

    def test_logs_what_it_does(self, demo: str) -> None:
        out, err = succeed(self.EXAMPLE, demo)
        assert len(out.split()) == 64
        about = rf"model=demo url={demo}/v1/chat/completions timeouts={{'connect': 30,.*}}"
        assert re.search(
            rf"^fastsse\.llm\.answer: answer began: request .* {about} ", err, re.MULTILINE
        )
        assert re.search(rf"^.*: answer ended {about} tokens=64$", err, re.MULTILINE)

    def test_waits_as_long_as_the_server_asks(self, faulty: FaultyServer) -> None:
        began = time.monotonic()
        out, err = succeed(self.EXAMPLE, faulty.at("429-then-200"))
        assert time.monotonic() - began >= 1
        assert out == "Hello ü."
        assert self.attempts_in(err) == len(faulty.requests["429-then-200"]) == 2

    def test_gives_up(self, faulty: FaultyServer) -> None:
        _, err = fail(self.EXAMPLE, faulty.at("500"))
        assert "after 3 attempt(s): expected a status of 2xx, got 500: on fire" in err
        assert len(faulty.requests["500"]) == 3

    def test_a_first_event_that_does_not_come(self, faulty: FaultyServer) -> None:
        limit = {"FASTSSE_FIRST_EVENT_TIMEOUT": "0.3"}
        _, err = fail(self.EXAMPLE, faulty.at("silent"), **limit)
        assert "after 3 attempt(s): no event within FASTSSE_FIRST_EVENT_TIMEOUT=0.3 s" in err
        assert len(faulty.requests["silent"]) == 3

    @pytest.mark.parametrize(
        ("how", "limit", "error"),
        [
            ("stalls", {"FASTSSE_IDLE_TIMEOUT": "0.3"}, "FASTSSE_IDLE_TIMEOUT=0.3 s"),
            ("broken", {}, "/v1/chat/completions broke: "),
        ],
    )
    def test_does_not_ask_again_after_the_first_event(
        self, faulty: FaultyServer, how: str, limit: dict[str, str], error: str
    ) -> None:
        out, err = fail(self.EXAMPLE, faulty.at(how), **limit)
        assert out.startswith("Hello ")
        assert re.search(rf"^after 1 attempt\(s\): .*{error}", err, re.MULTILINE)
        assert len(faulty.requests[how]) == 1

    def test_the_call_comes_before_the_environment(self, faulty: FaultyServer) -> None:
        limit = {"FASTSSE_TOTAL_TIMEOUT": "50"}
        out, err = fail(self.EXAMPLE, faulty.at("endless"), "--total", "0.5", **limit)
        assert out.startswith("more more ")
        assert "the stream did not end within Timeouts.total=0.5 s" in err

    def test_framing_and_a_last_event_without_its_blank_line(self, faulty: FaultyServer) -> None:
        out, _ = succeed(self.EXAMPLE, faulty.at("crlf-without-end"))
        assert out == "Hello ü."

    def test_skips_what_is_no_chunk(self, faulty: FaultyServer) -> None:
        out, err = succeed(self.EXAMPLE, faulty.at("junk"))
        assert out == "Hello ü."
        assert len(re.findall(r": skipped an event that .*: junk \d", err)) == 2

    def test_the_whole_answer(self, faulty: FaultyServer) -> None:
        out, err = succeed(self.EXAMPLE, faulty.at("whole"), "--whole")
        assert out == "All at once.\n"
        assert self.attempts_in(err) == 2
        for body, _ in faulty.requests["whole"]:
            assert body["stream"] is False
            assert "stream_options" not in body

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
    def test_cancelled(self, faulty: FaultyServer) -> None:
        with start(self.EXAMPLE, faulty.at("endless")) as process:
            assert process.stdout
            assert process.stdout.read(5) == "more "
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 1
        assert err.endswith("cancelled\n")
        assert faulty.left["endless"].wait(10)
