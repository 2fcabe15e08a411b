"""The tokens of a completion, one at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

from .._parser import ServerSentEvent
from .decode import DONE, Done
from .types import Delta, Token
from ._deltas import DeltaReader


class TokenReader(DeltaReader):
    """Reads the tokens of the one choice of a completion."""

    def read(self, event: ServerSentEvent) -> Sequence[Token | Done]:  # type: ignore[override]
        before = self.tokens
        deltas = super().read(event)
        tokens = [token for delta in deltas if delta is not DONE for token in tokens_of(delta)]
        # A delta may have several.
        self.tokens = before + len(tokens)
        return [*tokens, DONE] if DONE in deltas else tokens


def tokens_of(delta: Delta) -> Iterator[Token]:
    """One token for each id of a chunk; where it has none, one for its text, if any.

    The text is split as the log probabilities say, where they are sent and have the same text;
    else it comes with the first id, and the others have none.
    """
    ids = delta.token_ids
    if len(ids) < 2:
        if ids or delta.text:
            yield Token(delta.text, ids[0] if ids else None)
        return
    texts = _texts_of(delta.logprobs)
    if len(texts) != len(ids) or "".join(texts) != delta.text:
        texts = [delta.text] + [""] * (len(ids) - 1)
    yield from map(Token, texts, ids)


def _texts_of(logprobs: Any) -> list[str]:
    tokens = logprobs.get("tokens") if isinstance(logprobs, dict) else None
    return tokens if isinstance(tokens, list) and all(isinstance(t, str) for t in tokens) else []
