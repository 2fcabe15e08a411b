"""Chooses the twin: compiled unless it is absent, or `FASTSSE_PURE` is set and not empty.

Only the absence of the compiled twin itself falls back to the pure one: a twin that is there
and broken is an error to see, not to hide. The types of both are those of the pure twin.
"""

import os
from typing import TYPE_CHECKING

__all__ = ["ACCELERATED", "Parser", "ServerSentEvent"]

ACCELERATED = False
"""Whether the compiled twin is in use."""

if TYPE_CHECKING or os.environ.get("FASTSSE_PURE"):
    from ._parser_py import Parser, ServerSentEvent
else:
    try:
        from ._parser_c import Parser, ServerSentEvent

        ACCELERATED = True
    except ModuleNotFoundError as error:
        if error.name != f"{__package__}._parser_c":
            raise
        from ._parser_py import Parser, ServerSentEvent
