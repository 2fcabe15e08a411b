"""A chat with any server that speaks as OpenAI's does; only the knobs that are given are sent."""

import argparse
import asyncio
import json
import sys
from typing import Any

import httpx

from fastsse import SSEError
from fastsse.llm import Client


async def main(
    base_url: str, model: str, api_key: str | None, prompt: str, extra: dict[str, Any], **knobs: Any
) -> str | None:
    messages = [{"role": "user", "content": prompt}]
    async with httpx.AsyncClient() as http:
        client = Client(http, base_url=base_url, api_key=api_key, model=model)
        try:
            # What is None is not sent: usage is not asked for, since not all servers know of it.
            async with client.chat(messages, stream_options=None, **{**knobs, **extra}) as answer:
                async for delta in answer:
                    print(delta.text, end="", flush=True)
                    if delta.finished:
                        print(f"\n({delta.finish_reason})")
        except SSEError as error:
            return str(error)
    return None


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--base-url", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--api-key")
parser.add_argument("--prompt", default="Why is the sky blue?")
parser.add_argument("--max-tokens", type=int, default=64)
parser.add_argument("--temperature", type=float)
parser.add_argument("--top-p", type=float)
parser.add_argument("--seed", type=int)
parser.add_argument("--extra", type=json.loads, default={}, help="more knobs, as a JSON object")
sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
