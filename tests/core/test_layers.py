"""Who imports whom: imports go down, and a private name stays in its module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import SOURCE

# From the bottom up, in each folder: a module imports from the rows above its own, no others.
LAYERS: dict[str, list[set[str]]] = {
    "": [
        {"_errors", "_arguments", "_event"},
        {"_event_py"},
        {"_parser_py", "_parser_c"},
        {"_parser"},
        {"_reader", "_iteration"},
        {"clients", "deadlines", "_response", "_http"},
        {"_stream"},
        {"__init__"},
        {"httpx_sse", "sdk", "event_source"},
        {"llm"},
        {"cli"},
        {"__main__"},
    ],
    "clients": [
        {"_fault"},
        {"_source"},
        {"aiohttp", "urllib3", "pyreqwest", "plain"},
        {"httpx", "requests"},
        {"__init__"},
    ],
    "event_source": [
        {"_policy", "_headers", "_redirects"},
        {"_machine", "_request"},
        {"_source"},
        {"__init__"},
    ],
    "deadlines": [{"_model"}, {"on_asyncio", "on_trio", "on_socket"}, {"__init__"}],
    "llm": [
        {"types", "errors", "_http2", "_events", "_usage"},
        {"decode", "message", "options", "_transport"},
        {"shapes", "values"},
        {"deltas", "_request"},
        {"answer"},
        {"client"},
        {"__init__"},
    ],
    "llm/shapes": [
        {"_wire_types"},
        {"_template", "_choices"},
        {
            "openai_chat", "openai_completions", "openai_responses", "openai_assistants",
            "anthropic", "gemini", "cohere", "watsonx", "writer",
        },
        {"__init__"},
    ],
    "cli": [
        {"__init__", "demo_answers"},
        {"exit", "demo_server"},
        {"request", "demo"},
        {"chat", "tail"},
        {"app"},
    ],
}  # fmt: skip
# The private names of httpx that no public name replaces.
FOREIGN = {
    "llm/_http2.py": {
        "_connection", "_events", "_h2_state", "_pool", "_transport_for_url", "_write_outgoing_data"
    },
}  # fmt: skip
# Of namedtuples and enums, and public in spite of their names.
PUBLIC = {"_asdict", "_fields", "_replace"}

pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason="the sources are not here")
MODULES = sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def imports_of(path: Path) -> Iterator[tuple[str, ...]]:
    """What a module imports of this package, each as its path from the package down."""
    here = path.relative_to(SOURCE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert all(alias.name.split(".")[0] != "fastsse" for alias in node.names), path
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert node.module is not None
            assert node.module.split(".")[0] != "fastsse", path
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1]
            names = tuple(node.module.split(".")) if node.module else ()
            yield from ((*base, *names, alias.name) for alias in node.names)


def level_of(folder: str, name: str) -> int:
    found = [level for level, names in enumerate(LAYERS[folder]) if name in names]
    assert found, f"{name} has no layer in {folder or 'the package'}"
    return found[0]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down(path: Path) -> None:
    mine = path.relative_to(SOURCE).with_suffix("").parts
    for imported in imports_of(path):
        common = 0
        while mine[common] == imported[common]:
            common += 1
        folder = SOURCE.joinpath(*mine[:common])
        name = imported[common]
        is_module = any((folder / found).exists() for found in (f"{name}.py", f"{name}.pyx", name))
        below = level_of("/".join(mine[:common]), name if is_module else "__init__")
        assert below < level_of("/".join(mine[:common]), mine[common]), imported


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_private_names_stay_in_their_module(path: Path) -> None:
    own = PUBLIC | FOREIGN.get(name_of(path), set())
    used = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            own.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            own.add(node.target.id)
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            is_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            (own if is_self else used).add(node.attr)
    assert used <= own
    for imported in imports_of(path):
        if is_private(imported[-1]):
            place = SOURCE.joinpath(*imported)
            assert any(place.with_suffix(kind).exists() for kind in (".py", ".pyx")), imported
