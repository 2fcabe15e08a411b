"""`fastsse` and `python -m fastsse`: the command line, or what to install for it."""

import sys


def main() -> None:
    try:
        from .cli.app import app
    except ImportError as error:
        sys.exit(f"fastsse: {error}")
    app()


if __name__ == "__main__":
    main()
