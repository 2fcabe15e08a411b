"""The shapes that answers come in on the wire: what tells each, and how its events are read.

A struct has only what is read, so that whatever else a server sends is passed over; and since
some server sends null for each of it, each is null where there is none.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from .._errors import preview
from .._parser import ServerSentEvent
from ._alike import Alike
from ._decode import DONE, Done, decode, decode_chunk, stream_error
from ._delta import Delta, ToolCallDelta, Usage
from .errors import DecodeError

logger = logging.getLogger(__name__)

Deltas = Sequence[Delta | Done]
Read = Callable[[ServerSentEvent], Deltas]


class Shape(NamedTuple):
    """A shape of streams.

    Attributes:
        name: of the shape.
        knows: whether an event is of it, by the event's type and the JSON object in its data.
        reader: gives what reads the events of one stream, in order: the deltas that an event
            adds, often one, maybe none, and DONE after them where it ends the stream.
    """

    name: str
    knows: Callable[[str, dict[str, Any]], bool]
    reader: Callable[[], Read]


def recognise(event: ServerSentEvent) -> Shape | None:
    """The shape of a stream, as one of its events tells it; None if that may be of any.

    Raises:
        StreamError: the event carries an error.
        DecodeError: its data is not JSON.
    """
    value = decode(event)
    if isinstance(value, dict):
        for shape in SHAPES.values():
            if shape.knows(event.event, value):
                return shape
    return None


# Why a choice ended, in the words of servers that have their own.
_WORDS = {
    "stop": "COMPLETE STOP STOP_SEQUENCE completed end_turn eos eos_token stop_sequence",
    "length": "MAX_TOKENS max_completion_tokens max_output_tokens max_prompt_tokens max_tokens "
    "model_context_window_exceeded model_length token_limit",
    "tool_calls": "TOOL_CALL function_call requires_action tool_use",
    "content_filter": "BLOCKLIST ERROR_TOXIC IMAGE_SAFETY PROHIBITED_CONTENT RECITATION SAFETY "
    "SPII refusal sensitive",
}
_REASONS = {word: reason for reason, words in _WORDS.items() for word in words.split()}
_END: Final = (DONE,)


def _reason_of(word: str | None) -> str | None:
    return _REASONS.get(word, word) if word else None


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second


class _Struct(msgspec.Struct, gc=False):
    """A part of a chunk: read and dropped at once, and never in a cycle."""


class _Chunk(_Struct):
    """The data of an event."""

    error: Any = None


# ------------------------------------------------------------------ OpenAI: chat, and completions


class _PromptDetails(_Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(_Struct):
    reasoning_tokens: int | None = None


class _Usage(_Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    # What Writer and the assistants call them.
    prompt_token_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None

    def neutral(self) -> Usage:
        prompt = self.prompt_tokens_details or self.prompt_token_details or _PromptDetails()
        completion = self.completion_tokens_details or _CompletionDetails()
        return Usage(
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            total_tokens=self.total_tokens,
            cached_tokens=prompt.cached_tokens,
            cache_write_tokens=prompt.cache_write_tokens,
            reasoning_tokens=completion.reasoning_tokens,
        )


class _Groq(_Struct):
    usage: _Usage | None = None


class _Function(_Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(_Struct):
    function: _Function | None = None
    index: int | None = None
    id: str | None = None

    def neutral(self) -> ToolCallDelta:
        function = self.function or _Function()
        return ToolCallDelta(
            index=self.index, id=self.id, name=function.name, arguments=function.arguments or ""
        )


class _Text(_Struct):
    text: str | None = None


class _Part(_Text):
    """Of a content that has several, as Mistral's."""

    thinking: list[_Text] | None = None


class _ReasoningDetail(_Text):
    """Of OpenRouter, and of those that speak like it."""

    summary: str | None = None


class _Said(_Struct):
    """The delta of a chunk, or the message of a whole answer."""

    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None
    refusal: str | None = None
    reasoning_details: list[_ReasoningDetail] | None = None
    function_call: _Function | None = None


class _Choice(_Struct):
    index: int | None = 0
    finish_reason: str | None = None
    logprobs: Any = None
    token_ids: tuple[int, ...] | None = None


class _ChatChoice(_Choice):
    delta: _Said | None = None


class _CompletionChoice(_Choice):
    text: str | None = None


class _WholeChoice(_CompletionChoice):
    message: _Said | None = None


