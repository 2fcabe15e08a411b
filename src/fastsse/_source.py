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
        request: where the client looks for this response's read timeout, as httpx does in
            `extensions`; None for a client that does not.
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
    request: Any = None
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

    @property
    def read_timeout(self) -> float | None:
        """Seconds that the client waits for bytes; None where it has no limit, or none is known."""
        return self._timeouts().get("read")

    def set_read_timeout(self, seconds: float | None) -> bool:
        """Have the client wait so long for bytes of this response; False where that cannot be."""
        timeouts = self._timeouts()
        if timeouts:
            # A new dict, since the caller may have made the old one for more requests than this.
            self.request.extensions["timeout"] = {**timeouts, "read": seconds}
        return bool(timeouts)

    def socket(self) -> Any:
        """A second handle of the socket of this response alone, to shut it down; None without."""
        with suppress(Exception):
            descriptor = self.descriptor()
            if descriptor is not None:
                import socket

                return socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM)
        return None

    def _timeouts(self) -> dict[str, float | None]:
        # A response without a request has no timeouts: it came from memory.
        timeouts: dict[str, float | None]
        timeouts = getattr(self.request, "extensions", {}).get("timeout", {})
        return timeouts
