"""A sample: one process that has both builds, and reads each row with them in turns.

    python sample.py NAMES FIRST SECOND      prints for each name of a row: time of second / first

The same machine code, loaded twice, differs by 1 to 3 % for the life of a process, as its pages
and objects happen to lie, and now and then by 15 %: more rounds do not help, another process does.
So a process counts as one measurement, however many its rounds.
"""

import json
import sys
from itertools import islice
from pathlib import Path
from statistics import median

from builds import load, run_beside
from paired import turns
from rows import rows

ROUNDS = 21
TURN_NS = 500_000


def sample(base: Path, change: Path, names: list[str], *, base_first: bool) -> dict[str, float]:
    """Time of the change over that of the base, for each named row, from a fresh process.

    What is loaded first may be at an advantage, so callers take turns with `base_first`.
    """
    order = (base, change) if base_first else (change, base)
    printed = run_beside("sample.py", json.dumps(names), *map(str, order), build=change)
    ratios: dict[str, float] = json.loads(printed)
    return ratios if base_first else {name: 1 / ratio for name, ratio in ratios.items()}


def _ratios(names: list[str], first: Path, second: Path) -> dict[str, float]:
    one, other = rows(load(first)), rows(load(second))
    found = {}
    for name in names:
        costs = islice(turns([one[name], other[name]], TURN_NS), 1, ROUNDS + 1)
        found[name] = median(later / earlier for earlier, later in costs)
    return found


if __name__ == "__main__":
    print(json.dumps(_ratios(json.loads(sys.argv[1]), *map(Path, sys.argv[2:]))))
