"""Chooses the twin: the compiled one, unless it is absent or `FASTSSE_PURE` is set and not empty.

A compiled twin that is present but cannot be imported raises its error. Type checkers see the
types of the pure twin.
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
