"""How tests read with httpx-sse and `fastsse.httpx_sse`, and run programs that use them."""

import json
import os
import subprocess
import sys
from typing import Any

import differences
from reading import LOOPS

Facts = tuple[str, str, str, int | None, Any]


def facts_of(event: Any) -> Facts:
    try:
        decoded = event.json()
    except json.JSONDecodeError as error:
        decoded = str(error)
    return event.event, event.data, event.id, event.retry, decoded


def read(
    module: Any, library: Any, way: str, url: str, **request: Any
) -> tuple[list[Facts], Exception | None]:
    """What comes of a request with httpx-sse or with ours, to the end or to the error."""
    found: list[Facts] = []

    def main() -> None:
        with (
            library.Client(verify=False) as client,
            module.connect_sse(client, "POST", url, **request) as source,
        ):
            found.extend(map(facts_of, source.iter_sse()))

    async def amain() -> None:
        async with (
            library.AsyncClient(verify=False) as client,
            module.aconnect_sse(client, "POST", url, **request) as source,
        ):
            async for event in source.aiter_sse():
                found.append(facts_of(event))

    try:
        if way == "sync":
            main()
        else:
            LOOPS[way](amain)
    except Exception as error:
        return found, error
    return found, None


def events_of(module: Any, chunks: list[bytes]) -> list[Any]:
    response = differences.response_of(differences.Body(*chunks))
    return list(module.EventSource(response).iter_sse())


ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}


def run(script: str, **options: Any) -> str:
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, env=ENVIRONMENT, check=True, **options,
    ).stdout  # fmt: skip
