"""`fastsse chat`: shows an answer of a language model as it arrives, and a summary."""

import asyncio
import logging
import re
import sys
from io import TextIOWrapper
from typing import Any, NamedTuple, cast

import httpx
from rich.text import Text

from ..llm import (
    Answer,
    Client,
    Delta,
    Message,
    Timeouts,
)
from . import TWIN
from .exit import Exit, leave_closed_pipe, show_error, stderr

# Control characters from a server must not reach the terminal, which may take them as commands.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
DIM, PLAIN = "\x1b[2m", "\x1b[22m"


class Server(NamedTuple):
    """The server and the model to ask, and the options of the client."""

    base_url: str
    model: str
    api_key: str | None
    timeouts: Timeouts
    max_event_size: int | None


class Chat:
    """One question, and its answer as far as received."""

    def __init__(self, server: Server, messages: list[dict[str, str]], options: dict[str, Any]):
        self._server = server
        self._messages = messages
        self._options = options
        self.answer: Answer[Delta, Message] | None = None

    async def show(self) -> None:
        """Write the answer to standard output, delta by delta."""
        screen = _Screen()
        async with httpx.AsyncClient() as http:
            client = Client(http, **self._server._asdict())
            answer = self.answer = client.chat(self._messages, **self._options)
            try:
                async with answer:
                    async for delta in answer:
                        screen.write(delta)
            finally:
                screen.end()

    def summary(self) -> str:
        """The times and tokens of the answer; empty if no response was received."""
        answer = self.answer
        if answer is None or answer.response is None:
            return ""
        stats, usage = answer.stats, answer.usage
        parts = [] if stats.attempts == 1 else [f"attempts: {stats.attempts}"]
        if stats.ttft is not None:
            parts.append(f"time to first token: {stats.ttft:.3f} s")
        if stats.tpot:
            parts.append(f"tokens per second: {1 / stats.tpot:.1f}")
        if usage is not None:
            parts.append(
                f"tokens: {usage.prompt_tokens} of the prompt, {usage.completion_tokens} of the "
                f"answer, {usage.total_tokens} in all"
            )
        if answer.finish_reason not in (None, "stop"):
            parts.append(f"finish reason: {answer.finish_reason}")
        return ", ".join([*parts, f"end after {stats.elapsed:.3f} s; {TWIN}"])


class _Screen:
    """Standard output: the text of an answer, and on a terminal its reasoning too, dimmed."""

    def __init__(self) -> None:
        # A character that the encoding lacks must not raise an error.
        cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
        self._is_terminal = sys.stdout.isatty()
        self._thinks = False
        self._last = ""

    def write(self, delta: Delta) -> None:
        if self._is_terminal and delta.reasoning:
            self._put(delta.reasoning, thinks=True)
        if delta.text:
            self._put(delta.text, thinks=False)

    def end(self) -> None:
        """Go to the start of a line."""
        if self._thinks or self._last:
            self._put("" if self._last == "\n" else "\n", thinks=False)

    def _put(self, text: str, *, thinks: bool) -> None:
        before = ""
        if thinks != self._thinks:
            before = DIM if thinks else PLAIN + "\n" * (self._last != "\n")
            self._thinks = thinks
        if text:
            self._last = text[-1]
        if self._is_terminal:
            text = CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)
        sys.stdout.write(before + text)
        sys.stdout.flush()


def run_chat(prompt: str, server: Server, *, system: str | None, options: dict[str, Any]) -> int:
    """Show the answer on standard output, and the summary on standard error.

    Args:
        prompt: the question; "-" to read it from standard input.
        server: the server and the model to ask.
        system: the system message; None to send none.
        options: further fields of the request; None values are not sent.

    Returns:
        The exit code, one of `Exit`.
    """
    errors = stderr()
    # The summary reports the attempts. Without this, stamina logs each retry to standard error.
    logging.getLogger("stamina").addHandler(logging.NullHandler())
    chat: Chat | None = None
    try:
        content = sys.stdin.buffer.read().decode() if prompt == "-" else prompt
        messages = [{"role": "system", "content": system}] if system else []
        chat = Chat(server, [*messages, {"role": "user", "content": content}], options)
        asyncio.run(chat.show())
        code = Exit.END_OF_STREAM
    except BrokenPipeError:
        return leave_closed_pipe()
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except Exception as error:
        code = show_error(errors, error)
    summary = chat.summary() if chat else ""
    if summary:
        errors.print(Text(summary, style="dim"))
    return code
