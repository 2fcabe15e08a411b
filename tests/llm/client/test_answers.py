"""What an answer gives: tokens, a whole message, counts, times, or the error in its stream."""

from typing import Any

import pytest
from llm_calling import (
    BUSY,
    IDS,
    KEY,
    MESSAGES,
    OVERLOADED,
    TEXT,
    Way,
    answer_of,
    chat,
    expect_nothing_open,
    fetch,
    read,
    tasks_living,
    tasks_settle,
)
from llm_server import (
    CHAT,
    CHAT_WHOLE,
    DONE,
    END,
    FINISH,
    USAGE,
    USED,
    WORDS,
    Step,
    chat_chunk,
    completion_chunk,
    event,
    head,
    http_chunk,
    token_act,
    whole,
    words,
)

from fastsse.llm import DecodeError, StreamError, Timeouts, Token, Usage


class TestComplete:
    def test_gives_each_token_with_its_id(self, memory: Way) -> None:
        chunks = [
            completion_chunk("one", token_ids=[1]),
            completion_chunk(
                " two three", token_ids=[2, 3], logprobs={"tokens": [" two", " three"]}
            ),
            completion_chunk(" four five", token_ids=[4, 5]),
            completion_chunk("?", token_ids=[6, 7], logprobs={"tokens": ["other", "texts"]}),
            completion_chunk(" eight"),
            completion_chunk("", "length", token_ids=[9]),
        ]
        with memory.scripted(token_act(*chunks)) as server:
            called = answer_of(memory, server, lambda client: client.complete("count"))
        assert called.error is None
        assert server.requests[0].json["prompt"] == "count"
        assert called.values == [
            Token("one", 1),
            Token(" two", 2),
            Token(" three", 3),
            Token(" four five", 4),
            Token("", 5),
            Token("?", 6),
            Token("", 7),
            Token(" eight", None),
            Token("", 9),
        ]
        assert called.answer.finish_reason == "length"
        assert called.answer.usage == Usage(prompt_tokens=7, completion_tokens=10, total_tokens=17)

    def test_an_error_in_the_stream(self, memory: Way) -> None:
        act = [head(), http_chunk(event(completion_chunk("a"))), http_chunk(event(OVERLOADED)), END]
        with memory.scripted(act) as server:
            called = answer_of(memory, server, lambda client: client.complete("x"))
        assert called.values == [Token("a", None)]
        assert isinstance(called.error, StreamError)
        assert called.error.message == "overloaded"


class TestStats:
    def test_count_what_came(self, way: Way) -> None:
        with way.scripted(CHAT) as server:
            stats = answer_of(way, server, chat).answer.stats
        size = sum(len(event(chat_chunk(word))) for word in WORDS)
        assert stats.attempts == 1
        assert stats.events == 13
        assert stats.lines == 26
        assert stats.bytes > size
        assert 1 <= stats.chunks <= 13
        assert stats.parse_failures == 0
        assert stats.tokens == 10
        assert len(stats.itl) == 9

    def test_clocks_start_when_the_request_is_sent(self, memory: Way) -> None:
        slow = [http_chunk(event(chat_chunk(role="assistant")))]
        act = [0.1, head(), *slow, 0.1, *words(1), 0.1, *words(2), FINISH, http_chunk(DONE), END]
        seen: list[float] = []

        async def main() -> Any:
            async with memory.client(server.url) as client:
                answer = client.chat(MESSAGES)
                assert answer.stats.ttft is None
                async with answer:
                    assert answer.stats.ttft is None
                    async for delta in answer:
                        if delta.text and not seen:
                            seen.append(answer.stats.elapsed)
                return answer.stats

        with memory.scripted(BUSY, act) as server:
            stats = memory.run(main)
        assert stats.attempts == 2
        # Not from the first attempt, which waited before the second one.
        assert stats.ttft == pytest.approx(0.2)
        assert seen == [pytest.approx(0.2)]
        assert stats.itl == pytest.approx([0.1, 0])
        assert stats.tpot == pytest.approx(0.05)
        assert stats.elapsed == pytest.approx(0.3)

    def test_the_server_s_count_makes_the_mean(self, memory: Way) -> None:
        first, rest = words(1), http_chunk(b"".join(event(chat_chunk(w)) for w in WORDS[1:4]))
        act = [head(), *first, 0.1, rest, FINISH, USED, http_chunk(DONE), END]
        with memory.scripted(act) as server:
            stats = answer_of(memory, server, chat).answer.stats
        assert stats.tokens == 4
        assert stats.itl == pytest.approx([0.1, 0, 0])
        # Ten tokens have nine gaps.
        assert stats.tpot == pytest.approx(0.1 / 9)


def test_a_whole_answer_tells_what_it_took(memory: Way) -> None:
    with memory.scripted([0.5, *whole(200, CHAT_WHOLE)]) as server:
        called = answer_of(memory, server, chat, fetch)
    assert called.error is None
    assert called.answer.stats.elapsed == pytest.approx(0.5)
    assert called.answer.usage is not None
    assert called.answer.finish_reason == "stop"


