"""What a figure depends on besides the code, said where figures are shown and kept with them."""

import json
import platform
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console


def machine() -> dict[str, str]:
    """The interpreter, the processor, the system and the day."""
    names = [line for line in _cpuinfo() if line.startswith("model name")]
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "cpu": names[0].partition(": ")[2] if names else platform.processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "date": date.today().isoformat(),
    }


def record(
    console: Console, versions: dict[str, str], rows: list[dict[str, Any]], output: Path | None
) -> None:
    """Print where the rows were measured; write them there too, as JSON."""
    console.print(*(f"{name} {value}" for name, value in (versions | machine()).items()), sep=", ")
    if output is not None:
        figures = {"machine": machine(), "versions": versions, "rows": rows}
        output.write_text(json.dumps(figures, indent=2) + "\n")


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
