"""Usage that a typed decoder refuses, reduced to the whole numbers in it."""

import json
from typing import Any

import msgspec

# Of msgspec's integers. No other number is below it: infinity is not, and NaN is not either.
LIMIT = 2**63
KEYS = ("usage", "usageMetadata")


def with_whole_usage(data: bytes) -> bytes | None:
    """The JSON with each usage reduced to whole numbers; None if there is nothing to reduce.

    Usage is beside the answer: a fraction or a text in it must not cost the answer.

    Raises:
        ValueError, RecursionError: the data is not JSON.
    """
    # Unlike msgspec, json reads numbers that no float holds.
    value = json.loads(data)
    return msgspec.json.encode(value) if _reduce(value) else None


def _reduce(value: Any) -> bool:
    """Reduce the usage in a value, in place; whether there was any."""
    if isinstance(value, list):
        reduced = [_reduce(item) for item in value]
        return any(reduced)
    if not isinstance(value, dict):
        return False
    found = [key for key in KEYS if key in value]
    for key in found:
        value[key] = _counts_of(value[key])
    others = [_reduce(item) for key, item in value.items() if key not in found]
    return bool(found) or any(others)


def _counts_of(usage: Any) -> dict[str, Any] | None:
    if not isinstance(usage, dict):
        return None
    details = {key: _whole_in(x) for key, x in usage.items() if isinstance(x, dict)}
    return {**_whole_in(usage), **{key: found for key, found in details.items() if found}}


def _whole_in(counts: dict[str, Any]) -> dict[str, int]:
    whole = {key: _whole(count) for key, count in counts.items()}
    return {key: count for key, count in whole.items() if count is not None}


def _whole(count: Any) -> int | None:
    is_number = isinstance(count, (int, float)) and not isinstance(count, bool)
    return int(count) if is_number and abs(count) < LIMIT else None
