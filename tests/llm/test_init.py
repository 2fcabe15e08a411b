"""What `import fastsse.llm` needs and gives, what its types say, and what of it travels."""

import copy
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scripts import run
from type_checking import expect_errors

from fastsse import llm
from fastsse.llm import (
    AnswerStats,
    Delta,
    JsonEvent,
    Retry,
    Timeouts,
    Token,
    ToolCallDelta,
    Usage,
)


def test_names() -> None:
    for name in llm.__all__:
        assert getattr(llm, name) is not None
    public = {
        name
        for name, value in vars(llm).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public - {"find_spec"} == set(llm.__all__)


NAMES_WHAT_IS_MISSING = """
import sys
sys.modules |= dict.fromkeys({absent})
try:
    import fastsse.llm
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize("absent", [["anyio"], ["msgspec"], ["stamina"], ["msgspec", "stamina"]])
def test_a_missing_package_is_named_with_the_extra_that_has_it(absent: list[str]) -> None:
    told = run(NAMES_WHAT_IS_MISSING.format(absent=absent))
    names = ", ".join(absent)
    assert told == f"fastsse.llm needs {names}: python -m pip install 'fastsse-client[llm]'"


def test_the_core_does_without_them() -> None:
    script = """
import sys
sys.modules |= dict.fromkeys(["msgspec", "stamina"])
import fastsse, fastsse.httpx_sse, fastsse.sdk, fastsse.event_source
print([name for name in sys.modules if name.startswith("fastsse.llm")])
"""
    assert run(script) == "[]"


def test_the_core_loads_nothing_of_it() -> None:
    script = "import sys, fastsse; print({'msgspec', 'stamina', 'fastsse.llm'} & set(sys.modules))"
    assert run(script) == "set()"


def test_it_loads_no_client() -> None:
    clients = {"httpx", "httpx2", "aiohttp", "requests", "openai", "trio"}
    script = f"import sys, fastsse.llm; print({clients} & set(sys.modules))"
    assert run(script) == "set()"


def test_it_is_the_same_over_the_pure_twin() -> None:
    script = r"""
from fastsse.llm import iter_json
print(list(iter_json([b'data: {"a": 1}\n\ndata: [DONE]\n\n'])))
"""
    assert run(script, FASTSSE_PURE="1") == run(script) == "[{'a': 1}]"


@pytest.mark.parametrize(
    "value",
    [
        Delta(text="a", tool_calls=(ToolCallDelta(index=0, id="x"),), usage=Usage(total_tokens=7)),
        Delta(token_ids=(1, 2), logprobs={"tokens": ["a"]}, finish_reason="stop", index=1),
        ToolCallDelta(arguments="{}"),
        Usage(prompt_tokens=1, reasoning_tokens=2),
        Token("a", None),
        JsonEvent("e", {"a": [1]}),
        Timeouts(idle=1),
        Retry(attempts=5),
        AnswerStats(1, 2, 3, 4, 5, 6, 7, 0.5, None, [0.1], None),
        llm.accumulate([Delta(text="a", finish_reason="stop", usage=Usage(total_tokens=1))]),
        llm.DONE,
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_can_be_copied_and_pickled(value: Any) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(value, protocol))
        assert type(again) is type(value)
        assert again == value
        assert repr(again) == repr(value)
    assert copy.copy(value) == copy.deepcopy(value) == value


def test_what_is_given_does_not_change() -> None:
    frozen: list[Any] = [Delta(), ToolCallDelta(), Usage(), Token("", None), JsonEvent("", 1)]
    for value in [*frozen, Timeouts(), Retry()]:
        for name in getattr(value, "__struct_fields__", None) or value._fields:
            with pytest.raises(AttributeError):
                setattr(value, name, 1)


def test_usage_is_completed_by_what_comes_later() -> None:
    first = Usage(prompt_tokens=5, completion_tokens=1, total_tokens=6, cached_tokens=2)
    assert first.updated(Usage(completion_tokens=7)) == Usage(
        prompt_tokens=5, completion_tokens=7, total_tokens=12, cached_tokens=2
    )
    assert first.updated(Usage(total_tokens=99)).total_tokens == 99
    assert first.updated(Usage()) == first
    assert Usage().updated(first) == first
    assert Usage(prompt_tokens=1).updated(Usage(cached_tokens=1)).total_tokens is None


def test_a_delta_tells_whether_it_is_the_last() -> None:
    assert Delta(finish_reason="stop").finished
    assert not Delta(text="a").finished
    assert repr(Delta(text="a")) == "Delta(text='a')"


TYPED = """
from collections.abc import AsyncIterator, Iterable
from typing import Any, Literal, assert_type

import httpx
import msgspec

from fastsse import EventStream, ServerSentEvent, StreamStats
from fastsse.llm import (
    DONE, Answer, AnswerStats, Client, Delta, Done, JsonEvent, Message, Token, Usage, ValueStream,
    accumulate, decode, deltas, iter_json,
)


class Chunk(msgspec.Struct):
    text: str


def values(chunks: Iterable[bytes], events: Iterable[ServerSentEvent], stream: EventStream) -> None:
    for chunk in iter_json(chunks, type=Chunk):
        assert_type(chunk, Chunk)
    for value in iter_json(events):
        assert_type(value, Any)
    with iter_json(stream, type=list[int], on_error="skip", require_end=True) as numbers:
        assert_type(numbers, ValueStream[list[int]])
        assert_type(next(numbers), list[int])
        assert_type(numbers.received_at_ns, int)
        assert_type(numbers.stats, StreamStats)
        assert_type(numbers.parse_failures, int)
    with deltas(stream, shape="gemini") as answer:
        for delta in answer:
            assert_type(delta, Delta)
        assert_type(answer.usage, Usage | None)
        assert_type(answer.finish_reason, str | None)
    assert_type(accumulate(deltas(chunks)), Message)


async def avalues(chunks: AsyncIterator[bytes], response: httpx.Response) -> None:
    async for chunk in iter_json(response, type=Chunk):
        assert_type(chunk, Chunk)
    async with iter_json(chunks, type=int) as numbers:
        assert_type(await anext(numbers), int)
    async for delta in deltas(response):
        assert_type(delta, Delta)


def decisions(event: ServerSentEvent) -> int:
    value = decode(event, msgspec.json.Decoder(Chunk).decode)
    if value is DONE:
        assert_type(value, Literal[Done.DONE])
        return 0
    assert_type(value, Chunk)
    return len(value.text)


async def answers(client: Client) -> None:
    assert_type(client.chat([]), Answer[Delta, Message])
    assert_type(await client.chat([{"role": "user", "content": "Hi"}]), Message)
    assert_type(await client.complete([1, 2]), Message)
    assert_type(await client.post("/x", {}, type=Chunk), Chunk)
    async with client.chat([]) as chat:
        async for delta in chat:
            assert_type(delta, Delta)
        assert_type(chat.stats, AnswerStats)
        assert_type(chat.usage, Usage | None)
    async with client.complete("Hi") as completion:
        async for token in completion:
            assert_type(token, Token)
    async with client.post("/x", {}, type=Chunk) as posted:
        async for each in posted:
            assert_type(each, JsonEvent[Chunk])
            assert_type(each.value, Chunk)
    async with client.post("/x", {}) as anything:
        async for one in anything:
            assert_type(one.value, Any)
"""
WRONG = """iter_json([], on_error="ignore")
iter_json([], type=7)
deltas([], require_end="yes")
Delta().text = "x"
Usage(5)
Token("x")
"""


def test_types(tmp_path: Path) -> None:
    expect_errors(tmp_path, TYPED, WRONG)
