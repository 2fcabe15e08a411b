"""Recorded streams, as parameters of a test; `FASTSSE_STREAMS` names their folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def recorded_streams() -> Iterator[Any]:
    folder = os.environ.get("FASTSSE_STREAMS")
    paths = sorted(Path(folder).rglob("*.sse")) if folder else []
    for path in paths:
        yield pytest.param(path, id=f"{path.parent.name}-{path.stem}")
    if not paths:
        reason = "FASTSSE_STREAMS names no folder of recorded streams (*.sse)"
        yield pytest.param(None, marks=pytest.mark.skip(reason=reason))
