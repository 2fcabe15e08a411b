"""The command line: `fastsse tail` and `fastsse demo`, with the demo's server. Extra: cli."""

from importlib.util import find_spec

from .. import ACCELERATED

TWIN = "compiled parser" if ACCELERATED else "pure Python parser"

_missing = [
    name
    for name in ("typer", "rich", "httpx", "starlette", "uvicorn", "sse_starlette")
    if find_spec(name) is None
]
if _missing:
    raise ImportError(
        f"the command line needs {', '.join(_missing)}: python -m pip install 'fastsse-client[cli]'"
    )
