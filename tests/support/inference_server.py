"""Real inference servers, made by others, over a tiny random model that is made here.

`transformers serve` and vLLM. They are heavy, so that they may live in an environment of their
own, whose Python FASTSSE_INFERENCE_PYTHON names. Run as a script there, this makes the model.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

PYTHON = os.environ.get("FASTSSE_INFERENCE_PYTHON") or sys.executable
REMEDY = "heavy: run `python -m pip install -e '.[inference-server]' && pytest -m inference_server`"
STARTS_WITHIN = 300
ENDS_WITHIN = 30
CONTEXT = 32_768
WORDS = [
    "the", "a", "sun", "moon", "it", "falls", "runs", "and", "or", "of", "to", ",", ".",
    "über", "naïve", "Straße", "東京", "日本語", "🙂",
]  # fmt: skip


class InferenceServer(NamedTuple):
    """One that runs."""

    name: str
    url: str
    """Without `/v1`."""
    model: str


COMMANDS = {
    "transformers": [
        str(Path(PYTHON).parent / "transformers"), "serve", "{model}", "--device", "cpu",
    ],
    # The command line `vllm` does not start from a build for the CPU, its module does.
    "vllm": [
        PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", "{model}",
        "--dtype", "float32", "--enforce-eager", "--max-model-len", str(CONTEXT),
        "--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--enable-request-id-headers",
    ],
}  # fmt: skip
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
}


def is_installed(name: str) -> bool:
    look = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec({name!r}))"
    with suppress(FileNotFoundError):
        return subprocess.run([PYTHON, "-c", look], check=False).returncode == 0
    return False


def make_model(folder: Path) -> None:
    """A random model in a folder, 1 MB in size; the same one each time."""
    subprocess.run([PYTHON, __file__, str(folder)], check=True, capture_output=True)


@contextmanager
def serving(name: str, model: Path, log: Path, *options: str) -> Iterator[InferenceServer]:
    """The server of that name, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [part.format(model=model) for part in COMMANDS[name]]
    command += ["--host", "127.0.0.1", "--port", str(port), *options]
    environment = {**os.environ, **ENVIRONMENT, "HF_HOME": str(log.parent)}
    # A session of its own holds the processes that it starts, too.
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process, log)
        yield InferenceServer(name, url, str(model))
    finally:
        # vLLM gives shared memory back only if it is asked to go.
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):
            return
        time.sleep(0.2)
    raise RuntimeError(f"no inference server at {url}: {log.read_text(errors='replace')[-3000:]}")


def _make_model(folder: str) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = ["<s>", "</s>", *sorted(byte_level.alphabet())]
    words = [byte_level.pre_tokenize_str(f" {word}")[0][0] for word in WORDS]
    vocabulary = {token: number for number, token in enumerate([*alphabet, *words])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = byte_level
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = (
        "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    )
    fast.save_pretrained(folder)

    torch.manual_seed(1)
    # Far enough from zero that the next word is never a close call.
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=CONTEXT,
        bos_token_id=0, eos_token_id=1, initializer_range=0.5,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        # It speaks in words: none of the bytes that a prompt is made of, nor an end of its own.
        model.lm_head.weight[: len(alphabet)] = 0
    model.save_pretrained(folder)


if __name__ == "__main__":
    _make_model(sys.argv[1])
