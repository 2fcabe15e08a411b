"""The command line: `fastsse tail`, `chat` and `demo`, with the demo's server. Extra: cli."""

from importlib.util import find_spec

from .. import ACCELERATED

TWIN = "compiled parser" if ACCELERATED else "pure Python parser"

NEEDED = (
    "typer", "rich", "httpx", "starlette", "uvicorn", "sse_starlette", "msgspec", "stamina", "anyio"
)  # fmt: skip

_missing = [name for name in NEEDED if find_spec(name) is None]
if _missing:
    raise ImportError(
        f"the command line needs {', '.join(_missing)}: python -m pip install 'fastsse-client[cli]'"
    )
