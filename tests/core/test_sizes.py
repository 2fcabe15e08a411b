"""No file is too long to read in one go, and no function too long for a screen."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import ROOT

LINES_OF_FILE = 350
LINES_OF_FUNCTION = 55
# Tables of cases.
LONG_FILES = {"tests/support/cases.py"}
FOLDERS = ("src", "tests", "benchmarks", "examples")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]

pytestmark = pytest.mark.skipif(not FILES, reason="the sources are not here")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def long_functions(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno >= LINES_OF_FUNCTION:
                yield node.name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_sizes(path: Path) -> None:
    source = path.read_text("utf-8")
    assert source.count("\n") <= LINES_OF_FILE or name_of(path) in LONG_FILES
    assert list(long_functions(source)) == []
