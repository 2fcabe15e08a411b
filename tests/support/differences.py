"""Where fastsse.httpx_sse differs from httpx-sse, each line shown by running both.

`python tests/support/differences.py` writes the lines into docs/differences.md.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

import httpx
import httpx2
import httpx_sse
from paths import DOCS

import fastsse
import fastsse.httpx_sse

PAGE = DOCS / "differences.md"
BEGIN, END = "<!-- differences -->\n", "<!-- end of differences -->\n"
HEAD = f"| | httpx-sse {httpx_sse.__version__} | `fastsse.httpx_sse` |\n|---|---|---|\n"
MIB = 1024 * 1024

Module = Any


class Difference(NamedTuple):
    """One line: what is done, in Markdown, and what comes of it with either module."""

    what: str
    done_with: Callable[[Module], str]

    @property
    def line(self) -> str:
        theirs, ours = self.done_with(httpx_sse), self.done_with(fastsse.httpx_sse)
        return f"| {self.what} | {theirs} | {ours} |\n"


class Body(httpx.SyncByteStream):
    """The body of a response, in the chunks in which it comes."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self.taken += 1
            yield chunk


class AsyncBody(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"data: x\n\n"


class Server(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return response_of(Body(b"data: x\n\n"))


def response_of(body: Any, content_type: str = "text/event-stream") -> httpx.Response:
    return httpx.Response(200, headers={"content-type": content_type}, stream=body)


def attempt(do: Callable[[], str]) -> str:
    try:
        return do()
    except Exception as error:
        return f"raises `{type(error).__name__}`"


def shown(event: Any) -> str:
    fields = [f"{name}={getattr(event, name)!r}" for name in ("event", "data", "id", "retry")]
    silent = ("event='message'", "id=''", "retry=None")
    return f"`{', '.join(field for field in fields if field not in silent)}`"


def reading(
    *chunks: bytes, content_type: str = "text/event-stream", show: Callable[[Any], str] = shown
) -> Callable[[Module], str]:
    """What the events of a body are."""

    def done_with(module: Module) -> str:
        source = module.EventSource(response_of(Body(*chunks), content_type))
        return attempt(lambda: ", ".join(map(show, source.iter_sse())) or "no event")

    return done_with


def stream(content: bytes, remark: str = "", **options: Any) -> Difference:
    return Difference(f"`{str(content)[2:-1]}`{remark}", reading(content, **options))


def typed(content_type: str) -> Difference:
    what = f"`Content-Type: {content_type}`"
    return Difference(what, reading(b"data: x\n\n", content_type=content_type))


def arrival(module: Module) -> str:
    body = Body(b"data: x\r\n\r", b"\n: later\n")
    next(module.EventSource(response_of(body)).iter_sse())
    return f"with chunk {body.taken}"


def sending(headers: Any, name: str = "accept") -> Callable[[Module], str]:
    """What is sent as the header of that name by a request with these headers."""

    def connect(module: Module) -> str:
        with (
            httpx.Client(transport=Server(), headers={"Accept": "a/client"}) as client,
            module.connect_sse(client, "GET", "http://server", headers=headers()) as source,
        ):
            return f"sends `{source.response.request.headers[name]}`"

    return lambda module: attempt(lambda: connect(module))


def mutated(module: Module) -> str:
    headers = {"X-Mine": "1"}
    sending(lambda: headers)(module)
    return f"`{headers}`"


def matched(module: Module) -> str:
    match module.ServerSentEvent("message", "x"):
        case module.ServerSentEvent("message", data):
            return f"`data={data!r}`"
    return "no match"


def assigned(module: Module) -> str:
    event = module.ServerSentEvent()
    event.note = "mine"
    return f"`event.note={event.note!r}`"


def made(**fields: Any) -> Callable[[Module], str]:
    def make(module: Module) -> str:
        return shown(module.ServerSentEvent(**fields))

    return lambda module: attempt(lambda: make(module))


def first_of(body: Any) -> Callable[[Module], str]:
    def read(module: Module) -> str:
        return shown(next(module.EventSource(response_of(body)).iter_sse()))

    return lambda module: attempt(lambda: read(module))


def message(module: Module) -> str:
    try:
        list(module.EventSource(response_of(Body(), "text/plain; charset=utf-8")).iter_sse())
    except httpx.TransportError as error:
        return str(error)
    return "none"


def imported(module: Module) -> str:
    import_module(f"{module.__name__}._decoders")
    return "is there"


def value(of: Callable[[Module], object]) -> Callable[[Module], str]:
    return lambda module: attempt(lambda: f"`{of(module)}`")


STANDARD = [
    stream(b"\xef\xbb\xbfdata: x\n\n", ", a byte order mark first"),
    stream(
        b"data: \xc3\xa9\n\n",
        " with `charset=latin-1` in the content type",
        content_type="text/event-stream; charset=latin-1",
    ),
    stream(b"id: 1\n\n"),
    stream(b"event: ping\n\n"),
    stream(b"retry: 10\n\n"),
    stream(b"id: 1\ndata: x\n\n: alive\n\n"),
    stream(b"data: x\nretry: +5\n\n"),
    stream(b"data: x\nretry: -5\n\n"),
    stream(b"data: x\nretry:  5\n\n", ", with two spaces"),
    stream(b"data: x\nretry: 5 \n\n"),
    stream(b"data: x\nretry: 1_0\n\n"),
    stream("data: x\nretry: ５\n\n".encode(), ", a digit that is not ASCII"),
    Difference("`retry` of 4301 digits", reading(b"data: x\nretry: %s\n\n" % (b"9" * 4301))),
    Difference(r"`data: x\r\n\r`, and `\n` in the next chunk: the event comes", arrival),
    typed("Text/Event-Stream"),
    typed("text/event-stream-2"),
    typed("text/event-stream, application/json"),
]

OTHERS = [
    stream(b"data: x\nretry: 9223372036854775808\n\n", ", 2 to the 63rd"),
    Difference(
        "an event of more than 64 MiB",
        reading(
            b"data: ", *[b"x" * MIB] * 65, b"\n\n", show=lambda event: f"{len(event.data)} letters"
        ),
    ),
    Difference('`headers={"Accept": "x/y"}`', sending(lambda: {"Accept": "x/y"})),
    Difference('`headers={"accept": "x/y"}`', sending(lambda: {"accept": "x/y"})),
    Difference('`headers={"X-Mine": "1"}` afterwards', mutated),
    Difference('`headers=[("X-Mine", "1")]`', sending(lambda: [("X-Mine", "1")])),
    Difference("`headers=None`", sending(lambda: None)),
    Difference("`iter_sse` over an asynchronous response", first_of(AsyncBody())),
    Difference("the message for `Content-Type: text/plain; charset=utf-8`", message),
    Difference(
        "`SSEError` is a `fastsse.SSEError`",
        value(lambda module: issubclass(module.SSEError, fastsse.SSEError)),
    ),
    Difference(
        "`SSEError` is an `httpx2.TransportError`",
        value(lambda module: issubclass(module.SSEError, httpx2.TransportError)),
    ),
    Difference(
        "`ServerSentEvent() == ServerSentEvent()`",
        value(lambda module: module.ServerSentEvent() == module.ServerSentEvent()),
    ),
    Difference(
        "`type(ServerSentEvent()) is ServerSentEvent`",
        value(lambda module: type(module.ServerSentEvent()) is module.ServerSentEvent),
    ),
    Difference(
        '`case ServerSentEvent("message", data)`',
        lambda module: attempt(lambda: matched(module)),
    ),
    Difference('`event.note = "mine"`', lambda module: attempt(lambda: assigned(module))),
    Difference(
        "`class Mine(ServerSentEvent)`",
        value(lambda module: type("Mine", (module.ServerSentEvent,), {}).__name__),
    ),
    Difference("`ServerSentEvent(data=5)`", made(data=5)),
    Difference("`ServerSentEvent(retry=-5)`", made(retry=-5)),
    Difference(r'`ServerSentEvent(data="\ud800")`', made(data="\ud800")),
    Difference(
        "what is inside, as `import httpx_sse._decoders`",
        lambda module: attempt(lambda: imported(module)),
    ),
]

TABLES = {
    "What the standard decides": STANDARD,
    "What it leaves open": OTHERS,
}


def page() -> str:
    """The page as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = (
        f"\n## {title}\n\n{HEAD}{''.join(difference.line for difference in differences)}"
        for title, differences in TABLES.items()
    )
    return f"{before}{BEGIN}{''.join(tables)}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
