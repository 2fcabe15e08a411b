"""Tests of the tests: each copy of the pure twin with one rule broken must fail them."""

import sys
from types import ModuleType

import pytest
from feeding import check_all_cases
from paths import SOURCE

from fastsse import _parser_py

pytestmark = pytest.mark.slow

FILES = ["_event_py", "_parser_py"]

END_LINE = """\
        if self._open_line:
            self._end_line()
"""
SET_ID = """\
        if self._id is not None:
            self._last_event_id = self._id.decode("utf-8", ERRORS)
            self._id = None
"""
ADD_EVENT = """\
        if self._data:
            kind = self._event.decode("utf-8", ERRORS) if self._event else "message"
            data = b"\\n".join(self._data)
            self._data.clear()
            self._events.append(new_event(kind, data, self._last_event_id, self._block_retry))
"""
# By rule, in the order of the tags: the text to replace, which the pure twin has once.
MUTANTS = {
    # [bom]
    "bom-kept": ("return start.removeprefix(BOM)", "return start"),
    "bom-not-awaited": ("if len(start) < BOM_SIZE and BOM.startswith(start):", "if False:"),
    "bom-anywhere": ("self._head = BOM_SIZE\n        return start", "return start"),
    "bom-dropped-in-part": ("return start.removeprefix(BOM)", "return start.lstrip(BOM)"),
    # [cr-lf]
    "lf-after-cr-not-dropped": ('chunk = chunk.removeprefix(b"\\n")', "pass"),
    "lf-dropped-later": ("self._after_cr = False\n            chunk", "chunk"),
    "cr-ends-no-line": ("last == LF or self._after_cr", "last == LF"),
    "line-separators": (
        "lines = chunk.splitlines()",
        'lines = [line.encode("latin-1") for line in chunk.decode("latin-1").splitlines()]',
    ),
    "open-line-not-ended": (
        "self._open_line += lines.pop(0)\n            self._end_line()",
        "self._open_line += lines.pop(0)",
    ),
    "open-line-after-the-others": (
        "        if self._open_line:\n            self._open_line += lines.pop(0)\n"
        "            self._end_line()\n        for line in lines:\n",
        "        if self._open_line:\n            lines.append(lines.pop(0))\n"
        "        for line in lines:\n",
    ),
    "lines-backwards": ("for line in lines:", "for line in reversed(lines):"),
    "blank-lines-first": ("for line in lines:", "for line in sorted(lines, key=bool):"),
    # [comment]
    "comment-as-data": ('if name == b"data":\n', 'if name == b"data" or name == b"":\n'),
    "all-spaces-dropped": (
        "            self._size += len(value) + 1\n",
        "            self._size += len(value) + 1\n            value = value.lstrip()\n",
    ),
    "no-space-dropped": ('line.partition(b": ")', 'line.partition(b":")'),
    "space-dropped-in-each-piece": (
        "line += more",
        'line += more.removeprefix(b" ") if b":" in line else more',
    ),
    "names-in-any-case": (
        'if name == b"data":\n            # [data]',
        'name = name.lower()\n        if name == b"data":\n            # [data]',
    ),
    "longest-name-cut": ("LONGEST_NAME: Final = 5", "LONGEST_NAME: Final = 4"),
    "unknown-field-forgotten": ('self._open_line = bytearray(b":")', "line.clear()"),
    # [data]
    "data-replaced": ("self._data.append(value)", "self._data[:] = [value]"),
    "data-not-joined": ('data = b"\\n".join(self._data)', 'data = b"".join(self._data)'),
    "data-of-two-chunks-not-joined": ('buffer += b"\\n"\n', "pass\n"),
    # [event]
    "event-kept": (
        'self._event = b""\n        self._block_retry = None',
        "self._block_retry = None",
    ),
    "first-event-counts": ("self._event = value", "self._event = self._event or value"),
    # [id]
    "id-with-nul": ("if NUL not in value:", "if True:"),
    "id-at-once": (
        "self._id = value",
        'self._id = value\n                self._last_event_id = value.decode("utf-8", ERRORS)',
    ),
    "id-moves-with-data-only": ("if self._id is not None:", "if self._id and self._data:"),
    # [retry]
    "retry-as-int-reads-it": (
        'name == b"retry" and value.isdigit()',
        'name == b"retry" and value.strip(b" +-_").isdigit()',
    ),
    "retry-not-clamped": ("min(int(_digits(value)), MAX_RETRY)", "int(_digits(value))"),
    "retry-zeros-count": ('value.lstrip(b"0")[:RETRY_DIGITS] or b"0"', "value[:RETRY_DIGITS]"),
    "retry-of-the-block-before": (
        'self._event = b""\n        self._block_retry = None\n',
        'self._event = b""\n',
    ),
    # [dispatch]
    "empty-data-not-dispatched": (
        "        if self._data:\n            kind",
        "        if any(self._data):\n            kind",
    ),
    "data-kept": ("self._data.clear()", "pass"),
    "id-after-the-event": (SET_ID + ADD_EVENT, ADD_EVENT + SET_ID),
    "retry-of-the-stream": ("_id, self._block_retry))", "_id, self._retry))"),
    "strict-event-and-id": ('ERRORS: Final = "replace"', 'ERRORS: Final = "ignore"'),
    "strict-data": ('raw.decode("utf-8", "replace")', 'raw.decode("utf-8", "ignore")'),
    # [pending]
    "pending-ignores-the-open-line": (' or self._open_field() == b"data"\n', "\n"),
    "pending-data-ignores-the-open-line": ("lines.append(value", "bytes(value"),
    "flush-forgets-the-open-line": (END_LINE, ""),
    "flush-dispatches-first": (
        END_LINE + "        self._dispatch()\n",
        "        self._dispatch()\n" + END_LINE,
    ),
    # [limit]
    "limit-not-reset": ("        self._size = 0\n\n    def _extend", "\n    def _extend"),
    "limit-without-lines": ("self._size += len(value) + 1", "self._size += len(value)"),
    "limit-without-open-lines": ("- space > self._limit", "- space > self._limit + 1000"),
    "limit-is-exclusive": ("if self._size > self._limit:", "if self._size >= self._limit:"),
    "limit-of-open-lines-is-exclusive": ("- space > self._limit", "- space >= self._limit"),
    "limit-with-the-space-of-open-lines": ("- 1 - space", "- 1"),
    "limit-loses-the-events": ("self._limit + 1, events)", "self._limit + 1)"),
}


def mutated(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The pure twin with that text replaced, in whichever of its files has it."""
    texts = {name: (SOURCE / f"{name}.py").read_text(encoding="utf-8") for name in FILES}
    count = sum(text.count(old) for text in texts.values())
    assert count == 1, f"{old!r}: expected once in the pure twin, found {count} times"
    for name, text in texts.items():
        module = ModuleType(f"fastsse.{name}")
        module.__package__ = "fastsse"
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(text.replace(old, new), f"mutant of {name}", "exec"), vars(module))
    return module


def test_the_whole_twin_passes() -> None:
    check_all_cases(_parser_py)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = mutated(*MUTANTS[name], monkeypatch)
    with pytest.raises((AssertionError, AttributeError, ValueError)):
        check_all_cases(mutant)
