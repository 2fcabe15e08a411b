"""Writes the tables of README.md in this folder, from what the benchmarks wrote.

    python benchmarks/tables.py

The commands that write the figures are told there.
"""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE / "README.md"
BEGIN, END = "<!-- tables.py writes from here -->\n", "<!-- to here -->\n"
ALIGNED = {"workload", "client", "chunks", "SDK", "way", "over", "answer"}


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    marks = ["---" if column in ALIGNED else "--:" for column in columns]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (columns, marks, *rows))


def parsers(found: Any) -> str:
    """Every parser: nanoseconds of ours, and how many times faster than httpx-sse each is."""
    names = list(found["rows"][0]["ns_per_event"])
    rows = []
    for row in found["rows"]:
        cells = []
        for name in names:
            times = row["ratio_to_httpx_sse"][name]
            ratio = f"{times:.1f}x" if times >= 0.1 else f"{times:.2f}x"
            ns = f"{row['ns_per_event'][name]:,.0f} ns" if name in (names[0], "httpx-sse") else ""
            wrong = " ≠" if name in row["wrong"] else ""
            cells.append(f"{ns if name == 'httpx-sse' else f'{ns} {ratio}'.strip()}{wrong}")
        rows.append([row["workload"], row["chunks"], *cells])
    return markdown(["workload", "chunks", *names], rows)


def clients(found: Any) -> str:
    """Each client: microseconds from socket to `.data`, and what deadlines add."""
    rows = []
    for row in found["rows"]:
        us = {way: f"{ns / 1000:.2f}" for way, ns in row["ns_per_event"].items()}
        times, deadlines = f"{row['times_faster']:.2f}x", f"{row['deadlines_percent']:+.1f} %"
        cells = [us.get("client", ""), us["theirs"], us["fastsse"], times, deadlines]
        rows.append([row["client"], row["chunks"], *cells])
    columns = ["client alone", "theirs", "fastsse", "times faster", "deadlines add"]
    return markdown(["client", "chunks", *columns], rows)


def sdks(found: Any) -> str:
    """Each SDK: microseconds of its decoder and of ours."""
    rows = []
    for row in found["rows"]:
        us = [f"{row[name] / 1000:,.2f}" for name in ("theirs_ns", "ours_ns")]
        rows.append(
            [row["sdk"], row["workload"], row["chunks"], *us, f"{row['times_faster']:.1f}x"]
        )
    return markdown(["SDK", "workload", "chunks", "theirs", "fastsse", "times faster"], rows)


def tokens(found: Any) -> str:
    """Each way to read a chat: microseconds per token, and how many times ours that is."""
    rows = []
    for row in found["rows"]:
        times = [f"{times:.2f}x" for times in row["times_ours"].values()]
        percent = row.get("deadlines_percent")
        deadlines = "" if percent is None else f"{percent:+.1f} %"
        named = [row[name] for name in ("way", "over", "chunks", "answer")]
        us = [f"{row['ns_per_token'] / 1000:,.2f}", f"{row['us_per_request']:,}"]
        rows.append([*named, *us, *times, deadlines])
    times = [f"times ours, {over}" for over in found["rows"][0]["times_ours"]]
    columns = ["a token", "a request", *times, "deadlines add"]
    return markdown(["way", "over", "chunks", "answer", *columns], rows)


def where(found: Any) -> str:
    """The machine, the date and the versions."""
    versions = (f"{name} {version}" for name, version in found["versions"].items())
    return f"{', '.join(found['machine'].values())}. {', '.join(versions)}.\n"


def sections() -> str:
    text = []
    for version in ("3.11", "3.13"):
        found = json.loads((HERE / f"figures/peers-{version}.json").read_text())
        text += [f"### Parsers, CPython {version}\n", where(found), parsers(found)]
    found = json.loads((HERE / "figures/httpx-3.11.json").read_text())
    text += ["### Clients, µs of CPU per event, CPython 3.11\n", where(found), clients(found)]
    found = json.loads((HERE / "figures/sdk-3.11.json").read_text())
    text += ["### Decoders of SDKs, µs of CPU per event, CPython 3.11\n", where(found), sdks(found)]
    found = json.loads((HERE / "figures/llm-3.11.json").read_text())
    text += ["### Chats, µs of CPU per token, CPython 3.11\n", where(found), tokens(found)]
    return "\n".join(text)


def main() -> None:
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{sections()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
