"""`fastsse` reports its version, missing extras and unusable environments."""

import importlib.metadata
import os
import subprocess
import sys

import pytest
from command_line import TWIN, run

import fastsse
from fastsse.cli.exit import Exit


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1", Exit.TRANSPORT),
        ("ALL_PROXY", "socks://127.0.0.1:1", Exit.USAGE),
        ("NO_PROXY", "::1:x", Exit.USAGE),
        ("SSL_CERT_FILE", "/nowhere/certs.pem", Exit.TRANSPORT),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ("tail", "http://127.0.0.1:9/"),
        ("chat", "Why?", "--base-url", "http://127.0.0.1:9", "--model", "m"),
    ],
    ids=["tail", "chat"],
)
def test_an_environment_that_makes_no_client_is_one_line(
    command: tuple[str, ...],
    variable: str,
    value: str,
    code: Exit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    found, out, err = run(*command)
    assert (found, out) == (code, "")
    assert err.startswith("fastsse: ")
    assert len(err.splitlines()) == 1


def test_version() -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith(f"fastsse {fastsse.__version__} ")
    assert fastsse.__version__ == importlib.metadata.version("fastsse-client")
    assert TWIN in out


def test_version_of_the_pure_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSSE_PURE", "1")
    assert "pure Python parser" in run("--version")[1]


def test_what_is_missing_is_named_with_its_extra() -> None:
    script = (
        "import sys\n"
        "sys.modules['typer'] = None\n"
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *a: None if name == 'typer' else find(name, *a)\n"
        "from fastsse.__main__ import main\n"
        "main()\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 1
    assert "needs typer" in done.stderr
    assert "pip install 'fastsse-client[cli]'" in done.stderr
    assert "Traceback" not in done.stderr
