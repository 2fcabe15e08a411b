"""What each parser makes of telling streams, read over a real socket, and the table that says so.

    python tests/support/conformance.py

runs it and writes the table in docs/standard.md; `--json` prints it, with what the test of that
page compares. What is right is what `reference.py` says.
"""

import itertools
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import reference

# Before the versions, on the page.
from conformance_peers import PEERS, Fastsse, Peer
from paths import DOCS

VERSIONS = "Read with "
TIMES = ("at once", "late")
PAGE = DOCS / "standard.md"
TABLE = re.compile(r"(?<=<!-- written from here -->\n).*(?=<!-- to here -->)", re.DOTALL)
# How long the server waits for an event to be seen before it sends on, and between chunks.
PATIENCE = 3.0
PAUSE = 0.002


class Row(NamedTuple):
    """A stream, chunk by chunk, and the attribute of its events that tells."""

    says: str
    chunks: tuple[bytes, ...]
    tells: str = "data"
    content_type: str = "text/event-stream"


def bytewise(stream: str) -> tuple[bytes, ...]:
    return tuple(bytes([byte]) for byte in stream.encode())


# Where the server waits, in place of a chunk, until the event before has been seen.
SEEN = b""
ROWS = (
    Row("A line ends at CR alone", (b"data: a\rdata: b\r\rdata: c\r\r",)),
    Row("A CRLF cut in two is one line end", (b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n")),
    Row("U+2028, U+0085 and form feed end no line", ("data: a\u2028b\x85c\x0cd\n\n".encode(),)),
    Row("A byte order mark at the start is dropped", (b"\xef\xbb\xbfdata: a\n\ndata: b\n\n",)),
    Row(
        "It is UTF-8, whatever `charset` says",
        ("data: é\n\n".encode(),),
        content_type="text/event-stream; charset=iso-8859-1",
    ),
    Row("Bad UTF-8 becomes U+FFFD", (b"data: caf\xe9\n\ndata: b\n\n",)),
    Row("Chunks of one byte change nothing", bytewise("data: é€😀\r\n\r\ndata: b\n\n")),
    Row("An event comes with its last byte, LF", (b"data: a\n\n", SEEN, b"data: b\n\n"), "at once"),
    Row("An event comes with its last byte, CR", (b"data: a\r\r", SEEN, b"data: b\r\r"), "at once"),
    Row("One space after the colon is dropped", (b"data:  a: b\ndata:c\n\n",)),
    Row("A line without a colon is a field", (b"data\ndata: a\n\n",)),
    Row("`data:` alone is an event", (b"data:\n\ndata: a\n\n",)),
    Row("Empty lines of data are kept", (b"data: a\ndata:\ndata:\n\n",)),
    Row("Field names are literal", (b"Data: x\n data: y\ndatas: z\ndata: a\n\n",)),
    Row("Comments are no events", (b": ping\n\n:\n\ndata: a\n: b\ndata: c\n\n",)),
    Row("A block without data is no event", (b"event: ping\n\nid: 1\n\nretry: 9\n\ndata: a\n\n",)),
    Row(
        "The `event` of such a block is forgotten",
        (b"event: a\n\ndata: 1\n\nevent:\ndata: 2\n\n",),
        "event",
    ),
    Row("The `id` of such a block counts", (b"id: 1\n\ndata: a\n\n",), "id"),
    Row("An `id` is kept until the next", (b"id: 1\ndata: a\n\ndata: b\n\n",), "id"),
    Row("An empty `id` resets it", (b"id: 1\ndata: a\n\nid\ndata: b\n\n",), "id"),
    Row("An `id` with NUL is ignored", (b"id: 1\ndata: a\n\nid: 2\x003\ndata: b\n\n",), "id"),
    Row(
        "A `retry` is ASCII digits only",
        (b"retry: 3000\ndata: a\n\nretry: +5\ndata: b\n\nretry: 1_0\ndata: c\n\n",),
        "retry",
    ),
    Row("An unfinished event is dropped", (b"data: a\n\ndata: b\n",)),
    Row("Another content type is an error", (b"data: a\n\n",), "refusal", "text/html"),
)


class Outcome(NamedTuple):
    """What a row tells of one peer; `values` is None where it cannot be seen from outside."""

    values: tuple[Any, ...] | None
    error: str = ""


def expected(row: Row) -> Outcome:
    """What the standard says."""
    if row.tells == "refusal":
        return Outcome((), "an error")
    if row.tells == "at once":
        return Outcome(("at once",))
    events = reference.parse(b"".join(row.chunks)).events
    return Outcome(tuple(getattr(event, row.tells) for event in events))


class Visit:
    """One reading of one row."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.seen = threading.Event()
        self.late = False


class Server(ThreadingHTTPServer):
    """Serves each visit once; after it, there is no more."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.visits: dict[str, Visit] = {}
        self._names = itertools.count()

    def handle_error(self, *_: object) -> None:
        pass

    def invite(self, visit: Visit) -> str:
        path = f"/{next(self._names)}"
        self.visits[path] = visit
        return self.url + path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        visit = self.server.visits.pop(self.path, None)
        if visit is None:
            self.send_response(204)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", visit.row.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(ConnectionError):
            for chunk in visit.row.chunks:
                if chunk == SEEN:
                    visit.late = not visit.seen.wait(PATIENCE)
                else:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                    time.sleep(PAUSE)
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def read(peer: Peer, row: Row, server: Server) -> Outcome:
    """What the peer makes of the row."""
    visit = Visit(row)
    values: list[Any] = []
    error = ""
    if row.tells == "refusal" and not peer.sees_response:
        return Outcome(None)
    if row.tells == "retry" and "retry" not in peer.attributes:
        return Outcome(None)
    try:
        for event in peer.events(server.invite(visit)):
            visit.seen.set()
            values.append(peer.value(event, row.tells))
    except Exception as fault:
        error = type(fault).__name__
    if row.tells == "refusal":
        return Outcome(tuple(values), "an error" if error else "")
    if row.tells == "at once":
        return Outcome(("late" if visit.late else "at once",), error)
    return Outcome(tuple(values), error)


def read_all(peers: list[Peer]) -> dict[str, list[Outcome]]:
    """The outcomes of all rows for each peer, by its name."""
    with serving() as server, ThreadPoolExecutor(len(peers)) as pool:
        found = pool.map(lambda peer: [read(peer, row, server) for row in ROWS], peers)
        return {peer.name: outcomes for peer, outcomes in zip(peers, found, strict=True)}


def mark(row: Row, outcome: Outcome) -> str:
    if outcome.values is None:
        return "–"
    return "✓" if outcome == expected(row) else "✗"


def marks_table(peers: list[Peer], outcomes: dict[str, list[Outcome]]) -> Iterator[str]:
    yield f"| | {' | '.join(peer.name for peer in peers)} |"
    yield f"|---|{':-:|' * len(peers)}"
    for row, *found in zip(ROWS, *(outcomes[peer.name] for peer in peers), strict=True):
        yield f"| {row.says} | {' | '.join(mark(row, outcome) for outcome in found)} |"


def others_table(outcomes: dict[str, list[Outcome]]) -> Iterator[str]:
    """What the crosses stand for."""
    yield "| stream | the standard | others |"
    yield "|---|---|---|"
    for number, row in enumerate(ROWS):
        others: dict[Outcome, list[str]] = {}
        for name, found in outcomes.items():
            if mark(row, found[number]) == "✗":
                others.setdefault(found[number], []).append(name)
        if others:
            told = "<br>".join(f"{', '.join(who)}: {tell(what)}" for what, who in others.items())
            yield f"| {stream_of(row)} | {tell(expected(row))} | {told} |"


def stream_of(row: Row) -> str:
    shown = f"`{b''.join(row.chunks)!r}`"
    plain = row.content_type == "text/event-stream"
    return shown if plain else f"`Content-Type: {row.content_type}` {shown}"


def tell(outcome: Outcome) -> str:
    told = [str(value) if value in TIMES else f"`{value!a}`" for value in outcome.values or ()]
    return ", then ".join(filter(None, [" ".join(told), outcome.error])) or "nothing"


class Report(NamedTuple):
    """What is on the page, and what a test compares of it."""

    versions: dict[str, str]
    """Of each distribution, by the name of its peer."""
    marks: dict[str, list[str]]
    """Of each peer, row by row."""
    text: str


def report() -> Report:
    peers = list(installed())
    outcomes = read_all(peers)
    marks = {
        name: [mark(*pair) for pair in zip(ROWS, found, strict=True)]
        for name, found in outcomes.items()
    }
    versions = {
        peer.name: f"{peer.distribution} {peer.version}"
        for peer in peers
        if not isinstance(peer, Fastsse)
    }
    lines = [
        "",
        *marks_table(peers, outcomes),
        "",
        f"{VERSIONS}{', '.join(versions.values())}.",
        "",
        "## What they give instead",
        "",
        *others_table(outcomes),
        "",
        "",
    ]
    return Report(versions, marks, "\n".join(lines))


def installed() -> Iterator[Peer]:
    """The peers that are here; missing ones are skipped with a message."""
    for peer in PEERS:
        try:
            yield peer()
        except ImportError as error:
            print(f"left out: {peer.name} ({error})", file=sys.stderr)


def main(arguments: list[str]) -> None:
    # A peer that connects again logs that there is no more.
    logging.disable()
    found = report()
    if arguments == ["--json"]:
        print(json.dumps(found._asdict()))
    else:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(TABLE.sub(lambda _: found.text, page), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
