"""Which tests run: by marker, by `--all`, by `--pure` (one twin), and by `--core` (no client).

Alone, `pytest` runs what is not marked `net`, `slow` or `inference_server`, in one process. A file
that is named on the command line runs whole. `--all`, `-m net` and `-m slow` run on several workers
if pytest-xdist is there.
"""

import gc
import importlib
import os
import platform
import socket
import sys
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest
import seeds
from inference_server import REMEDY as INFERENCE_SERVER
from paths import SOURCE

CLIENT_MODULES = [
    "aiohttp", "aiohttp_sse_client", "anthropic", "brotli", "fastapi", "groq", "httpx", "httpx2",
    "httpx_aiohttp", "httpx_sse", "hypercorn", "ld_eventsource", "mcp", "mistralai", "msgspec",
    "niquests", "openai", "pyreqwest", "requests", "requests_sse", "sseclient", "stamina", "trio",
    "trustme", "uvicorn", "zstandard",
]  # fmt: skip
TESTS = Path(__file__).parent
LEFT_OUT = ["net", "slow", "inference_server"]
# Fixtures that start a server: a test that takes one is marked `net`, if it is not `slow`.
SERVERS = {
    "docs_url", "faulty", "http2_tls_url", "http2_url", "mirror_url", "provider", "sdk_server",
    "tls_url", "url",
}  # fmt: skip
# Most of the tests that run on workers wait for a socket, or for a timeout.
WORKERS = 2 * (os.cpu_count() or 1)
# Registered before a folder's conftest imports them: pytest warns about a plugin (`reading`) whose
# asserts were not rewritten, and such asserts show no values.
pytest.register_assert_rewrite("reading", "event_sources", "sdk_decoders")
REMEDY = "run `make build` (it needs a C compiler), or test the pure twin alone: `pytest --pure`"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the tests of every marker")
    parser.addoption("--pure", action="store_true", help="test the pure twin alone")
    parser.addoption(
        "--core", action="store_true", help="test what needs only pytest and hypothesis"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Choose workers and seeds before pytest-xdist and hypothesis look."""
    option = config.option
    is_long = option.all or option.markexpr in ("net", "slow")
    picks = config.args_source is not pytest.Config.ArgsSource.TESTPATHS or option.keyword
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    unset = config.getoption("numprocesses", 1) is None
    if is_long and unset and not (picks or is_worker or option.usepdb):
        option.numprocesses, option.dist = WORKERS, "loadscope"
    if seeds.GIVEN and config.getoption("hypothesis_seed", None) is None:
        option.hypothesis_seed = str(seeds.SEED)


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.register_profile("fixed", derandomize=True)
    if not seeds.GIVEN:
        hypothesis.settings.load_profile("fixed")
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
    python = platform.python_implementation()
    return f"fastsse: {twin} parser, {python} at {fastsse.__path__[0]}, FASTSSE_SEED={seeds.SEED}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not config.getoption("--core") or not collection_path.is_relative_to(TESTS):
        return None
    folder, *_ = [*collection_path.relative_to(TESTS).parts, "core"]
    return True if folder != "core" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if takes_server(item) and not is_left_out(item):
            item.add_marker("net")
    if config.option.markexpr or config.option.all:
        return
    named = {Path(arg.partition("::")[0]).absolute() for arg in config.args}
    left_out = [item for item in items if item.path not in named and is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def takes_server(item: pytest.Item) -> bool:
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return not SERVERS.isdisjoint(set(getattr(item, "fixturenames", ())) - set(params))


def is_left_out(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in LEFT_OUT)


def pytest_collection_finish() -> None:
    """Hide what is loaded from the garbage collector, which some tests run once each."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let only tests that are marked for it open sockets that others can reach."""

    def refuse(*_: object) -> None:
        raise RuntimeError("this test opens a socket: mark it `net`, or call what is in memory")

    with pytest.MonkeyPatch.context() as patch:
        # On Windows, an event loop is made with a pair of sockets that connect to each other.
        if not is_left_out(item) and sys.platform != "win32":
            for name in ("bind", "connect", "connect_ex"):
                patch.setattr(socket.socket, name, refuse)
        return (yield)


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
