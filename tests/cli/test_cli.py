"""The command line, as a user runs it: in a process of its own, against a real server."""

import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from faulty_server import FaultyServer
from serving import serve

import fastsse
from fastsse.cli.demo_answers import VOCABULARY
from fastsse.cli.demo_server import app
from fastsse.cli.exit import Exit

COMMAND = [sys.executable, "-m", "fastsse"]
TWIN = "compiled parser" if fastsse.ACCELERATED else "pure Python parser"
SECONDS = 60


def start(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "120"}
    return subprocess.Popen([*COMMAND, *arguments], env=environment, **(pipes | options))


def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    with start(*arguments) as process:
        out, err = process.communicate(stdin, timeout=SECONDS)
    return process.returncode, out.decode(), err.decode()


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
            (["{url}/events?think=5", "--total-timeout", "0.3"], Exit.TIMEOUT, "timed out"),
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


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1", Exit.TRANSPORT),
        ("ALL_PROXY", "socks://127.0.0.1:1", Exit.USAGE),
        ("NO_PROXY", "::1:x", Exit.USAGE),
        ("SSL_CERT_FILE", "/nowhere/certs.pem", Exit.TRANSPORT),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ("tail", "http://127.0.0.1:9/"),
        ("chat", "Why?", "--base-url", "http://127.0.0.1:9", "--model", "m"),
    ],
    ids=["tail", "chat"],
)
def test_an_environment_that_makes_no_client_is_one_line(
    command: tuple[str, ...],
    variable: str,
    value: str,
    code: Exit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    found, out, err = run(*command)
    assert (found, out) == (code, "")
    assert err.startswith("fastsse: ")
    assert len(err.splitlines()) == 1


def test_version() -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith(f"fastsse {fastsse.__version__} ")
    assert fastsse.__version__ == importlib.metadata.version("fastsse-client")
    assert TWIN in out


def test_version_of_the_pure_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSSE_PURE", "1")
    assert "pure Python parser" in run("--version")[1]


@pytest.mark.net
def test_demo_shows_what_came_over_the_sockets() -> None:
    code, out, err = run("demo", "--streams", "3", "--tokens", "20", "--rate", "200")
    assert code == 0, err
    assert TWIN in out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    streams = [row for row in rows if row and row[0].isdigit()]
    assert [row[:3] for row in streams] == [[n, "23", "20"] for n in "123"]
    assert all(0 < float(row[3].removesuffix(" ms")) < 30_000 for row in streams)
    assert all(0 < float(row[4]) < 300 for row in streams)
    (total,) = (row for row in rows if row and row[0] == "all 3")
    assert total[1:3] == ["69", "60"]


def test_what_is_missing_is_named_with_its_extra() -> None:
    script = (
        "import sys\n"
        "sys.modules['typer'] = None\n"
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *a: None if name == 'typer' else find(name, *a)\n"
        "from fastsse.__main__ import main\n"
        "main()\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 1
    assert "needs typer" in done.stderr
    assert "pip install 'fastsse-client[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.net
class TestDemoServer:
    MESSAGES = {"messages": [{"role": "user", "content": "hi"}]}  # noqa: RUF012

    def test_whole_answer(self) -> None:
        with serve(app) as url:
            answer = httpx.post(f"{url}/v1/chat/completions", json=self.MESSAGES).json()
            assert answer["object"] == "chat.completion"
            assert len(answer["choices"][0]["message"]["content"].split()) == 120
            assert answer["usage"]["completion_tokens"] == 120
            assert httpx.get(f"{url}/v1/models").json()["data"][0]["id"] == "demo"

    def test_streamed_answer_with_usage(self) -> None:
        body = self.MESSAGES | {
            "stream": True,
            "max_tokens": 5,
            "rate": 1000,
            "stream_options": {"include_usage": True},
        }
        with (
            serve(app) as url,
            httpx.stream("POST", f"{url}/v1/chat/completions", json=body) as response,
        ):
            assert response.headers["transfer-encoding"] == "chunked"
            *chunks, usage, done = fastsse.iter_events(response)
        assert done.data == "[DONE]"
        assert usage.json()["usage"]["completion_tokens"] == 5
        text = "".join(c.json()["choices"][0]["delta"].get("content", "") for c in chunks)
        assert len(text.split()) == 5
        assert chunks[-1].json()["choices"][0]["finish_reason"] == "stop"

    @pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"messages": [], "max_tokens": "x"}'])
    def test_a_request_that_makes_no_sense(self, body: bytes) -> None:
        with serve(app) as url:
            response = httpx.post(f"{url}/v1/chat/completions", content=body)
        assert response.status_code == 400
        assert "expected a JSON object" in response.json()["error"]["message"]

    @pytest.mark.parametrize(("prompt", "tokens"), [("three words long", 3), ([7, 7], 2)])
    def test_completion_with_token_ids(self, prompt: Any, tokens: int) -> None:
        body = {
            "prompt": prompt,
            "max_tokens": 20,
            "rate": 1000,
            "return_token_ids": True,
            "logprobs": 0,
            "stream_options": {"include_usage": True},
        }
        with serve(app) as url, httpx.Client(base_url=f"{url}/v1") as client:
            with client.stream("POST", "completions", json=body | {"stream": True}) as response:
                *chunks, usage, done = fastsse.iter_events(response)
            whole = client.post("completions", json=body).json()
        assert done.data == "[DONE]"
        choices = [chunk.json()["choices"][0] for chunk in chunks]
        assert {len(choice["token_ids"]) for choice in choices} == {0, 1, 2, 3}
        for choice in [*choices, *whole["choices"]]:
            tokens_of = [VOCABULARY[token] for token in choice["token_ids"]]
            assert choice["logprobs"]["tokens"] == tokens_of
            assert choice["text"] == "".join(tokens_of)
        counts = {"prompt_tokens": tokens, "completion_tokens": 20, "total_tokens": tokens + 20}
        assert usage.json()["usage"] == whole["usage"] == counts
        assert len(whole["choices"][0]["token_ids"]) == 20

    def test_completion_that_asks_for_text_alone(self) -> None:
        with serve(app) as url:
            answer = httpx.post(f"{url}/v1/completions", json={"prompt": "hi"}).json()
        (choice,) = answer["choices"]
        assert (choice["token_ids"], choice["logprobs"]) == (None, None)
        assert len(choice["text"].split()) == 120

    def test_every_answer_has_the_headers_of_a_server_with_limits(self) -> None:
        with serve(app) as url, httpx.Client(base_url=f"{url}/v1") as client:
            answers = [client.get("models"), client.post("completions"), client.get("nowhere")]
        assert [answer.status_code for answer in answers] == [200, 400, 404]
        assert len({answer.headers["x-request-id"] for answer in answers}) == 3
        left = [int(answer.headers["x-ratelimit-remaining-requests"]) for answer in answers]
        assert left == sorted(left, reverse=True)
        assert left[0] < int(answers[0].headers["x-ratelimit-limit-requests"])
