"""Recorded streams of each wire format, alone and beside what the providers' SDKs accumulate."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mistralai.client import Mistral
from mistralai.client.models import TextChunk
from recorded import recorded_streams
from sdk_servers import ANTHROPIC, AZURE, OPENAI, Replay, Sdk, call_of
from serving import serve

import fastsse
from fastsse.llm import DONE, Delta, Message, StreamError, Usage, accumulate
from fastsse.llm.shapes import SHAPES, Shape, recognise


class Read(NamedTuple):
    """The deltas of a recorded stream, up to its end or its error."""

    shape: Shape | None
    deltas: list[Delta]
    is_done: bool
    error: StreamError | None

    @property
    def message(self) -> Message:
        return accumulate(self.deltas)


def read_recorded(path: Path) -> Read:
    parser = fastsse.Parser()
    events = parser.feed(path.read_bytes()) + parser.flush()
    shape = next(filter(None, map(recognise, events)), None)
    deltas: list[Delta] = []
    if shape is None:
        return Read(None, [], False, None)
    reader = shape.reader()
    try:
        for event in events:
            for delta in reader(event):
                if delta is DONE:
                    return Read(shape, deltas, True, None)
                assert type(delta) is Delta
                deltas.append(delta)
    except StreamError as error:
        return Read(shape, deltas, False, error)
    return Read(shape, deltas, False, None)


@cache
def expected_shape(path: Path) -> str | None:
    """The shape of a recorded stream, by its provider and its first event."""
    provider = path.parent.name
    by_provider = {
        "anthropic": "anthropic",
        "cohere": "cohere",
        "gemini": "gemini",
        "google-vertex": "gemini",
        "mcp-deepwiki": None,
        "watsonx": "watsonx",
    }
    if provider in by_provider:
        return by_provider[provider]
    body = path.read_bytes()
    if body.startswith(b'data: {"value"'):
        return "writer"
    by_call = {"runs": "openai-assistants"}
    return by_call.get(call_of(body), f"openai-{call_of(body)}")


def recorded(*shapes: str | None) -> list[Any]:
    """The recorded streams of these shapes; of all shapes by default. Replicate's are not JSON."""
    cases = []
    for case in recorded_streams():
        (path,) = case.values
        if path is None or (
            path.parent.name != "replicate" and (not shapes or expected_shape(path) in shapes)
        ):
            cases.append(case)
    return cases


def of_provider(name: str) -> list[Any]:
    """The recorded streams of one provider."""
    return [
        case for case in recorded() if case.values[0] is None or case.values[0].parent.name == name
    ]


# What providers reported in the streams that were recorded.
ERRORS = {
    "25e988586b4d": ("Tool call validation failed", "tool_use_failed"),
    "baafd4cb5cec": ("Token limit reached", 400),
}
# Providers whose streams end without an event that says so.
ENDLESS = {"gemini", "google-vertex", "watsonx", "writer"}


@pytest.mark.parametrize("path", recorded())
def test_recorded_stream(path: Path) -> None:
    found = read_recorded(path)
    expected = expected_shape(path)
    assert (found.shape and found.shape.name) == expected
    if expected is None:
        return
    message = found.message
    assert found.deltas
    assert all(delta != Delta() for delta in found.deltas)
    # An answer of tool calls that the server answers has usage only.
    assert message.text or message.tool_calls or message.reasoning or message.usage
    if path.stem in ERRORS:
        assert found.error is not None
        text, code = ERRORS[path.stem]
        assert found.error.message.startswith(text)
        assert found.error.code == code
        return
    assert found.error is None
    assert found.is_done is (path.parent.name not in ENDLESS)
    # Two report no finish reason.
    if path.parent.name != "snowflake" and expected != "writer":
        assert message.finish_reason in {"stop", "length", "tool_calls", "pause_turn"}
    assert bool(message.tool_calls) is (message.finish_reason == "tool_calls")


