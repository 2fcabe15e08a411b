"""What `import fastsse` gives and loads, which twin it picks."""

import sys
from importlib.util import find_spec

import pytest
from scripts import run

import fastsse


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
