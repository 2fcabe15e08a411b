"""What any stream is besides its items: `next` and `with`, for both ways to wait."""

from collections.abc import AsyncGenerator, Iterator
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class BothWays(Generic[T]):
    """A stream that goes on where its last iteration stopped, and closes at the end of `with`."""

    __slots__ = ()

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError

    def __aiter__(self) -> AsyncGenerator[T]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError

    def __next__(self) -> T:
        for item in self:
            return item
        raise StopIteration

    async def __anext__(self) -> T:
        items = aiter(self)
        try:
            return await anext(items)
        finally:
            await items.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
