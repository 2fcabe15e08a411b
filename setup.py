"""Builds the one extension; everything else is in pyproject.toml.

FASTSSE_BUILD=yes  a failed compile is an error
FASTSSE_BUILD=no   no extension: the wheel is pure Python
unset              compiled if it can be, pure if not
"""

import os
import sys

from setuptools import Extension, setup

BUILD = os.environ.get("FASTSSE_BUILD", "")
if BUILD not in {"", "yes", "no"}:
    sys.exit(f"FASTSSE_BUILD: expected 'yes', 'no' or nothing, got {BUILD!r}")

parser = Extension(
    "fastsse._parser_c",
    ["src/fastsse/_parser_c.pyx"],
    depends=["src/fastsse/_utf8.pxi"],
    optional=BUILD != "yes",
)

setup(ext_modules=[] if BUILD == "no" else [parser])