def test_all_shapes_are_recorded() -> None:
    cases = recorded()
    if cases[0].values[0] is None:
        pytest.skip("FASTSSE_STREAMS names no folder of recorded streams (*.sse)")
    assert {expected_shape(case.values[0]) for case in cases} == {*SHAPES, None}


class Answer(NamedTuple):
    """What both sides must agree on: our message, and what an SDK accumulates."""

    texts: list[str]
    calls: list[tuple[str, str, Any]]
    """Each by its id, its name and its decoded arguments."""
    usage: Usage | None


def ours(path: Path) -> Answer:
    message = read_recorded(path).message
    calls = [(call.id, call.name, json.loads(call.arguments)) for call in message.tool_calls]
    return Answer([choice.text for choice in message.choices], calls, message.usage)


@pytest.fixture(scope="module")
def provider() -> Iterator[Callable[[Sdk, Path], tuple[Any, dict[str, str]]]]:
    """Gives a client of an SDK, and headers for which its server replays a recorded stream."""
    replay = Replay()
    with serve(replay) as url:
        yield lambda sdk, path: (sdk.client(url, "sync"), {"stream": replay.add(path.read_bytes())})


def chats_that_openai_reads() -> list[Any]:
    """Chats that OpenAI's SDK accumulates to the end: its own, Azure's, and some others'."""
    # The helper refuses content in parts, a null after a call, and an end for length; and Groq
    # may send its usage in a field of its own.
    others = {"groq", "mistral", "vllm", "writer"}
    return [
        case
        for case in recorded("openai-chat")
        if case.values[0] is None
        or (case.values[0].parent.name not in others and case.values[0].stem not in ERRORS)
    ]


