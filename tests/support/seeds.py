"""The seed of all that tests draw at random: a fixed one, or the one in FASTSSE_SEED."""

import os

GIVEN = os.environ.get("FASTSSE_SEED")
SEED = int(GIVEN or 20260101)
