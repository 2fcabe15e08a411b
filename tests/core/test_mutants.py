"""The test of the tests: copies of the pure twin with one rule broken, each of which must fail."""

from types import ModuleType

import pytest
from feeding import check_all_cases
from paths import SOURCE

from fastsse import _parser_py

pytestmark = pytest.mark.slow

MUTANTS = {
    "bom-kept": ("return head.removeprefix(BOM)", "return head"),
    "bom-not-awaited": ("if len(head) < len(BOM) and BOM.startswith(head):", "if False:"),
    "bom-anywhere": ("self._head = None\n        return", "return"),
    "lf-after-cr-not-swallowed": ('chunk = chunk.removeprefix(b"\\n")', "pass"),
    "cr-ends-no-line": ("last == LF or self._after_cr", "last == LF"),
    "line-separators": (
        "lines = chunk.splitlines()",
        'lines = [line.encode("latin-1") for line in chunk.decode("latin-1").splitlines()]',
    ),
    "all-spaces-dropped": (
        "len(value) + 1\n",
        "len(value) + 1\n                value = value.lstrip()\n",
    ),
    "no-space-dropped": ('line.partition(b": ")', 'line.partition(b":")'),
    "space-dropped-in-each-piece": (
        "line += more",
        'line += more.removeprefix(b" ") if b":" in line else more',
    ),
    "names-in-any-case": (
        'if name == b"data":\n                # [data]',
        'name = name.lower()\n            if name == b"data":\n                # [data]',
    ),
    "longest-name-cut": ("LONGEST_NAME: Final = 5", "LONGEST_NAME: Final = 4"),
    "empty-data-not-dispatched": ("                if data:\n", "                if any(data):\n"),
    "data-not-joined": ('b"\\n".join(data)', 'b"".join(data)'),
    "data-of-two-chunks-not-joined": ('buffer += b"\\n"\n', "pass\n"),
    "event-kept": ('self._event = b""\n                self._block_retry', "self._block_retry"),
    "id-with-nul": ("if NUL not in value:", "if True:"),
    "id-moves-with-data-only": ("if self._id is not None:", "if self._id is not None and data:"),
    "retry-as-int-takes-it": (
        'name == b"retry" and value.isdigit()',
        'name == b"retry" and value.strip(b" +-_").isdigit()',
    ),
    "retry-not-clamped": ("min(int(_digits(value)), MAX_RETRY)", "int(_digits(value))"),
    "retry-zeros-count": ('value.lstrip(b"0")[:RETRY_DIGITS] or b"0"', "value[:RETRY_DIGITS]"),
    "retry-of-the-block-before": ("self._block_retry = None\n                size", "size"),
    "limit-not-reset": ("                size = 0\n", ""),
    "limit-without-lines": ("size += len(value) + 1", "size += len(value)"),
    "limit-without-open-lines": ("- space > self._limit", "- space > self._limit + 1000"),
    "limit-is-exclusive": ("if size > limit:", "if size >= limit:"),
    "limit-of-open-lines-is-exclusive": ("- space > self._limit", "- space >= self._limit"),
    "limit-with-the-space-of-open-lines": ("- 1 - space", "- 1"),
    "strict-utf-8": ('ERRORS: Final = "replace"', 'ERRORS: Final = "ignore"'),
    "pending-ignores-the-open-line": (' or name == b"data"\n\n', "\n\n"),
    "flush-forgets-the-open-line": (
        'self._split(b"\\n\\n", events)',
        'self._open_line.clear()\n        self._split(b"\\n\\n", events)',
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
