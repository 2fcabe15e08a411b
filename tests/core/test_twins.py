"""The twins have the same rules and steps in the same order, the same signatures and docstrings."""

import inspect
import re
from typing import Any

import pytest
from paths import SOURCE

PURE, COMPILED = "_parser_py.py", "_parser_c.pyx"
TAGS = [
    "bom", "cr-lf", "comment", "data", "event", "id", "retry", "dispatch", "pending", "limit",
]  # fmt: skip
CLASSES = ["ServerSentEvent", "Parser"]
# The compiled twin stores an open line in parts, and the event type of the last block as well.
PURE_ONLY = {"_open_line", "_event"}


def text_of_parser(name: str) -> str:
    """The source of `Parser`, the last class of that file."""
    if not SOURCE.exists():
        pytest.skip("the sources are not here")
    return (SOURCE / name).read_text(encoding="utf-8").partition("class Parser:\n")[2]


def tags(name: str) -> list[str]:
    return re.findall(r"^ *# \[([a-z-]+)\]", text_of_parser(name), re.M)


def methods(name: str) -> list[str]:
    """The private methods of the parser, in the order of their definitions."""
    pattern = r"^    c?def (?:[^(=\n]*[ *])?(_[a-z]\w*)\("
    return re.findall(pattern, text_of_parser(name), re.M)


def attributes(name: str) -> list[str]:
    """The attributes of the parser, in the order of their declarations."""
    pattern = r"^    (_[a-z]\w*): .+$" if name == PURE else r"^    cdef [^(=\n]* (_[a-z]\w*)$"
    return re.findall(pattern, text_of_parser(name), re.M)


@pytest.mark.parametrize("name", [PURE, COMPILED])
def test_each_rule_is_kept_in_one_place_and_in_the_same_order(name: str) -> None:
    assert tags(name) == TAGS


@pytest.mark.parametrize("names", [methods, attributes])
def test_the_compiled_twin_has_the_names_of_the_pure_one_in_the_same_order(names: Any) -> None:
    shared = [name for name in names(PURE) if name not in PURE_ONLY]
    assert len(shared) >= 10
    assert [name for name in names(COMPILED) if name in shared] == shared
    assert not PURE_ONLY.intersection(names(COMPILED))


def public(kind: type) -> list[str]:
    return sorted(name for name in vars(kind) if not name.startswith("_"))


def shape(function: Any) -> list[tuple[str, Any, Any]]:
    """The signature without its annotations, which the compiled twin does not have."""
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters if p.name != "self"]


@pytest.mark.parametrize("name", CLASSES)
def test_same_names_signatures_and_docstrings(twins: list[Any], name: str) -> None:
    kinds = [getattr(twin, name) for twin in twins]
    first = kinds[-1]
    for kind in kinds:
        assert kind.__module__ == "fastsse"
        assert kind.__qualname__ == name
        assert public(kind) == public(first)
        assert shape(kind) == shape(first)
        assert inspect.getdoc(kind) == inspect.getdoc(first) is not None
        for member in public(first):
            mine, other = getattr(kind, member), getattr(first, member)
            assert inspect.getdoc(mine) == inspect.getdoc(other) is not None, member
            if callable(other):
                assert shape(mine) == shape(other), member


def test_same_errors(twins: list[Any]) -> None:
    wrong = [
        lambda twin: twin.Parser().feed("x"),
        lambda twin: twin.Parser().feed(memoryview(b"abc")[::2]),
        lambda twin: twin.Parser().__reduce__(),
        lambda twin: twin.Parser(max_event_size=0),
        lambda twin: twin.Parser(max_event_size=-1),
        lambda twin: twin.Parser(last_event_id=1),
        lambda twin: twin.ServerSentEvent(data=b"x"),
        lambda twin: twin.ServerSentEvent(data="\ud800"),
        lambda twin: twin.Parser(max_event_size=1).feed(b"data: x\n\n"),
    ]
    for call in wrong:
        found = set()
        for twin in twins:
            with pytest.raises(Exception) as caught:  # noqa: PT011
                call(twin)
            found.add((type(caught.value), str(caught.value)))
        assert len(found) == 1
