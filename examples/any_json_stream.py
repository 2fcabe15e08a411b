"""The name and the JSON value of each event of any stream, over HTTP/2 where the server has it.

HTTP/2 needs `pip install "httpx[http2]"`, and a server with TLS.
"""

import argparse
import asyncio
import sys

import httpx

from fastsse import ProtocolError, ResponseError, StreamTimeout
from fastsse.llm import Client, DecodeError, StreamError, Timeouts, TransportError


async def main(base_url: str, model: str, stop_after: int) -> str | None:
    messages = [{"role": "user", "content": "Why is the sky blue?"}]
    body = {"model": model, "messages": messages, "stream": True, "max_tokens": 64}
    async with httpx.AsyncClient(http2=True) as http:
        client = Client(http, base_url=base_url, timeouts=Timeouts(headers=10), retry=None)
        try:
            async with client.post("chat/completions", body) as answer:
                print(answer.response.http_version, answer.response.status_code)
                async for name, value in answer:
                    print(name, value)
                    if answer.stats.events == stop_after:
                        break  # the end of the `async with` closes the connection
        except StreamTimeout as error:
            return f"timeout: {error}"
        except TransportError as error:
            return f"transport ({error.kind}): {error}"
        except DecodeError as error:
            return f"JSON: {error}"
        except ProtocolError as error:
            return f"protocol: {error}"
        except ResponseError as error:
            return f"HTTP status {error.status_code}: {error.body.decode(errors='replace')}"
        except StreamError as error:
            return f"server: {error}"
    return None


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--base-url", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--stop-after", type=int, help="how many events to read; default: all")
sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
