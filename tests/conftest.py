"""Options: `--pure` tests without the compiled twin, `--core` only what needs no client.

With pytest-xdist, all tests run on several workers, and those that the command line picks on one.
"""

import importlib
import os
import platform
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

CLIENT_MODULES = [
    "aiohttp", "aiohttp_sse_client", "anthropic", "brotli", "fastapi", "groq", "httpx", "httpx2",
    "httpx_aiohttp", "httpx_sse", "hypercorn", "ld_eventsource", "mcp", "mistralai", "msgspec",
    "niquests", "openai", "pyreqwest", "requests", "requests_sse", "sseclient", "stamina", "trio",
    "trustme", "uvicorn", "zstandard",
]  # fmt: skip
BEYOND_CORE = {
    "test_cli.py", "test_clients.py", "test_conformance.py", "test_deadlines.py", "test_docs.py",
    "test_event_source.py", "test_every_client.py", "test_gate.py", "test_httpx_sse.py",
    "test_inference_server.py", "test_mcp.py", "test_sdk.py", "test_source.py",
}  # fmt: skip
SOURCE = Path(__file__).parent.parent / "src" / "fastsse"
INFERENCE_SERVER = (
    "heavy: run `python -m pip install -e '.[inference-server]' && pytest -m inference_server`"
)
# Most of the tests wait for a socket, or for a deadline to pass.
WORKERS = 2 * (os.cpu_count() or 1)
REMEDY = "run `make build` (it needs a C compiler), or test the pure twin alone: `pytest --pure`"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pure", action="store_true", help="test the pure twin alone")
    parser.addoption(
        "--core", action="store_true", help="test what needs only pytest and hypothesis"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Choose the workers before pytest-xdist looks, unless `-n` did; a worker itself has none."""
    option, sources = config.option, pytest.Config.ArgsSource
    picked = config.args_source is not sources.TESTPATHS or option.keyword or option.usepdb
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    if not picked and not is_worker and config.getoption("numprocesses", 1) is None:
        option.numprocesses, option.dist = WORKERS, "loadscope"


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--pure"):
        os.environ["FASTSSE_PURE"] = "1"
    else:
        os.environ.pop("FASTSSE_PURE", None)
        expect_compiled_twin()
    if not config.getoption("--core"):
        missing = [name for name in CLIENT_MODULES if find_spec(name) is None]
        if missing:
            remedy = "run `python -m pip install -e '.[test]'`, or test the core: `pytest --core`"
            raise pytest.UsageError(f"{', '.join(missing)}: not installed: {remedy}")
        config.pluginmanager.import_plugin("reading")


def expect_compiled_twin() -> None:
    try:
        compiled = importlib.import_module("fastsse._parser_c")
    except ModuleNotFoundError as error:
        raise pytest.UsageError(f"the compiled twin is missing: {REMEDY}") from error
    sources = [source for kind in ("*.pyx", "*.pxi") for source in SOURCE.glob(kind)]
    built = Path(compiled.__file__).stat().st_mtime
    if any(source.stat().st_mtime > built for source in sources):
        raise pytest.UsageError(f"the compiled twin is older than its source: {REMEDY}")


def pytest_report_header(config: pytest.Config) -> str:
    import fastsse

    twin = "compiled" if fastsse.ACCELERATED else "pure Python"
    return f"fastsse: {twin} parser, {platform.python_implementation()} at {fastsse.__path__[0]}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    name = collection_path.name
    is_beyond = name in BEYOND_CORE or name.startswith("test_llm_")
    return is_beyond if config.getoption("--core") else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    asked = "inference_server" in item.config.option.markexpr
    if item.get_closest_marker("inference_server") and not asked:
        pytest.skip(INFERENCE_SERVER)


def twins(config: pytest.Config) -> list[ModuleType]:
    names = ["_parser_py"] if config.getoption("--pure") else ["_parser_c", "_parser_py"]
    return [importlib.import_module(f"fastsse.{name}") for name in names]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `twin` runs on each; one that takes `twins` runs once, with all."""
    modules = twins(metafunc.config)
    if "twin" in metafunc.fixturenames:
        ids = [module.__name__.removeprefix("fastsse._parser_") for module in modules]
        metafunc.parametrize("twin", modules, ids=ids)
    if "twins" in metafunc.fixturenames:
        metafunc.parametrize("twins", [modules], ids=["twins"])
