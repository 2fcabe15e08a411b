"""The measuring part of the gate: what it concludes, told by a clock of ours and by the real one.

No time is asserted. A verdict is, on work that differs by so much that noise is no excuse.
"""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from math import inf
from pathlib import Path

import paired
import pytest
from paired import Comparison, Verdict, compare, turns
from paths import BENCHMARKS

RECIPE = BENCHMARKS / "README.md"
SLOW = "    [bytearray(chunk) for chunk in chunks for _ in range(30)]\n"


class Clock:
    """CPU time that passes only where a callable says so."""

    def __init__(self) -> None:
        self.ns = 0
        self.calls: list[int] = []

    def __call__(self) -> int:
        return self.ns

    def taking(self, ns: int) -> Callable[[], None]:
        def call() -> None:
            self.calls.append(ns)
            self.ns += ns

        return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(paired, "clock_ns", clock)
    return clock


@pytest.mark.parametrize(
    ("ns", "verdict", "rounds"),
    [
        (80_000, Verdict.FINE, 25),
        (104_000, Verdict.FINE, 25),
        (105_000, Verdict.IN_DOUBT, 800),
        (106_000, Verdict.SLOWER, 25),
    ],
)
def test_rounds_are_added_only_while_in_doubt(
    clock: Clock, ns: int, verdict: Verdict, rounds: int
) -> None:
    found = compare(clock.taking(100_000), clock.taking(ns))
    assert (found.verdict, found.rounds) == (verdict, rounds)
    assert found.ratio == pytest.approx(ns / 100_000)


def test_tolerance_moves_the_limit(clock: Clock) -> None:
    found = compare(clock.taking(100_000), clock.taking(120_000), tolerance=0.25)
    assert found.verdict is Verdict.FINE


def test_every_second_round_goes_backwards(clock: Clock) -> None:
    calls = [clock.taking(1_000_000), clock.taking(2_000_000)]
    measured = turns(calls, turn_ns=1_000_000)
    assert list(islice(measured, 2)) == [[1_000_000, 2_000_000]] * 2
    assert clock.calls[-4:] == [1_000_000, 2_000_000, 2_000_000, 1_000_000]


def test_a_slow_first_call_does_not_size_the_turn(clock: Clock) -> None:
    first = iter([50_000_000])

    def call() -> None:
        clock.ns += next(first, 1_000)

    measured = turns([call], turn_ns=1_000_000)
    next(measured)
    began = clock.ns
    next(measured)
    assert clock.ns - began == 1_000_000


@pytest.mark.parametrize(
    ("count", "error", "low", "high"),
    # By hand: 2 * (1 + 10) / 2**10 is 2.1 %, 2 * 1 / 2**10 is 0.2 %, 2 * 1 / 2**5 is 6.3 %.
    [(10, 0.05, 1, 8), (10, 0.01, 0, 9), (5, 0.01, -inf, inf)],
)
def test_interval(count: int, error: float, low: float, high: float) -> None:
    found = Comparison.of([float(value) for value in reversed(range(count))], 0.05, error)
    assert (found.low, found.high) == (low, high)


def test_interval_holds_the_median_as_often_as_it_says() -> None:
    draw, missed = random.Random(0), 0
    for _ in range(2000):
        found = Comparison.of([draw.lognormvariate(0, 1) for _ in range(25)], 0.05, 0.05)
        missed += not found.low <= 1 <= found.high
    assert 0 < missed <= 2000 * 0.05


def work(size: int) -> Callable[[], object]:
    return lambda: sum(range(size))


@pytest.mark.parametrize(
    ("size", "verdict"),
    [(10_000, Verdict.FINE), (20_000, Verdict.SLOWER), (8_000, Verdict.FINE)],
)
def test_verdict_on_real_work(size: int, verdict: Verdict) -> None:
    assert compare(work(10_000), work(size), tolerance=0.3).verdict is verdict


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A folder with the files of the recipe, each from the block that begins with its name."""
    blocks = re.findall(
        r"^```python\n# (\S+\.py)\n(.*?)^```$", RECIPE.read_text("utf-8"), re.M | re.S
    )
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    (tmp_path / "base").mkdir()
    shutil.copy(tmp_path / "answers.py", tmp_path / "base")
    shutil.copy(BENCHMARKS / "paired.py", tmp_path)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_recipe_passes_what_is_the_same(recipe: Path) -> None:
    done = run(recipe, "speed.py")
    if done.returncode:
        # As the recipe says: a second process, for the one in some hundred that is wrong.
        done = run(recipe, "speed.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().endswith(("fine", "in doubt"))


def test_recipe_fails_what_is_slower(recipe: Path) -> None:
    before, after = (recipe / name / "answers.py" for name in ("base", "."))
    start = "    parser ="
    after.write_text(before.read_text().replace(start, SLOW + start))
    done = run(recipe, "speed.py")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.strip().endswith("slower")


def test_recipe_with_pytest_benchmark(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pytest_benchmark")
    # Under a worker of pytest-xdist it would measure nothing.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    done = run(recipe, "-m", "pytest", "test_answers.py")
    assert "1 passed" in done.stdout, done.stdout + done.stderr
