"""`Stream`: `for` and `async for`, `next` and `anext`, `with` and `async with` over a reader.

Readers make all decisions. The methods here only wait for chunks, sync or async, and pass them to
the reader. Each layer's stream is this class over a reader of that layer.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from ._errors import SSEError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reader(Protocol[T_co]):
    """Turns chunks into items, and remembers how the stream ended."""

    @property
    def pending(self) -> Iterator[T_co]:
        """The items that are received and not yielded."""

    @property
    def is_over(self) -> bool:
        """Whether the reader needs no more chunks."""

    def receive(self, chunk: Any) -> Iterator[T_co]:
        """The items of a chunk, which are pending from now on."""

    def end(self) -> Iterator[T_co]:
        """The items that the end of the stream completes."""

    def fail(self, error: BaseException) -> BaseException:
        """Record an error; returns the error to raise."""

    def finish(self) -> None:
        """Raise the error that ended the stream, if one did."""

    def expect_open(self) -> None:
        """Raise RuntimeError if the stream was closed before its end."""


class Stream(Generic[T]):
    """The items of a stream. Each loop continues where the last one stopped."""

    __slots__ = ()

    reader: Reader[T]

    def chunks(self) -> Iterator[Any]:
        """The remaining chunks; the same iterator each time."""
        raise NotImplementedError

    async def achunks(self) -> AsyncIterator[Any]:
        """The remaining chunks; the same iterator each time."""
        raise NotImplementedError

    def expect_loop(self, *, is_async: bool) -> None:
        """Raise TypeError if the source cannot be read with that kind of loop."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[T]:
        reader = self.reader
        reader.expect_open()
        self.expect_loop(is_async=False)
        with _Failures(self):
            for item in reader.pending:
                yield item
            if not reader.is_over:
                for chunk in self.chunks():
                    for item in reader.receive(chunk):
                        yield item
                    if reader.is_over:
                        break
                else:
                    for item in reader.end():
                        yield item
            reader.finish()

    async def __aiter__(self) -> AsyncGenerator[T]:
        reader = self.reader
        reader.expect_open()
        self.expect_loop(is_async=True)
        async with _Failures(self):
            for item in reader.pending:
                yield item
            if not reader.is_over:
                async for chunk in await self.achunks():
                    for item in reader.receive(chunk):
                        yield item
                    if reader.is_over:
                        break
                else:
                    for item in reader.end():
                        yield item
            reader.finish()

    def __next__(self) -> T:
        for item in self:
            return item
        raise StopIteration

    async def __anext__(self) -> T:
        # Not by __aiter__: each item would leave an async generator that has to be closed.
        reader = self.reader
        reader.expect_open()
        self.expect_loop(is_async=True)
        async with _Failures(self):
            for item in reader.pending:
                return item
            if not reader.is_over:
                async for chunk in await self.achunks():
                    for item in reader.receive(chunk):
                        return item
                    if reader.is_over:
                        break
                else:
                    for item in reader.end():
                        return item
            reader.finish()
        raise StopAsyncIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _Failures:
    """Passes an exception to the reader, and raises the error that the reader returns.

    An SSEError closes the source. After a client's own error, the user's `with` closes it.
    """

    def __init__(self, stream: Stream[Any]) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None or kind is GeneratorExit:
            return
        to_raise = self._stream.reader.fail(error)
        if isinstance(to_raise, SSEError):
            with suppress(Exception):
                self._stream.close()
        if to_raise is not error:
            raise to_raise from to_raise.__cause__

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None or kind is GeneratorExit:
            return
        to_raise = self._stream.reader.fail(error)
        if isinstance(to_raise, SSEError):
            with suppress(Exception):
                await self._stream.aclose()
        if to_raise is not error:
            raise to_raise from to_raise.__cause__
