"""What `import fastsse` gives and loads, which twin it picks, and who imports whom."""

import ast
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from paths import SOURCE
from scripts import run

import fastsse

LAYERS = [
    {"_errors", "_arguments", "_event"},
    {"_event_py"},
    {"_parser_py", "_parser_c"},
    {"_parser"},
    {"_both_ways", "_response", "_request", "_reconnection"},
    {"clients", "deadlines"},
    {"_stream"},
    {"__init__"},
    {"httpx_sse", "sdk", "event_source"},
    {"llm"},
    {"cli"},
    {"__main__"},
]


def test_names() -> None:
    for name in fastsse.__all__:
        assert getattr(fastsse, name) is not None


def test_import_loads_the_core_alone() -> None:
    script = (
        "import sys; before = set(sys.modules); import fastsse\n"
        "print(*(name.partition('.')[0] for name in set(sys.modules) - before))"
    )
    # A compiled module brings two modules of Cython's own, which are made, not imported.
    loaded = {name for name in run(script).split() if "cython" not in name}
    assert loaded - sys.stdlib_module_names == {"fastsse"}
    assert not loaded & {"json", "asyncio", "threading", "socket", "inspect", "dataclasses"}


def test_pure_is_picked_when_it_is_asked_for() -> None:
    script = "import fastsse; print(fastsse.ACCELERATED, fastsse.Parser().feed(b'data: x\\n\\n'))"
    found = run(script, FASTSSE_PURE="1")
    assert found == "False [ServerSentEvent(event='message', data='x')]"


def test_empty_is_not_set() -> None:
    compiled_is_there = str(find_spec("fastsse._parser_c") is not None)
    script = "import fastsse; print(fastsse.ACCELERATED)"
    assert run(script, FASTSSE_PURE="") == run(script) == compiled_is_there


BLOCK = """
import importlib.abc, sys
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "fastsse._parser_c":
            raise {error}
sys.meta_path.insert(0, Finder())
try:
    import fastsse
    print(fastsse.ACCELERATED)
except ImportError as error:
    print(repr(error))
"""


@pytest.mark.parametrize(
    ("error", "found"),
    [
        ("ModuleNotFoundError(name=name)", "False"),
        ("ImportError('undefined symbol')", "ImportError('undefined symbol')"),
        ("ModuleNotFoundError(name='other')", "ModuleNotFoundError()"),
    ],
)
def test_only_an_absent_twin_is_passed_over(error: str, found: str) -> None:
    assert run(BLOCK.format(error=error)) == found


def imports_of(path: Path) -> set[str]:
    """The modules of this package, by their first name, that a module imports."""
    depth = len(path.relative_to(SOURCE).parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module.partition(".")[0]] if node.module else ["__init__"]
            found |= set(names)
    return found


def level_of(module: str) -> int:
    (level,) = (level for level, names in enumerate(LAYERS) if module in names)
    return level


@pytest.mark.skipif(not SOURCE.exists(), reason="the sources are not here")
def test_imports_go_down() -> None:
    for path in SOURCE.rglob("*.py"):
        module = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for imported in imports_of(path):
            assert level_of(imported) < level_of(module), (path, imported)
