"""One token at a time, with its id, from a server like vLLM's; the prompt is ids of tokens too."""

import argparse
import asyncio
import logging
import sys

import httpx

from fastsse import SSEError
from fastsse.llm import Client, Timeouts


async def main(base_url: str, model: str, save: str | None, idle: float) -> str | None:
    timeouts = Timeouts(connect=30, idle=idle, total=600)
    async with httpx.AsyncClient() as http:
        client = Client(
            http, base_url=base_url, model=model, timeouts=timeouts, save_failed_requests=save
        )
        answer = client.complete(
            [1, 2, 3],
            return_token_ids=True,
            skip_special_tokens=False,
            stop_token_ids=[0],
            priority=0,
            temperature=0.8,
            top_p=0.95,
            top_k=40,
            max_tokens=32,
            logprobs=0,  # tells apart the texts of tokens that come in one chunk
            on_error="skip",
        )
        try:
            async with answer:
                print("request", answer.request_id, answer.rate_limits)
                async for text, id in answer:
                    print(id, repr(text))
        except SSEError as error:
            return f"{type(error).__name__}: {error}"
        finally:
            done = answer.stats
            print("chunks:", done.chunks, "events:", done.events, "failures:", done.parse_failures)
            print("seconds:", round(done.elapsed, 3), answer.usage)
    return None


logging.basicConfig(format="%(name)s: %(message)s")
logging.getLogger("fastsse").setLevel(logging.INFO)
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--base-url", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--save", help="a folder for requests that fail")
parser.add_argument("--idle", type=float, default=60, help="seconds without a byte")
sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
