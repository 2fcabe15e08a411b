"""How tests feed a parser, and which chunks they feed it."""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cases import CASES, LIMIT_CASES, Case, LimitCase
from reference import Event, Outcome

from fastsse import EventTooLargeError

RANDOM_CHUNKINGS = 20
SAMPLED_SPLITS = 150


def plain(events: Iterable[Any]) -> list[Event]:
    return [Event(e.event, e.data, e.id, e.retry, e.data_bytes) for e in events]


def outcome_of(parser: Any, chunks: Iterable[Any]) -> Outcome:
    """What the parser makes of the chunks, in the terms of the reference."""
    events: list[Event] = []
    too_large = flush_too_large = False
    try:
        for chunk in chunks:
            events += plain(parser.feed(chunk))
    except EventTooLargeError as error:
        events += plain(error.events)
        too_large = True
    last_event_id, retry, pending = parser.last_event_id, parser.retry, parser.pending
    pending_data = parser.pending_data
    flushed: list[Event] = []
    try:
        flushed = plain(parser.flush())
    except EventTooLargeError:
        flush_too_large = not too_large
    assert pending == (bool(flushed) or flush_too_large)
    if not flush_too_large:
        assert pending_data == (flushed[0].data_bytes if flushed else b"")
    return Outcome(events, flushed, last_event_id, retry, too_large, flush_too_large)


def chunkings(stream: bytes, every_split_below: int = 1000) -> Iterator[list[bytes]]:
    """Whole, byte by byte, every split in two (of a longer stream a sample), and random ones."""
    yield [stream]
    yield [bytes([byte]) for byte in stream]
    dice = random.Random(stream)
    splits: Sequence[int] = range(1, len(stream))
    if len(stream) >= every_split_below:
        splits = dice.sample(splits, min(len(splits), SAMPLED_SPLITS))
    for at in splits:
        yield [stream[:at], stream[at:]]
    for _ in range(RANDOM_CHUNKINGS):
        cuts = sorted(dice.choices(range(len(stream) + 1), k=dice.randint(2, 8)))
        yield [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def check_case(twin: Any, case: Case) -> None:
    expected = Outcome(
        list(case.events), list(case.flushed), case.last_event_id, case.retry, False, False
    )
    for chunks in chunkings(case.stream):
        assert outcome_of(twin.Parser(max_event_size=None), chunks) == expected, chunks


def check_limit_case(twin: Any, case: LimitCase) -> None:
    for chunks in chunkings(case.stream):
        outcome = outcome_of(twin.Parser(max_event_size=case.limit), chunks)
        found = (outcome.events, outcome.too_large, outcome.flush_too_large)
        assert found == (list(case.events), case.too_large, case.flush_too_large), chunks


def check_all_cases(twin: Any) -> None:
    for case in CASES:
        check_case(twin, case)
    for limit_case in LIMIT_CASES:
        check_limit_case(twin, limit_case)
