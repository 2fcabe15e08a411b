"""What the benchmark of the LLM layer measures: every way gives the text of every answer."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from bench_llm import ANSWERS, Row, expect_right
from chats import WAYS, Way
from feeding import plain
from loopback import loopback
from workloads import WORDS, chat, chat_words

from fastsse.llm import deltas


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    with loopback() as base, asyncio.Runner() as runner:
        Way.runner = runner
        yield base
    if affinity is not None:
        # The server's core and ours are apart where time is measured; here there is none.
        os.sched_setaffinity(0, affinity)


@pytest.mark.parametrize("kind", WAYS, ids=lambda kind: f"{kind.name} over {kind.over}")
def test_each_way_gives_the_text(url: str, kind: type[Way]) -> None:
    way = kind(url)
    for chunks, answer in ANSWERS:
        expect_right([way], f"/{chunks}/100/1/{answer}", 100)
    with pytest.raises(ValueError, match="wrong text, 100 tokens of 99"):
        expect_right([way], "/event/100/1/alike", 99)
    way.close()


@pytest.mark.parametrize("padded", [False, True])
def test_an_answer(twin: Any, padded: bool) -> None:
    workload = chat(50, padded=padded)
    (blocks,) = workload.streams
    events = twin.Parser().feed(b"".join(blocks))
    assert [event.data for event in plain(events)] == [event.data for event in workload.events]
    answer = deltas(blocks)
    assert [delta.text for delta in answer if delta.text] == chat_words(50)
    assert answer.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 50


@pytest.mark.parametrize("padded", [False, True])
def test_the_same_words_again_are_the_same_chunks_unless_padded(padded: bool) -> None:
    count = len(WORDS.split())
    (blocks,) = chat(2 * count, padded=padded).streams
    assert (blocks[1 : count + 1] != blocks[count + 1 : 2 * count + 1]) is padded


def test_a_ratio_is_of_rounds(url: str) -> None:
    way = WAYS[0](url)
    slow, fast = (
        Row(way, "1 token", "alike", tokens, [1.0] * 3)
        for tokens in ([4.0, 60.0, 8.0], [2.0, 10.0, 2.0])
    )
    assert slow.times(fast) == 4.0
    way.close()
