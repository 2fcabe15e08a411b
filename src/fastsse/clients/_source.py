"""`Source`: reads and closes one response, and gives access to its timeouts and errors."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from ._fault import Fault

Chunks = Iterable[bytes]
AsyncChunks = AsyncIterable[bytes]


class Response(Protocol):
    """A response of any client, for type checkers."""

    @property
    def headers(self) -> Any: ...


def close_nothing() -> None:
    """Does nothing, for a source that needs no closing."""


async def aclose_nothing() -> None:
    """Does nothing, for an asynchronous source that needs no closing."""


class Source(NamedTuple):
    """The object that `iter_events` reads: a client's response, or an iterable of chunks.

    Attributes:
        name: the type of the source, for error messages.
        chunks: gives the chunks as received; None if the source is asynchronous.
        async_chunks: gives the chunks as received; None if the source is synchronous.
        close: closes the response, also while another thread waits for its bytes; None if the
            source is asynchronous.
        aclose: closes the response; None if the source is synchronous.
        response: the response; None for a plain iterable.
        status, headers: of the response.
        decoding: makes a response of the client's own type that decodes the content coding of
            chunks; None if they have none.
        timeout: gives the client's read timeout for this response, as an object with the methods
            `gettimeout` and `settimeout` of a socket; gives None or raises if it cannot be
            reached.
        descriptor: gives the file descriptor of the response's connection; gives None or raises
            if other streams share the connection, or if it cannot be reached.
        fault: gives the transport fault of an exception raised while reading; gives None without
            one.
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
    fault: Callable[[BaseException], Fault | None] = lambda _: None

    def expect_loop(self, *, is_async: bool) -> None:
        """Raise TypeError if the source cannot be read with that kind of loop."""
        if is_async and self.async_chunks is None:
            raise TypeError(f"{self.name} is synchronous: expected `for`, got `async for`")
        if not is_async and self.chunks is None:
            raise TypeError(f"{self.name} is asynchronous: expected `async for`, got `for`")

    def iterate(self) -> Iterator[bytes]:
        """The chunks for `for`, as received."""
        self.expect_loop(is_async=False)
        assert self.chunks is not None
        return iter(self.chunks())

    def aiterate(self) -> AsyncIterator[bytes]:
        """The chunks for `async for`, as received."""
        self.expect_loop(is_async=True)
        assert self.async_chunks is not None
        return aiter(self.async_chunks())

    def decode(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Decode the content coding of chunks."""
        if self.decoding is None:
            return chunks
        decoded: Iterator[bytes] = self.decoding(chunks).iter_bytes()
        return decoded

    def adecode(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Decode the content coding of chunks."""
        if self.decoding is None:
            return chunks
        decoded: AsyncIterator[bytes] = self.decoding(chunks).aiter_bytes()
        return decoded

    def read_timeout(self) -> Any:
        """The client's read timeout for this response; None if it cannot be reached."""
        with suppress(Exception):
            return self.timeout()
        return None

    def socket(self) -> Any:
        """A second handle of this response's socket, for the caller to close; None without one."""
        return socket_of(self.descriptor)

    def is_read_timeout(self, error: BaseException) -> bool:
        """Whether the client's read timeout raised this error."""
        fault = self.fault(error)
        return fault is not None and fault.kind == "read_timeout"


def kept(content: bytes, *, lost: bool) -> bytes:
    """Return the content of a response that was read; raises RuntimeError if it was not kept."""
    if lost and not content:
        raise RuntimeError("the response was read or closed before, and its content is not kept")
    return content


def socket_of(descriptor: Callable[[], int | None]) -> Any:
    """A second handle of the socket with this file descriptor; None without one."""
    with suppress(Exception):
        number = descriptor()
        if number is not None:
            import socket

            return socket.fromfd(number, socket.AF_INET, socket.SOCK_STREAM)
    return None


def shut_down(descriptor: Callable[[], int | None]) -> None:
    """Shut down the socket with this file descriptor, so that a wait for its bytes ends."""
    sock = socket_of(descriptor)
    if sock is not None:
        import socket

        with sock, suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
