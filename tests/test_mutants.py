"""The test of the tests: copies of the pure twin with one rule broken, each of which must fail."""

from types import ModuleType

import pytest
from conftest import SOURCE
from feeding import check_all_cases

from fastsse import _parser_py

MUTANTS = {
    "bom-kept": ("chunk = chunk.removeprefix(BOM)", "pass"),
    "bom-not-awaited": ("if len(chunk) < len(BOM) and BOM.startswith(chunk):", "if False:"),
    "bom-anywhere": ("self._head = None\n            chunk", "chunk"),
    "lf-after-cr-not-swallowed": ('chunk = chunk.removeprefix(b"\\n")', "pass"),
    "cr-ends-no-line": ('LINE_ENDS: Final = (b"\\n", b"\\r")', 'LINE_ENDS: Final = (b"\\n",)'),
    "line-separators": (
        "lines = chunk.splitlines()",
        'lines = [line.encode("latin-1") for line in chunk.decode("latin-1").splitlines()]',
    ),
    "all-spaces-dropped": ('value = value.removeprefix(b" ")', 'value = value.lstrip(b" ")'),
    "no-space-dropped": ('more = more.removeprefix(b" ")', "pass"),
    "space-dropped-in-each-piece": (
        'removeprefix(b" ")\n            self._value_is_new = False',
        'removeprefix(b" ")',
    ),
    "names-in-any-case": ("if name in NAMES:", "name = name.lower()\n        if name in NAMES:"),
    "longest-name-cut": ("LONGEST_NAME: Final = 5", "LONGEST_NAME: Final = 4"),
    "empty-data-not-dispatched": (
        "if self._data is not None:\n            data",
        "if self._data:\n            data",
    ),
    "data-not-joined": ('self._data += b"\\n"', "pass"),
    "event-kept": ('self._event = b""\n        self._block_retry', "self._block_retry"),
    "id-with-nul": ('if b"\\0" not in value:', "if True:"),
    "id-moves-with-data-only": (
        "if self._id is not None:",
        "if self._id is not None and self._data is not None:",
    ),
    "retry-as-int-takes-it": (
        "digits = _digits(value)\n            if digits.isdigit():",
        "digits = bytes(value)\n            if digits.strip(b' +-_').isdigit():",
    ),
    "retry-not-clamped": ("min(int(digits), MAX_RETRY)", "int(digits)"),
    "retry-zeros-count": ('value.lstrip(b"0")[:RETRY_DIGITS] or b"0"', "value[:RETRY_DIGITS]"),
    "retry-of-the-block-before": ("self._block_retry = None\n        self._size", "self._size"),
    "limit-not-reset": ("        self._size = 0\n\n\ndef", "\n\ndef"),
    "limit-without-lines": ("self._count(uncounted + 1)", "self._count(uncounted)"),
    "limit-without-open-lines": ("self._count(len(more))", "pass"),
    "limit-is-exclusive": ("if self._size > self._limit:", "if self._size >= self._limit:"),
    "strict-utf-8": ('"utf-8", "replace"', '"utf-8", "ignore"'),
    "pending-ignores-the-open-line": ('or name == b"data"', ""),
    "flush-forgets-the-open-line": (
        "if self._line_is_open():\n            self._end_line()",
        "pass",
    ),
}


def mutated(old: str, new: str) -> ModuleType:
    text = (SOURCE / "_parser_py.py").read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the pure twin"
    module = ModuleType("fastsse._parser_mutant")
    module.__package__ = "fastsse"
    exec(compile(text.replace(old, new), "mutant", "exec"), vars(module))
    return module


def test_the_whole_twin_passes() -> None:
    check_all_cases(_parser_py)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    mutant = mutated(*MUTANTS[name])
    with pytest.raises((AssertionError, AttributeError, ValueError)):
        check_all_cases(mutant)
