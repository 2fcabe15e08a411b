"""Draws the chart of README, for light pages and dark ones, from what the benchmarks wrote.

    python benchmarks/bench_peers.py --json benchmarks/figures/peers-3.11.json
    python benchmarks/bench_httpx.py --json benchmarks/figures/httpx-3.11.json
    python benchmarks/plot.py

Two panels, since a parser's speed is not its client's: the parser alone, and the whole way.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FIGURES = Path(__file__).with_name("figures")
WORKLOAD = "one data line (OpenAI)"
CLIENTS = {
    "httpx": ("httpx + httpx-sse", "httpx + fastsse"),
    "httpx2": ("httpx2, its own", "httpx2 + fastsse"),
    "httpx-aiohttp, both": ("httpx over aiohttp + httpx-sse", "httpx over aiohttp + fastsse"),
}


class Theme(NamedTuple):
    text: str
    ours: str
    theirs: str


MOST_BARS = 10
THEMES = {
    "light": Theme(text="#24292f", ours="#0969da", theirs="#b1bac4"),
    "dark": Theme(text="#e6edf3", ours="#58a6ff", theirs="#4b535d"),
}


def figures(name: str) -> Any:
    return json.loads((FIGURES / name).read_text())


def parsers(found: Any) -> dict[str, float]:
    """Nanoseconds of each parser for an event that comes in a chunk of its own."""
    (row,) = (
        row for row in found["rows"] if row["workload"] == WORKLOAD and row["chunks"] == "1 event"
    )
    return dict(row["ns_per_event"])


def clients(found: Any) -> dict[str, float]:
    """Nanoseconds of each client and parser together, from the socket on."""
    bars = {}
    for row in found["rows"]:
        if row["chunks"] == "1 event" and row["client"] in CLIENTS:
            theirs, ours = CLIENTS[row["client"]]
            ns = row["ns_per_event"]
            bars |= {theirs: ns["theirs"], ours: ns["fastsse"]}
    return bars


def draw(axes: Axes, title: str, bars: dict[str, float], theme: Theme) -> None:
    names = sorted(bars, key=bars.__getitem__, reverse=True)
    colours = [theme.ours if "fastsse" in name else theme.theirs for name in names]
    drawn = axes.barh(names, [bars[name] / 1000 for name in names], color=colours, height=0.7)
    axes.bar_label(drawn, fmt="%.2f", padding=4, color=theme.text, fontsize=8)
    axes.set_title(title, loc="left", color=theme.text, fontsize=10)
    axes.tick_params(length=0, labelcolor=theme.text, labelsize=9)
    axes.set_xticks([])
    axes.margins(x=0.12)
    # Bars as thick in both panels, from the top.
    axes.set_ylim(len(bars) - MOST_BARS - 0.5, len(bars) - 0.5)
    for spine in axes.spines.values():
        spine.set_visible(False)


def chart(theme: Theme, path: Path) -> None:
    peers, whole = figures("peers-3.11.json"), figures("httpx-3.11.json")
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw(left, "The parser alone, µs of CPU per event", parsers(peers), theme)
    draw(right, "Client and parser, µs of CPU per event", clients(whole), theme)
    machine = peers["machine"]
    note = f"Events of an OpenAI chat, one per chunk. {machine['python']}, {machine['date']}."
    figure.supxlabel(note, color=theme.text, fontsize=8, x=0.01, ha="left")
    figure.savefig(path, transparent=True, metadata={"Date": None})


def main() -> None:
    mpl.rcParams["svg.fonttype"] = "none"
    mpl.rcParams["svg.hashsalt"] = "fastsse"
    mpl.rcParams["font.family"] = "sans-serif"
    for name, theme in THEMES.items():
        chart(theme, FIGURES / f"chart-{name}.svg")


if __name__ == "__main__":
    main()