@pytest.mark.net
class TestBesideTheSDKs:
    """Our message equals what the provider's SDK accumulates from the same bytes."""

    @pytest.mark.parametrize("path", chats_that_openai_reads())
    def test_chat(self, provider: Any, path: Path) -> None:
        sdk = AZURE if path.parent.name == "azure-openai" else OPENAI
        client, headers = provider(sdk, path)
        with (
            client,
            client.chat.completions.stream(model="m", messages=[], extra_headers=headers) as stream,
        ):
            final = stream.get_final_completion()
        (message,) = (choice.message for choice in final.choices)
        calls = [
            (call.id, call.function.name, json.loads(call.function.arguments))
            for call in message.tool_calls or ()
        ]
        assert ours(path) == Answer([message.content or ""], calls, openai_usage(final.usage))
        assert read_recorded(path).message.finish_reason == final.choices[0].finish_reason

    @pytest.mark.parametrize("path", recorded("openai-completions"))
    def test_completions(self, provider: Any, path: Path) -> None:
        client, headers = provider(OPENAI, path)
        with client:
            chunks = list(
                client.completions.create(model="m", prompt="", stream=True, extra_headers=headers)
            )
        text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
        (usage,) = {openai_usage(chunk.usage) for chunk in chunks}
        assert ours(path) == Answer([text], [], usage)
        last = chunks[-1].choices[-1].finish_reason
        assert read_recorded(path).message.finish_reason == last

    @pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
    @pytest.mark.parametrize("path", recorded("openai-responses"))
    def test_responses(self, provider: Any, path: Path) -> None:
        client, headers = provider(OPENAI, path)
        with client:
            if path.read_bytes().startswith(b"event: response.created"):
                with client.responses.stream(model="m", input="", extra_headers=headers) as stream:
                    final = stream.get_final_response()
            else:
                *_, last = client.responses.create(
                    model="m", input="", stream=True, extra_headers=headers
                )
                final = last.response
        calls = [
            (item.call_id, item.name, json.loads(item.arguments))
            for item in final.output
            if item.type == "function_call"
        ]
        usage = Usage(
            prompt_tokens=final.usage.input_tokens,
            completion_tokens=final.usage.output_tokens,
            total_tokens=final.usage.total_tokens,
            cached_tokens=final.usage.input_tokens_details.cached_tokens,
            cache_write_tokens=final.usage.input_tokens_details.cache_write_tokens,
            reasoning_tokens=final.usage.output_tokens_details.reasoning_tokens,
        )
        assert ours(path) == Answer([final.output_text], calls, usage)
        reasoning = "".join(
            part.text for item in final.output if item.type == "reasoning" for part in item.summary
        )
        assert read_recorded(path).message.reasoning == reasoning

    @pytest.mark.filterwarnings("ignore:The Assistants API:DeprecationWarning")
    @pytest.mark.parametrize("path", recorded("openai-assistants"))
    def test_assistants(self, provider: Any, path: Path) -> None:
        client, headers = provider(OPENAI, path)
        stream = client.beta.threads.runs.stream(
            thread_id="t", assistant_id="a", extra_headers=headers
        )
        with client, stream as handler:
            (message,) = handler.get_final_messages()
            run = handler.current_run
        (content,) = message.content
        assert run is not None
        assert ours(path)[:2] == ([content.text.value], [])
        usage = ours(path).usage
        assert usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (
            run.usage.prompt_tokens,
            run.usage.completion_tokens,
            run.usage.total_tokens,
        )

    @pytest.mark.parametrize("path", recorded("anthropic"))
    def test_anthropic(self, provider: Any, path: Path) -> None:
        client, headers = provider(ANTHROPIC, path)
        stream = client.messages.stream(model="m", messages=[], max_tokens=1, extra_headers=headers)
        with client, stream as events:
            final = events.get_final_message()
        text = "".join(block.text for block in final.content if block.type == "text")
        calls = [
            (block.id, block.name, block.input)
            for block in final.content
            if block.type == "tool_use"
        ]
        found = final.usage
        read, written = found.cache_read_input_tokens, found.cache_creation_input_tokens
        prompt = found.input_tokens + (read or 0) + (written or 0)
        details = found.output_tokens_details
        usage = Usage(
            prompt_tokens=prompt,
            completion_tokens=found.output_tokens,
            total_tokens=prompt + found.output_tokens,
            cached_tokens=read,
            cache_write_tokens=written,
            reasoning_tokens=details and details.thinking_tokens,
        )
        assert ours(path) == Answer([text], calls, usage)
        reasoning = "".join(block.thinking for block in final.content if block.type == "thinking")
        assert read_recorded(path).message.reasoning == reasoning

    @pytest.mark.parametrize("path", of_provider("mistral"))
    def test_mistral(self, provider: Any, path: Path) -> None:
        # The SDK does not accumulate, so the test does, from the SDK's objects.
        client, headers = provider(OPENAI, path)
        with (
            client,
            Mistral(api_key="key", server_url=str(client.base_url)) as mistral,
            mistral.chat.stream(model="m", messages=[], http_headers=headers) as stream,
        ):
            chunks = [event.data for event in stream]
        texts, thoughts, calls, usage, reason = [], [], [], None, None
        for chunk in chunks:
            (choice,) = chunk.choices
            parts = choice.delta.content or []
            for part in [TextChunk(text=parts)] if isinstance(parts, str) else parts:
                if part.type == "thinking":
                    thoughts += [thought.text for thought in part.thinking]
                else:
                    texts.append(part.text)
            calls += choice.delta.tool_calls or ()
            reason = choice.finish_reason or reason
            if chunk.usage is not None:
                usage = Usage(
                    prompt_tokens=chunk.usage.prompt_tokens,
                    completion_tokens=chunk.usage.completion_tokens,
                    total_tokens=chunk.usage.total_tokens,
                )
        found = [(call.id, call.function.name, call.function.arguments) for call in calls]
        assert ours(path) == Answer(["".join(texts)], found, usage)
        message = read_recorded(path).message
        assert (message.reasoning, message.finish_reason) == ("".join(thoughts), reason)


def openai_usage(usage: Any) -> Usage | None:
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        cached_tokens=prompt and prompt.cached_tokens,
        cache_write_tokens=prompt and prompt.cache_write_tokens,
        reasoning_tokens=completion and completion.reasoning_tokens,
    )
