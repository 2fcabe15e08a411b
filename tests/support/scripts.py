"""Scripts in a fresh interpreter."""

import os
import subprocess
import sys


def run(script: str, **environment: str) -> str:
    """Run a script and return what it prints, without the newline at its end."""
    inherited = {name: value for name, value in os.environ.items() if name != "FASTSSE_PURE"}
    environment = inherited | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