class _ChatChunk(_Chunk):
    choices: list[_ChatChoice] | None = None
    usage: _Usage | None = None
    x_groq: _Groq | None = None


class _CompletionChunk(_Chunk):
    choices: list[_CompletionChoice] | None = None
    usage: _Usage | None = None


class _Whole(_Chunk, kw_only=True):
    choices: list[_WholeChoice]
    usage: _Usage | None = None


_chat = msgspec.json.Decoder(_ChatChunk).decode
_completion = msgspec.json.Decoder(_CompletionChunk).decode
_whole = msgspec.json.Decoder(_Whole).decode
_NOTHING_SAID: Final = _Said()


def _read_openai_chat(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _chat)
    if chunk is DONE:
        return _END
    choices, usage = chunk.choices or (), chunk.usage
    if usage is None and chunk.x_groq is not None:
        usage = chunk.x_groq.usage
    if len(choices) == 1 and usage is None and (text := _plain_text(choices[0])):
        # Nearly all are such; the rest of the way would take three times as long.
        return (Delta(text=text, index=choices[0].index or 0),)
    deltas: list[Delta] = []
    for choice in choices:
        _said(choice, choice.delta or _NOTHING_SAID, deltas)
    if chunk.choices is None and usage is None:
        _pass_over(event)
    return _with_usage(deltas, usage)


def _pass_over(event: ServerSentEvent) -> None:
    logger.debug("passed over an event that is no chunk: %s", preview(event.data_bytes))


def _plain_text(choice: _ChatChoice) -> str | None:
    """The text of a choice that adds nothing else."""
    said = choice.delta
    if (
        said is not None
        and type(said.content) is str
        and choice.finish_reason is None
        and choice.logprobs is None
        and choice.token_ids is None
        and said.reasoning_content is None
        and said.reasoning is None
        and said.tool_calls is None
        and said.reasoning_details is None
        and said.function_call is None
    ):
        return said.content
    return None


def _read_openai_completions(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _completion)
    if chunk is DONE:
        return _END
    deltas: list[Delta] = []
    for choice in chunk.choices or ():
        _chosen(choice, choice.text or "", "", (), deltas)
    if chunk.choices is None and chunk.usage is None:
        _pass_over(event)
    return _with_usage(deltas, chunk.usage)


def read_whole(event: ServerSentEvent) -> list[Delta]:
    """The deltas of a whole answer of a chat or a completion, which is the data of the event."""
    whole = decode_chunk(event, _whole)
    if whole is DONE:
        raise DecodeError(event, "expected an answer, got the end of a stream")
    deltas: list[Delta] = []
    for choice in whole.choices:
        if choice.message is None:
            _chosen(choice, choice.text or "", "", (), deltas)
        else:
            _said(choice, choice.message, deltas)
    return _with_usage(deltas, whole.usage)


def _said(choice: _Choice, said: _Said, deltas: list[Delta]) -> None:
    content = said.content
    reasoning = said.reasoning_content or said.reasoning or ""
    calls: tuple[ToolCallDelta, ...] = ()
    if isinstance(content, list):
        reasoning = "".join(_texts(thought for part in content for thought in part.thinking or ()))
        content = "".join(_texts(content))
    if not reasoning and said.reasoning_details:
        reasoning = "".join(part.text or part.summary or "" for part in said.reasoning_details)
    if said.tool_calls:
        calls = tuple(call.neutral() for call in said.tool_calls)
    elif said.function_call is not None:
        calls = (_ToolCall(said.function_call, index=0).neutral(),)
    _chosen(choice, content or said.refusal or "", reasoning, calls, deltas)


def _texts(parts: Iterable[_Text]) -> Iterator[str]:
    return (part.text or "" for part in parts)


def _chosen(
    choice: _Choice,
    text: str,
    reasoning: str,
    calls: tuple[ToolCallDelta, ...],
    deltas: list[Delta],
) -> None:
    reason, ids, logprobs = choice.finish_reason, choice.token_ids, choice.logprobs
    if text or reasoning or calls or reason or ids or logprobs:
        deltas.append(
            Delta(
                text=text,
                reasoning=reasoning,
                tool_calls=calls,
                finish_reason=_reason_of(reason),
                token_ids=ids or (),
                index=choice.index or 0,
                logprobs=logprobs,
            )
        )


