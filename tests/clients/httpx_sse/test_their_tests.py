"""`fastsse.httpx_sse` passes httpx-sse's own tests, and runs its examples."""

import re
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as xml
from pathlib import Path

import httpx_sse
import pytest
from reading import DROPS
from reading_httpx_sse import ENVIRONMENT, run

pytestmark = DROPS

# Those of httpx-sse's own tests that do not pass on ours: how many have names that begin so.
NOT_ON_OURS = {
    # Of the functions that split lines inside httpx-sse, which are not here. Our parser has no
    # such step; tests/support/cases.py and tests/core/test_parser.py have what these look at.
    "test_decoders.TestSplitlinesSSE.": 11,
    "test_decoders.TestSSELineDecoder.": 25,
    "test_api.test_iter_sse_lines_basic": 1,
    "test_api.test_iter_sse_lines_with_flush": 1,
    "test_api.test_aiter_sse_lines_with_flush": 2,
    # Expects an event of a block without data, which WHATWG HTML 9.2.6 does not dispatch.
    "test_event_source.test_iter_sse_id_retry": 1,
}

# Asynchronous tests run on asyncio and on trio, by the plugin of anyio, which httpx brings along.
CONFTEST = """
import os, pytest, sys, types
sys.modules["pytest_asyncio"] = pytest
if os.environ["TESTED"] == "fastsse.httpx_sse":
    import fastsse.httpx_sse
    sys.modules["httpx_sse"] = fastsse.httpx_sse
    inside = dict.fromkeys(
        ("_iter_sse_lines", "_aiter_sse_lines", "SSELineDecoder", "_splitlines_sse")
    )
    for name in ("httpx_sse._api", "httpx_sse._decoders"):
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(inside)
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution of the httpx-sse that is installed, which has its tests."""
    folder = tmp_path_factory.mktemp("httpx-sse")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=httpx-sse"]
    wanted = f"httpx-sse=={httpx_sse.__version__}"
    done = subprocess.run(
        [*command, "--quiet", "--dest", str(folder), wanted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"the tests of {wanted} cannot be fetched: {done.stderr.strip()[-300:]}")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (root,) = folder.glob("*/")
    (root / "conftest.py").write_text(CONFTEST)
    (root / "pytest.ini").write_text("[pytest]\nmarkers = asyncio\n")
    return root


def outcomes(release: Path, tested: str) -> dict[str, bool]:
    """The names of httpx-sse's tests, and whether each passes."""
    report = release / f"{tested}.xml"
    options = ["-p", "no:asyncio", "-p", "no:cacheprovider", "--anyio-mode=auto"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", "tests"],
        cwd=release, env=ENVIRONMENT | {"TESTED": tested},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {
        f"{case.get('classname')}.{case.get('name')}".removeprefix("tests."): len(case) == 0
        for case in xml.parse(report).iter("testcase")
    }


@pytest.mark.slow
def test_the_tests_of_httpx_sse(release: Path) -> None:
    theirs = outcomes(release, "httpx_sse")
    assert all(theirs.values())
    found = outcomes(release, "fastsse.httpx_sse")
    assert found.keys() == theirs.keys()
    failed = [name for name, passed in found.items() if not passed]
    counts = {start: sum(name.startswith(start) for name in failed) for start in NOT_ON_OURS}
    assert counts == NOT_ON_OURS
    assert len(failed) == sum(NOT_ON_OURS.values())


def test_the_examples_of_httpx_sse(release: Path, url: str) -> None:
    text = (release / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    # Its third needs a package for retries.
    quickstart, asgi = (
        block for block in blocks if "from httpx_sse import" in block and "stamina" not in block
    )
    quickstart = quickstart.replace("http://localhost:8000/sse", f"{url}/events")
    assert url in quickstart
    for example in (quickstart, asgi):
        migrated = example.replace("from httpx_sse import", "from fastsse.httpx_sse import")
        assert run(migrated, timeout=60) == run(example, timeout=60)
    assert "event 2" in run(quickstart)
