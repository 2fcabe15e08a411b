"""The gate in short: a slow-down planted in the compiled twin is caught, and nothing else.

`benchmarks/prove_gate.py` is the long form, with slow-downs of 10 %; here it is one of a half at
least, so that the verdict is the same on any machine.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builds import ROOT, BuildError, build, copy_working_tree
from gate import Row, comparable, gate, report
from paired import Comparison
from prove_gate import PLACES, TWIN, build_with_work, planted, with_work

pytestmark = pytest.mark.slow

ROWS = ["comments, 64 KiB", "tiny data, 64 KiB"]
TURNS = 64


@pytest.fixture(autouse=True)
def without_recorded_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTSSE_STREAMS", raising=False)


@pytest.fixture(scope="module")
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of this tree."""
    if request.config.getoption("--pure"):
        pytest.skip("the gate compares compiled twins")
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout to build from")
    folder = tmp_path_factory.mktemp("base")
    try:
        return build(copy_working_tree(folder / "tree"), folder / "build")
    except BuildError as error:
        if os.environ.get("FASTSSE_BUILD") == "yes":
            raise
        pytest.skip(f"this tree cannot be built here: {error}")


def test_what_is_the_same_passes(base: Path, tmp_path: Path) -> None:
    same = shutil.copytree(base, tmp_path / "same")
    rows = gate(base, same, ROWS)
    assert [row.name for row in rows if row.is_slower] == []


def test_what_is_slower_is_caught(base: Path, tmp_path: Path) -> None:
    change = build_with_work("dispatch", tmp_path)
    with planted(TURNS):
        rows = gate(base, change, ROWS)
    assert ROWS[0] in [row.name for row in rows if row.is_slower]


def test_each_build_is_loaded_from_its_folder(base: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from builds import load;"
        "print(*(load(Path(name)).__file__ for name in sys.argv[1:]), sep='\\n')"
    )
    folders = [str(base), str(shutil.copytree(base, tmp_path / "same"))]
    done = subprocess.run(
        [sys.executable, "-c", script, *folders],
        cwd=ROOT / "benchmarks",
        capture_output=True,
        text=True,
        check=True,
    )
    assert [str(Path(file).parent.parent) for file in done.stdout.splitlines()] == folders


def test_all_rows_are_comparable(base: Path) -> None:
    assert set(ROWS) < set(comparable(base, base))


def test_a_build_without_the_compiled_twin_is_an_error(base: Path, tmp_path: Path) -> None:
    pure = tmp_path / "pure"
    shutil.copytree(base, pure, ignore=shutil.ignore_patterns("_parser_c.*"))
    with pytest.raises(BuildError, match="_parser_c"):
        comparable(base, pure)


@pytest.mark.parametrize("place", PLACES)
def test_each_place_is_found(place: str) -> None:
    text = (ROOT / TWIN).read_text(encoding="utf-8")
    assert with_work(text, place).count("planted_work()") == 2
    with pytest.raises(BuildError, match=f"{place}: expected 1 place"):
        with_work("", place)


def test_a_base_that_is_none_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/gate.py", "no-such-commit"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "no-such-commit" in done.stderr


FINE, DOUBT, SLOWER = (
    Comparison(ratio, ratio - 0.02, ratio + 0.02, 10, 0.05) for ratio in (1.0, 1.05, 1.1)
)


@pytest.mark.parametrize(
    ("time", "instructions", "verdict"),
    [
        (FINE, 1.2, "fine"),
        (SLOWER, 1.0, "slower"),
        (DOUBT, None, "in doubt"),
        (DOUBT, 1.04, "fine (instructions)"),
        (DOUBT, 1.06, "slower (instructions)"),
    ],
)
def test_instructions_decide_what_time_does_not(
    time: Comparison, instructions: float | None, verdict: str
) -> None:
    row = Row("tiny data, 64 KiB", time, instructions)
    assert row.verdict == verdict
    assert row.is_slower == verdict.startswith("slower")


def test_report() -> None:
    rows = [Row("tiny data, 64 KiB", FINE, 1.0), Row("comments, 64 KiB", SLOWER, 1.12)]
    assert report("origin/main (1234567)", rows).splitlines() == [
        "### Compiled parser against `origin/main (1234567)`",
        "",
        "Slower by more than 5%: comments, 64 KiB.",
        "",
        "| workload, chunks | time | 99% sure | processes | instructions | verdict |",
        "|---|--:|:-:|--:|--:|---|",
        "| tiny data, 64 KiB | +0.0% | -2.0% to +2.0% | 10 | +0.0% | fine |",
        "| comments, 64 KiB | +10.0% | +8.0% to +12.0% | 10 | +12.0% | **slower** |",
    ]
