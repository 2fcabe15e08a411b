"""The twins have the same rules, by their tags, and the same signatures and docstrings."""

import inspect
import re
from typing import Any

import pytest
from paths import SOURCE

TAGS = [
    "bom", "cr-lf", "pending", "limit", "comment", "data", "event", "id", "retry", "dispatch",
]  # fmt: skip
CLASSES = ["ServerSentEvent", "Parser"]


@pytest.mark.parametrize("name", ["_parser_py.py", "_parser_c.pyx"])
def test_each_rule_is_kept_in_one_place(name: str) -> None:
    if not SOURCE.exists():
        pytest.skip("the sources are not here")
    found = re.findall(r"^ *# \[([a-z-]+)\]", (SOURCE / name).read_text(encoding="utf-8"), re.M)
    assert sorted(found) == sorted(TAGS)


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
        lambda twin: twin.Parser(max_event_size=-1),
        lambda twin: twin.Parser(last_event_id=1),
        lambda twin: twin.ServerSentEvent(data=b"x"),
        lambda twin: twin.ServerSentEvent(data="\ud800"),
        lambda twin: twin.Parser(max_event_size=1).feed(b"data: x\n\n"),
    ]
    for call in wrong:
        said = set()
        for twin in twins:
            with pytest.raises(Exception) as caught:  # noqa: PT011
                call(twin)
            said.add((type(caught.value), str(caught.value)))
        assert len(said) == 1
