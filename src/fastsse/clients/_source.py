"""What a stream is read from: its chunks, how it is closed, and what a wait for them stands on."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

Chunks = Iterable[bytes]
AsyncChunks = AsyncIterable[bytes]


class Response(Protocol):
    """What the responses of all clients have in common, for those who check types."""

    @property
    def headers(self) -> Any: ...


class Source(NamedTuple):
    """How one source is read and closed; None where it cannot be, in that style.

    Chunks are bytes as they land, for deadlines to see each; where they are coded, `decoding`
    makes of them a response of the client's own kind, which decodes them.

    Attributes:
        response: what is checked before the first event; None for a plain iterable.
        status, headers: those of the response, whatever its client calls them.
        timeout: gives the client's own for a wait on this response, with `gettimeout` and
            `settimeout` as sockets have; None or an error where there is no public way to it.
        descriptor: gives the file descriptor of the response's connection, if that carries
            nothing else; None or an error where there is none.
    """

    name: str
    chunks: Callable[[], Chunks] | None
    async_chunks: Callable[[], AsyncChunks] | None
    close: Callable[[], Any] | None
    aclose: Callable[[], Any] | None
    response: Any = None
    status: int = 200
    headers: Mapping[str, str] = {}
    decoding: Callable[[Any], Any] | None = None
    timeout: Callable[[], Any] = lambda: None
    descriptor: Callable[[], int | None] = lambda: None

    def iterate(self) -> Iterator[bytes]:
        """The chunks for `for`, as they land."""
        if self.chunks is None:
            raise TypeError(f"{self.name} is asynchronous: expected `async for`, got `for`")
        return iter(self.chunks())

    def aiterate(self) -> AsyncIterator[bytes]:
        """The chunks for `async for`, as they land."""
        if self.async_chunks is None:
            raise TypeError(f"{self.name} is synchronous: expected `for`, got `async for`")
        return aiter(self.async_chunks())

    def decode(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The content of chunks that landed."""
        if self.decoding is None:
            return chunks
        decoded: Iterator[bytes] = self.decoding(chunks).iter_bytes()
        return decoded

    def adecode(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The content of chunks that landed."""
        if self.decoding is None:
            return chunks
        decoded: AsyncIterator[bytes] = self.decoding(chunks).aiter_bytes()
        return decoded

    def read_timeout(self) -> Any:
        """The client's own for a wait on this response; None where there is no way to it."""
        with suppress(Exception):
            return self.timeout()
        return None

    def socket(self) -> Any:
        """A second handle of the socket of this response alone, to shut it down; None without."""
        with suppress(Exception):
            descriptor = self.descriptor()
            if descriptor is not None:
                import socket

                return socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM)
        return None
