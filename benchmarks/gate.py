"""The gate: is the compiled parser of this tree slower than that of another commit?

    python benchmarks/gate.py origin/main

Both are built and measured beside each other. A table in Markdown goes to the standard output,
and into the summary of a GitHub job. Exit status 1 says that a workload is slower by more than 5 %
beyond doubt; 2, that there was nothing to compare.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import typer
from builds import BuildError, build, commit_of, copy_working_tree, export, run_beside
from instructions import instructions
from paired import Comparison, Verdict, error_of_a_look
from sample import sample

TOLERANCE = 0.05
# Of one row that is right at the limit. What has not changed is far below it, so that many rows
# do not add up to false alarms.
CONFIDENCE = 0.99
# After how many processes to look: ten are the fewest whose extremes are as sure as a look asks.
LOOKS = (10, 20, 40)


class Row(NamedTuple):
    """One workload in one chunking: its time, and its instructions as change over base."""

    name: str
    time: Comparison
    instructions: float | None

    @property
    def verdict(self) -> str:
        # Time is what users feel, and costs without instructions are costs: a missed cache, a
        # mispredicted branch. So instructions overrule no verdict that time has given, and decide
        # only what noise left open to the end.
        if self.time.verdict is not Verdict.IN_DOUBT or self.instructions is None:
            return self.time.verdict
        slower = self.instructions > 1 + self.time.tolerance
        return f"{Verdict.SLOWER if slower else Verdict.FINE} (instructions)"

    @property
    def is_slower(self) -> bool:
        return self.verdict.startswith(Verdict.SLOWER)


def gate(base: Path, change: Path, names: list[str]) -> list[Row]:
    """Compare two builds in the named rows."""
    return judge(times(base, change, names), instruction_ratios(base, change, names))


def judge(found: dict[str, Comparison], counts: dict[str, float]) -> list[Row]:
    """Put what was measured and what was counted into rows."""
    return [Row(name, time, counts.get(name)) for name, time in found.items()]


def comparable(base: Path, change: Path) -> list[str]:
    """The names of the rows that both builds read right: the base may lack a correction."""
    before, after = (json.loads(run_beside("rows.py", str(at), build=at)) for at in (base, change))
    if wrong := [name for name in after if not after[name]]:
        raise BuildError(f"the change gives other events than it should: {'; '.join(wrong)}")
    if wrong := [name for name in before if not before[name]]:
        typer.echo(f"left out, the base gives other events: {'; '.join(wrong)}", err=True)
    if not any(before.values()):
        raise BuildError("the base gives other events in all rows: there is nothing to compare")
    return [name for name in after if before[name]]


def times(base: Path, change: Path, names: list[str]) -> dict[str, Comparison]:
    """The time of each row, a ratio per process; more processes only for rows in doubt."""
    error = error_of_a_look(CONFIDENCE, LOOKS)
    ratios: dict[str, list[float]] = {name: [] for name in names}
    found: dict[str, Comparison] = {}
    doubtful, measured = names, 0
    for processes in LOOKS:
        for number in range(measured, processes):
            sampled = sample(base, change, doubtful, base_first=number % 2 == 0)
            for name, ratio in sampled.items():
                ratios[name].append(ratio)
        measured = processes
        found |= {name: Comparison.of(ratios[name], TOLERANCE, error) for name in doubtful}
        doubtful = [name for name in names if found[name].verdict is Verdict.IN_DOUBT]
        if not doubtful:
            break
    return found


def instruction_ratios(base: Path, change: Path, names: list[str]) -> dict[str, float]:
    """Instructions of the change over those of the base, for each row; empty without valgrind."""
    before, after = instructions(base, names), instructions(change, names)
    if before is None or after is None:
        return {}
    return {name: after[name] / before[name] for name in after}


def table(rows: Iterable[Row]) -> str:
    """The rows in Markdown, as GitHub draws it."""
    lines = [
        f"| workload, chunks | time | {CONFIDENCE:.0%} sure | processes | instructions | verdict |",
        "|---|--:|:-:|--:|--:|---|",
    ]
    for row in rows:
        time = row.time
        counted = "" if row.instructions is None else f"{row.instructions - 1:+.1%}"
        sure = f"{time.low - 1:+.1%} to {time.high - 1:+.1%}"
        verdict = f"**{row.verdict}**" if row.is_slower else row.verdict
        cells = (row.name, f"{time.ratio - 1:+.1%}", sure, str(time.rounds), counted, verdict)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def report(base: str, rows: list[Row]) -> str:
    """The table, and what it comes to."""
    slower = [row.name for row in rows if row.is_slower]
    limit = f"by more than {TOLERANCE:.0%}"
    says = f"Slower {limit}: {'; '.join(slower)}" if slower else f"Nothing is slower {limit}"
    blind = all(row.instructions is None for row in rows)
    note = " Without valgrind, no instructions were counted." if blind else ""
    return f"### Compiled parser against `{base}`\n\n{says}.{note}\n\n{table(rows)}\n"


def main(
    base: Annotated[str, typer.Argument(help="The commit to compare with, such as origin/main.")],
) -> None:
    """Fail if this working tree has a slower compiled parser than BASE."""
    try:
        commit = commit_of(base)
        with TemporaryDirectory() as folder:
            at = Path(folder)
            typer.echo(f"building {base} and this tree", err=True)
            before = build(export(commit, at / "base-tree"), at / "base")
            after = build(copy_working_tree(at / "change-tree"), at / "change")
            typer.echo("measuring", err=True)
            rows = gate(before, after, comparable(before, after))
    except BuildError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from None
    text = report(f"{base} ({commit[:7]})", rows)
    typer.echo(text)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(summary, "a", encoding="utf-8") as file:
            file.write(text)
    raise typer.Exit(any(row.is_slower for row in rows))


if __name__ == "__main__":
    typer.run(main)
