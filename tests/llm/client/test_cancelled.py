"""Calls that are cancelled at each await: nothing is left, and the client goes on."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from llm_calling import (
    MESSAGES,
    OVERLOADED,
    TEXT,
    Way,
    expect_nothing_open,
    read,
    tasks_living,
    tasks_settle,
    until,
)
from llm_server import CHAT, CHAT_WHOLE, DONE, WORDS, Act, Step, head, http_chunk, whole, words

from fastsse.llm import Retry

THREE = [head(), *words(3)]
PHASES: dict[str, Act] = {
    "headers": [Step.STALL],
    "first event": [head(), http_chunk(b": wait\n\n"), Step.STALL],
    "tokens": [*THREE, Step.STALL],
    "retry": whole(503, OVERLOADED),
    "drain": [*THREE, http_chunk(DONE), Step.STALL],
    "exit": [*THREE, Step.STALL],
    "exit after the end": [*THREE, http_chunk(DONE), Step.STALL],
    "body": [*whole(200, CHAT_WHOLE)[:1], http_chunk(b"{"), Step.STALL],
}
CLOSED_BY_HTTPX = {"headers", "first event", "tokens", "drain", "body"}
HOWS = ["task", "task twice", "scope"]


class TestCancelled:
    """By the caller, at each await: in a scope of anyio, and on asyncio as tasks are cancelled."""

    @pytest.mark.parametrize("how", HOWS)
    @pytest.mark.parametrize("phase", ["connect", *PHASES])
    def test_at(self, wire: Way, how: str, phase: str) -> None:
        if how != "scope" and wire.on_trio:
            pytest.skip("trio has scopes alone")
        if how == "task twice" and wire.make is httpx.AsyncClient and phase in CLOSED_BY_HTTPX:
            pytest.skip("httpx loses a connection if it is cancelled again while it closes it")
        if phase == "connect":
            with wire.deaf() as url:
                wire.run(lambda: self._cancel(wire, url, how, phase))
        else:
            with wire.scripted(PHASES[phase], CHAT) as server:
                wire.run(lambda: self._cancel(wire, server, how, phase))
                assert len(server.requests) == 2

    async def _cancel(self, wire: Way, server: Any, how: str, phase: str) -> None:
        values: list[Any] = []
        before = tasks_living()
        retry = Retry(wait_initial=60, wait_max=60)
        url = server if isinstance(server, str) else server.url
        async with wire.client(url, retry=retry) as client:
            answer = client.chat(MESSAGES)
            running = Running(how)

            async def body() -> None:
                if phase == "body":
                    await answer
                async with answer:
                    async for delta in answer:
                        values.append(delta.text)
                        if phase == "exit" and len(values) == 3:
                            break
                    if phase.startswith("exit"):
                        # It finds its wire out already being cancelled.
                        running.cancel()
                    values.append("over")

            def reached() -> bool:
                if phase == "connect":
                    return answer.stats.attempts == 1
                if phase == "drain":
                    return values[-1:] == ["over"]
                if phase == "tokens":
                    return len(values) == 3
                return bool(server.requests)

            async with running.body(body):
                if not phase.startswith("exit"):
                    await until(reached)
                    # For what is awaited next, which nobody else can see.
                    await anyio.sleep(0.05)
                    running.cancel()
            assert await tasks_settle(before)
            expect_nothing_open(client, server)
            assert answer.stats.attempts == 1
            if phase in ("tokens", "drain", "exit", "exit after the end"):
                assert values[:3] == WORDS[:3]
            else:
                assert values == []
            if phase != "connect":
                # Its place in the pool is free again.
                assert (await read(client.chat(MESSAGES))).text == TEXT


class Running:
    """A task that can be cancelled, in one of the ways there are."""

    def __init__(self, how: str) -> None:
        self._how = how
        self._scope = anyio.CancelScope()
        self._task: asyncio.Task[Any] | None = None

    def cancel(self) -> None:
        if self._task is None:
            self._scope.cancel()
        else:
            self._task.cancel()
            if self._how == "task twice":
                asyncio.get_running_loop().call_soon(self._task.cancel)

    def body(self, body: Any) -> Any:
        return self._in_scope(body) if self._how == "scope" else self._in_task(body)

    @asynccontextmanager
    async def _in_scope(self, body: Any) -> Any:
        async def scoped() -> None:
            with self._scope:
                await body()

        async with anyio.create_task_group() as group:
            group.start_soon(scoped)
            yield

    @asynccontextmanager
    async def _in_task(self, body: Any) -> Any:
        self._task = asyncio.create_task(body())
        yield
        with pytest.raises(asyncio.CancelledError):
            await self._task
