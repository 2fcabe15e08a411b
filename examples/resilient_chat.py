"""A chat that waits no longer than it should, retries if that can help, and logs what it does.

The client asks up to three times, until the first event, with waits that grow; an answer's
Retry-After is honoured. FASTSSE_FIRST_EVENT_TIMEOUT=5 and the like set its timeouts, 0 for none.
"""

import argparse
import asyncio
import logging
import sys

import httpx

from fastsse import SSEError
from fastsse.llm import Client, Timeouts


async def main(base_url: str, model: str, whole: bool, total: float | None) -> str | None:
    messages = [{"role": "user", "content": "Why is the sky blue?"}]
    async with httpx.AsyncClient() as http:
        client = Client(
            http, base_url=base_url, model=model
        )  # connect 30 s, first event 30 s, idle 60 s
        answer = client.chat(
            messages, max_tokens=64, on_error="skip", timeouts=Timeouts(total=total)
        )
        try:
            if whole:
                print((await answer).text)
                return None
            async with answer:
                async for delta in answer:
                    print(delta.text, end="", flush=True)
        except SSEError as error:
            return f"after {answer.stats.attempts} attempt(s): {error}"
    return None


# What logs carry besides their message; many log formatters write all of it as JSON.
carried = ("model", "url", "timeouts", "tokens")
form = " ".join(["%(name)s: %(message)s", *(f"{name}=%({name})s" for name in carried)])
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter(form, defaults=dict.fromkeys(carried)))
logging.getLogger("fastsse").addHandler(handler)
logging.getLogger("fastsse").setLevel(logging.DEBUG)
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--base-url", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--total", type=float, help="seconds for all of it; default: no limit")
parser.add_argument("--whole", action="store_true", help="ask for the whole answer at once")
try:
    sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
except KeyboardInterrupt:
    sys.exit("cancelled")
