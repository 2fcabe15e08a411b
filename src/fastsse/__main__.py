"""Runs the command line of `fastsse` and `python -m fastsse`, if its packages are installed."""

import sys


def main() -> None:
    try:
        from .cli.app import app
    except ImportError as error:
        sys.exit(f"fastsse: {error}")
    app()


if __name__ == "__main__":
    main()