def _with_usage(deltas: list[Delta], usage: _Usage | None) -> list[Delta]:
    if usage is not None:
        deltas.append(Delta(usage=usage.neutral()))
    return deltas


def _knows_openai_chat(kind: str, value: dict[str, Any]) -> bool:
    return value.get("object") == "chat.completion.chunk" or _chooses(value, "delta")


def _knows_openai_completions(kind: str, value: dict[str, Any]) -> bool:
    return value.get("object") == "text_completion" or _chooses(value, "text")


def _chooses(value: dict[str, Any], key: str) -> bool:
    return any(key in choice for choice in _objects(value.get("choices")))


def _objects(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict)]


# ------------------------------------------------------------------ OpenAI: responses


class _ResponseUsage(_Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: _PromptDetails | None = None
    output_tokens_details: _CompletionDetails | None = None

    def neutral(self) -> Usage:
        return _Usage(
            prompt_tokens=self.input_tokens,
            completion_tokens=self.output_tokens,
            total_tokens=self.total_tokens,
            prompt_tokens_details=self.input_tokens_details,
            completion_tokens_details=self.output_tokens_details,
        ).neutral()


class _Typed(_Struct):
    type: str | None = None


class _Item(_Typed):
    call_id: str | None = None
    name: str | None = None


class _Incomplete(_Struct):
    reason: str | None = None


class _Response(_Struct):
    output: list[_Typed] | None = None
    usage: _ResponseUsage | None = None
    incomplete_details: _Incomplete | None = None
    error: Any = None


class _ResponseChunk(_Chunk):
    type: str = ""
    delta: Any = None
    output_index: int = 0
    logprobs: Any = None
    item: _Item | None = None
    response: _Response | None = None


_response = msgspec.json.Decoder(_ResponseChunk).decode
# Calls of the tools that the caller has; others the server makes itself.
_CALLS = {"function_call", "custom_tool_call"}


def _read_openai_responses(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _response)
    if chunk is DONE:
        return _END
    match chunk.type:
        case "response.output_text.delta" | "response.refusal.delta":
            return (Delta(text=_added(chunk, event), logprobs=chunk.logprobs or None),)
        case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
            return (Delta(reasoning=_added(chunk, event)),)
        case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
            return (_call(index=chunk.output_index, arguments=_added(chunk, event)),)
        case "response.output_item.added":
            item = chunk.item or _Item()
            if item.type in _CALLS:
                return (_call(index=chunk.output_index, id=item.call_id, name=item.name),)
        case "response.completed" | "response.incomplete":
            return _end_of_response(chunk.response or _Response())
        case "response.failed":
            raise stream_error((chunk.response or _Response()).error, event)
        case "error":
            # Where the event's type was lost on the way.
            raise stream_error(event.json(msgspec.json.decode), event)
    return ()


def _added(chunk: _ResponseChunk, event: ServerSentEvent) -> str:
    """The delta of an event that adds to a text; that of another may be anything."""
    if not isinstance(chunk.delta, str | None):
        raise DecodeError(event, f"expected a text in `delta`, got {type(chunk.delta).__name__}")
    return chunk.delta or ""


def _end_of_response(response: _Response) -> Deltas:
    incomplete = response.incomplete_details
    if incomplete is not None:
        reason = _reason_of(incomplete.reason)
    else:
        calls = any(item.type in _CALLS for item in response.output or ())
        reason = "tool_calls" if calls else "stop"
    usage = None if response.usage is None else response.usage.neutral()
    return Delta(finish_reason=reason, usage=usage), DONE


def _call(**fields: Any) -> Delta:
    return Delta(tool_calls=(ToolCallDelta(**fields),))


def _knows_openai_responses(kind: str, value: dict[str, Any]) -> bool:
    return str(value.get("type")).startswith("response.")


# ------------------------------------------------------------------ OpenAI: assistants


class _Value(_Struct):
    value: str | None = None


class _Content(_Struct):
    text: _Value | None = None


class _Step(_Struct):
    tool_calls: list[_ToolCall] | None = None


class _ThreadDelta(_Struct):
    content: list[_Content] | None = None
    step_details: _Step | None = None


class _ThreadChunk(_Chunk):
    delta: _ThreadDelta | None = None
    usage: _Usage | None = None
    incomplete_details: _Incomplete | None = None
    last_error: Any = None


_thread = msgspec.json.Decoder(_ThreadChunk).decode


def _read_openai_assistants(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _thread)
    if chunk is DONE:
        return _END
    delta = chunk.delta or _ThreadDelta()
    match event.event:
        case "thread.message.delta":
            texts = [part.text.value or "" for part in delta.content or () if part.text]
            return (Delta(text="".join(texts)),)
        case "thread.run.step.delta":
            step = delta.step_details or _Step()
            # Others, such as the code interpreter's, the server makes itself.
            calls = tuple(call.neutral() for call in step.tool_calls or () if call.function)
            return (Delta(tool_calls=calls),) if calls else ()
        case "thread.run.completed" | "thread.run.incomplete" | "thread.run.requires_action":
            incomplete = chunk.incomplete_details or _Incomplete()
            reason = incomplete.reason or event.event.removeprefix("thread.run.")
            usage = None if chunk.usage is None else chunk.usage.neutral()
            return (Delta(finish_reason=_reason_of(reason), usage=usage),)
        case "thread.run.failed":
            raise stream_error(chunk.last_error, event)
    return ()


def _knows_openai_assistants(kind: str, value: dict[str, Any]) -> bool:
    return kind.startswith("thread.")


# ------------------------------------------------------------------ Anthropic


class _ThinkingDetails(_Struct):
    thinking_tokens: int | None = None


class _AnthropicUsage(_Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _ThinkingDetails | None = None

    def update(self, later: "_AnthropicUsage") -> None:
        for name in self.__struct_fields__:
            value = getattr(later, name)
            if value is not None:
                setattr(self, name, value)

    def neutral(self) -> Usage:
        read, written = self.cache_read_input_tokens, self.cache_creation_input_tokens
        prompt = _sum(self.input_tokens, (read or 0) + (written or 0))
        details = self.output_tokens_details or _ThinkingDetails()
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=self.output_tokens,
            total_tokens=_sum(prompt, self.output_tokens),
            cached_tokens=read,
            cache_write_tokens=written,
            reasoning_tokens=details.thinking_tokens,
        )


class _AnthropicMessage(_Struct):
    usage: _AnthropicUsage | None = None


class _AnthropicDelta(_Text):
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Block(_Typed):
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None


class _AnthropicChunk(_Chunk):
    type: str = ""
    index: int = 0
    delta: _AnthropicDelta | None = None
    content_block: _Block | None = None
    message: _AnthropicMessage | None = None
    usage: _AnthropicUsage | None = None


_anthropic = msgspec.json.Decoder(_AnthropicChunk).decode


class _AnthropicReader:
    """Knows which blocks are calls of the caller's tools: the server's own have the same deltas.

    What a later usage leaves out, an earlier one said.
    """

    def __init__(self) -> None:
        self._usage = _AnthropicUsage()
        # The calls by their blocks, and whether they have arguments yet.
        self._calls: dict[int, bool] = {}

    def __call__(self, event: ServerSentEvent) -> Deltas:
        chunk = decode_chunk(event, _anthropic)
        if chunk is DONE:
            return _END
        match chunk.type:
            case "content_block_delta":
                return self._block_delta(chunk.index, chunk.delta or _AnthropicDelta())
            case "content_block_start":
                return self._block_start(chunk.index, chunk.content_block or _Block())
            case "content_block_stop":
                # No arguments are an empty object to whoever reads them.
                if self._calls.get(chunk.index) is False:
                    return (_call(index=chunk.index, arguments="{}"),)
            case "message_start":
                return self._used((chunk.message or _AnthropicMessage()).usage, None)
            case "message_delta":
                return self._used(chunk.usage, (chunk.delta or _AnthropicDelta()).stop_reason)
            case "message_stop":
                return _END
        return ()

    def _block_start(self, index: int, block: _Block) -> Deltas:
        if block.type == "tool_use":
            self._calls[index] = False
            return (_call(index=index, id=block.id, name=block.name),)
        if block.text or block.thinking:
            return (Delta(text=block.text or "", reasoning=block.thinking or ""),)
        return ()

    def _block_delta(self, index: int, delta: _AnthropicDelta) -> Deltas:
        if delta.text:
            return (Delta(text=delta.text),)
        if delta.thinking:
            return (Delta(reasoning=delta.thinking),)
        if delta.partial_json and index in self._calls:
            self._calls[index] = True
            return (_call(index=index, arguments=delta.partial_json),)
        return ()

    def _used(self, usage: _AnthropicUsage | None, stop_reason: str | None) -> Deltas:
        self._usage.update(usage or _AnthropicUsage())
        return (Delta(finish_reason=_reason_of(stop_reason), usage=self._usage.neutral()),)


_ANTHROPIC_TYPES = {
    "message_start", "message_delta", "message_stop", "content_block_start",
    "content_block_delta", "content_block_stop",
}  # fmt: skip


def _knows_anthropic(kind: str, value: dict[str, Any]) -> bool:
    return str(value.get("type")) in _ANTHROPIC_TYPES


# ------------------------------------------------------------------ Gemini


class _Camel(_Struct, rename="camel"):
    pass


class _FunctionCall(_Camel):
    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = msgspec.Raw(b"{}")


class _GeminiPart(_Camel):
    text: str | None = None
    thought: bool | None = None
    function_call: _FunctionCall | None = None


class _GeminiContent(_Camel):
    parts: list[_GeminiPart] | None = None


class _Candidate(_Camel):
    content: _GeminiContent | None = None
    finish_reason: str | None = None
    index: int = 0


class _GeminiUsage(_Camel):
    prompt_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    total_token_count: int | None = None

    def neutral(self) -> Usage:
        return Usage(
            prompt_tokens=_sum(self.prompt_token_count, self.tool_use_prompt_token_count or 0),
            completion_tokens=_sum(
                self.candidates_token_count or 0, self.thoughts_token_count or 0
            ),
            total_tokens=self.total_token_count,
            cached_tokens=self.cached_content_token_count,
            reasoning_tokens=self.thoughts_token_count,
        )


class _PromptFeedback(_Camel):
    block_reason: str | None = None


class _GeminiChunk(_Chunk, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _GeminiUsage | None = None
    prompt_feedback: _PromptFeedback | None = None


_gemini = msgspec.json.Decoder(_GeminiChunk).decode


class _GeminiReader:
    """Knows which candidates called a tool: their reason to end is STOP, maybe chunks later."""

    def __init__(self) -> None:
        self._called: set[int] = set()

    def __call__(self, event: ServerSentEvent) -> Deltas:
        chunk = decode_chunk(event, _gemini)
        if chunk is DONE:
            return _END
        deltas: list[Delta] = []
        for candidate in chunk.candidates or ():
            self._add(candidate, deltas)
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            deltas.append(Delta(finish_reason="content_filter"))
        if chunk.usage_metadata is not None:
            deltas.append(Delta(usage=chunk.usage_metadata.neutral()))
        return deltas

    def _add(self, candidate: _Candidate, deltas: list[Delta]) -> None:
        parts = (candidate.content or _GeminiContent()).parts or ()
        calls = tuple(_gemini_call(part.function_call) for part in parts if part.function_call)
        if calls:
            self._called.add(candidate.index)
        reason = _reason_of(candidate.finish_reason)
        if reason == "stop" and candidate.index in self._called:
            reason = "tool_calls"
        text = "".join(part.text or "" for part in parts if not part.thought)
        reasoning = "".join(part.text or "" for part in parts if part.thought)
        if text or reasoning or calls or reason:
            deltas.append(
                Delta(
                    text=text,
                    reasoning=reasoning,
                    tool_calls=calls,
                    finish_reason=reason,
                    index=candidate.index,
                )
            )


def _gemini_call(call: _FunctionCall) -> ToolCallDelta:
    return ToolCallDelta(id=call.id, name=call.name, arguments=bytes(call.args).decode())


def _knows_gemini(kind: str, value: dict[str, Any]) -> bool:
    return bool({"candidates", "promptFeedback", "usageMetadata"} & value.keys())


# ------------------------------------------------------------------ Cohere


class _CohereContent(_Text):
    thinking: str | None = None


class _CohereMessage(_Struct):
    # Empty lists where the message begins, one thing each after that.
    content: _CohereContent | list[Any] | None = None
    tool_calls: _ToolCall | list[Any] | None = None
    tool_plan: str | None = None


class _CohereTokens(_Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None


class _CohereUsage(_Struct):
    tokens: _CohereTokens | None = None
    cached_tokens: float | None = None

    def neutral(self) -> Usage:
        tokens = self.tokens or _CohereTokens()
        prompt, completion = _whole_number(tokens.input_tokens), _whole_number(tokens.output_tokens)
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=_sum(prompt, completion),
            cached_tokens=_whole_number(self.cached_tokens),
        )


class _CohereDelta(_Struct):
    message: _CohereMessage | None = None
    finish_reason: str | None = None
    usage: _CohereUsage | None = None
    error: Any = None


class _CohereChunk(_Chunk):
    type: str = ""
    index: int = 0
    delta: _CohereDelta | None = None


_cohere = msgspec.json.Decoder(_CohereChunk).decode


def _whole_number(number: float | None) -> int | None:
    return None if number is None else int(number)


def _read_cohere(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _cohere)
    if chunk is DONE:
        return _END
    delta = chunk.delta or _CohereDelta()
    if chunk.type == "message-end":
        if delta.error is not None:
            raise stream_error(delta.error, event)
        usage = None if delta.usage is None else delta.usage.neutral()
        return Delta(finish_reason=_reason_of(delta.finish_reason), usage=usage), DONE
    message = delta.message or _CohereMessage()
    if isinstance(message.tool_calls, _ToolCall):
        message.tool_calls.index = chunk.index
        return (Delta(tool_calls=(message.tool_calls.neutral(),)),)
    content = message.content if isinstance(message.content, _CohereContent) else _CohereContent()
    text, reasoning = content.text or "", content.thinking or message.tool_plan or ""
    return (Delta(text=text, reasoning=reasoning),) if text or reasoning else ()


_COHERE_TYPES = {
    "message-start", "message-end", "content-start", "content-delta", "content-end",
    "tool-plan-delta", "tool-call-start", "tool-call-delta", "tool-call-end",
}  # fmt: skip


def _knows_cohere(kind: str, value: dict[str, Any]) -> bool:
    return str(value.get("type")) in _COHERE_TYPES


# ------------------------------------------------------------------ watsonx, and Writer


class _WatsonxResult(_Struct):
    generated_text: str | None = None
    generated_token_count: int | None = None
    input_token_count: int | None = None
    stop_reason: str | None = None


class _WatsonxChunk(_Chunk):
    results: list[_WatsonxResult] | None = None


_watsonx = msgspec.json.Decoder(_WatsonxChunk).decode


def _read_watsonx(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _watsonx)
    if chunk is DONE:
        return _END
    return [_watsonx_delta(*each) for each in enumerate(chunk.results or ())]


def _watsonx_delta(index: int, result: _WatsonxResult) -> Delta:
    ended = result.stop_reason not in (None, "", "not_finished")
    return Delta(
        text=result.generated_text or "",
        finish_reason=_reason_of(result.stop_reason) if ended else None,
        # The prompt's are counted in the first chunk, and zero from then on.
        usage=Usage(
            prompt_tokens=result.input_token_count or None,
            completion_tokens=result.generated_token_count,
        ),
        index=index,
    )


def _knows_watsonx(kind: str, value: dict[str, Any]) -> bool:
    return any("generated_text" in result for result in _objects(value.get("results")))


class _WriterChunk(_Chunk):
    value: str | None = None


_writer = msgspec.json.Decoder(_WriterChunk).decode


def _read_writer(event: ServerSentEvent) -> Deltas:
    chunk = decode_chunk(event, _writer)
    if chunk is DONE:
        return _END
    return (Delta(text=chunk.value),) if chunk.value else ()


def _knows_writer(kind: str, value: dict[str, Any]) -> bool:
    return value.keys() == {"value"} and isinstance(value["value"], str)


# ------------------------------------------------------------------ all


SHAPES: Final = {
    shape.name: shape
    for shape in (
        Shape("openai-chat", _knows_openai_chat, lambda: Alike(_read_openai_chat).read),
        Shape(
            "openai-completions",
            _knows_openai_completions,
            lambda: Alike(_read_openai_completions).read,
        ),
        Shape("openai-responses", _knows_openai_responses, lambda: _read_openai_responses),
        Shape("openai-assistants", _knows_openai_assistants, lambda: _read_openai_assistants),
        Shape("anthropic", _knows_anthropic, _AnthropicReader),
        Shape("gemini", _knows_gemini, _GeminiReader),
        Shape("cohere", _knows_cohere, lambda: _read_cohere),
        Shape("watsonx", _knows_watsonx, lambda: _read_watsonx),
        Shape("writer", _knows_writer, lambda: _read_writer),
    )
}