class TestWhole:
    def test_answer(self, way: Way) -> None:
        with way.scripted(whole(200, CHAT_WHOLE, x_request_id="req-1")) as server:
            called = answer_of(
                way, server, lambda client: client.chat(MESSAGES, seed=3), fetch, api_key=KEY
            )
        (message,) = called.values
        assert message.text == TEXT
        assert message.finish_reason == "stop"
        assert message.usage == Usage(**USAGE)
        assert called.answer.request_id == "req-1"
        request = server.requests[0]
        assert request.json == {"model": "tiny", "messages": MESSAGES, "seed": 3, "stream": False}
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert "text/event-stream" not in request.headers["accept"]

    def test_completion(self, memory: Way) -> None:
        choice = {"index": 0, "text": "abc", "finish_reason": "length", "token_ids": IDS}
        body = {"object": "text_completion", "choices": [choice], "usage": USAGE}
        with memory.scripted(whole(200, body)) as server:
            called = answer_of(memory, server, lambda client: client.complete("x"), fetch)
        assert called.values[0].text == "abc"
        assert list(called.values[0].token_ids) == IDS

    @pytest.mark.parametrize(
        ("body", "error"),
        [(OVERLOADED, StreamError), ({"choices": 1}, DecodeError), ([], DecodeError)],
    )
    def test_is_none(self, memory: Way, body: Any, error: type[Exception]) -> None:
        with memory.scripted(whole(200, body)) as server:
            called = answer_of(memory, server, chat, fetch)
        assert isinstance(called.error, error)
        assert len(server.requests) == 1

    def test_has_no_deadline_for_its_first_byte(self, memory: Way) -> None:
        body = whole(200, CHAT_WHOLE)
        with memory.scripted([0.3, body[0], 0.3, *body[1:]]) as server:
            deadlines = Timeouts(first_event=0.1, idle=0.1)
            called = answer_of(memory, server, chat, fetch, timeouts=deadlines)
        assert called.error is None
        assert called.values[0].text == TEXT


class TestAnswer:
    def test_is_asked_for_once(self, memory: Way) -> None:
        with memory.scripted(CHAT) as server:

            async def main() -> None:
                async with memory.client(server.url) as client:
                    answer = client.chat(MESSAGES)
                    called = await read(answer)
                    assert called.text == TEXT
                    with pytest.raises(RuntimeError, match="requested before"):
                        await answer
                    with pytest.raises(RuntimeError, match="requested before"):
                        async with answer:
                            pass

            memory.run(main)
        assert len(server.requests) == 1

    def test_is_read_in_async_with_and_async_for(self, memory: Way) -> None:
        with memory.scripted(CHAT) as server:

            async def main() -> None:
                async with memory.client(server.url) as client:
                    with pytest.raises(RuntimeError, match="expected `async with` around"):
                        async for _ in client.chat(MESSAGES):
                            pass
                    with pytest.raises(TypeError, match="not iterable"):
                        for _ in client.chat(MESSAGES):  # type: ignore[attr-defined]
                            pass
                    with (
                        pytest.raises(TypeError, match="context manager"),
                        client.chat(MESSAGES),  # type: ignore[attr-defined]
                    ):
                        pass

            memory.run(main)
        assert server.requests == []

    def test_is_over_after_its_async_with(self, way: Way) -> None:
        with way.scripted([*CHAT[:4], Step.STALL]) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    async with client.chat(MESSAGES) as answer:
                        assert (await anext(answer)).text == WORDS[0]
                    with pytest.raises(RuntimeError, match="closed before its end"):
                        async for _ in answer:
                            pass

            way.run(main)

    def test_goes_on_after_a_break(self, way: Way) -> None:
        with way.scripted(CHAT) as server:

            async def main() -> Any:
                async with way.client(server.url) as client:
                    texts = []
                    async with client.chat(MESSAGES) as answer:
                        texts.append((await anext(answer)).text)
                        async for delta in answer:
                            texts.append(delta.text)
                            break
                        texts += [delta.text async for delta in answer]
                    return "".join(texts)

            assert way.run(main) == TEXT

    def test_tells_its_error_again(self, way: Way) -> None:
        with way.scripted([head(), *words(2), http_chunk(event(OVERLOADED)), END]) as server:

            async def main() -> None:
                async with way.client(server.url) as client, client.chat(MESSAGES) as answer:
                    for _ in range(2):
                        with pytest.raises(StreamError, match="overloaded"):
                            async for _delta in answer:
                                pass

            way.run(main)

    def test_the_caller_s_own_error_passes(self, way: Way) -> None:
        with way.scripted([*CHAT[:4], Step.STALL]) as server:

            async def main() -> None:
                async with way.client(server.url) as client:
                    before = tasks_living()
                    with pytest.raises(KeyError):
                        async with client.chat(MESSAGES) as answer:
                            async for _ in answer:
                                raise KeyError("mine")
                    assert await tasks_settle(before)
                    expect_nothing_open(client, server)

            way.run(main)


class TestFraming:
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("cut", [False, True])
    def test_in_each_framing(self, memory: Way, end: str, cut: bool) -> None:
        body = b"".join(event(chat_chunk(word), end=end) for word in WORDS)
        body += event(chat_chunk("last", "stop"), end=end)
        if cut:
            # The last event has no blank line.
            body = body[: -len(end)]
        pieces = [http_chunk(body[at : at + 7]) for at in range(0, len(body), 7)]
        with memory.scripted([head(), *pieces, END]) as server:
            called = answer_of(memory, server, chat)
        assert called.error is None
        assert called.text == TEXT + "last"
        assert called.answer.finish_reason == "stop"
