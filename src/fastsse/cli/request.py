"""The source that `fastsse tail` reads: a request with curl's options, or a file."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, cast

import httpx

from .._http import DEFAULT_HEADERS
from .exit import UsageError


class Request(NamedTuple):
    """A request with curl's options: -X, -H and -d."""

    url: str
    method: str | None
    headers: list[str]
    data: list[str]

    def send_with(self, client: httpx.Client) -> httpx.Response:
        """Send the request; returns the response, whose body is not read yet.

        Raises:
            UsageError: a header is not of the form 'Name: value'.
            httpx.InvalidURL, httpx.TransportError: no response was received.
        """
        body = self._body()
        headers = httpx.Headers(DEFAULT_HEADERS)
        if body is not None:
            headers["Content-Type"] = _content_type_of(body)
        for line in self.headers:
            name, colon, value = line.partition(":")
            if not colon or not name.strip():
                raise UsageError(f"-H: expected 'Name: value', got {line!r}")
            headers.pop(name.strip(), None)
            if value.strip():
                headers[name.strip()] = value.strip()
        method = self.method or ("GET" if body is None else "POST")
        request = client.build_request(method, self.url, headers=headers, content=body)
        return client.send(request, stream=True)

    def _body(self) -> bytes | None:
        return b"&".join(map(_data_of, self.data)) if self.data else None


def _data_of(argument: str) -> bytes:
    if not argument.startswith("@"):
        return argument.encode()
    with open_file(argument[1:]) as file:
        return file.read()


def _content_type_of(body: bytes) -> str:
    try:
        is_json = isinstance(json.loads(body), (dict, list))
    except ValueError:
        is_json = False
    return "application/json" if is_json else "application/x-www-form-urlencoded"


@contextmanager
def open_file(name: str) -> Iterator[BufferedReader]:
    """Open a file to read; "-" is standard input, which stays open."""
    if name == "-":
        yield cast(BufferedReader, sys.stdin.buffer)
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115
    except OSError as error:
        hint = "(a URL starts with http:// or https://)"
        raise UsageError(f"{name}: {error.strerror} {hint}") from error
    with file:
        yield file
