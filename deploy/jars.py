"""Fetches the jars of the embedded servers ahead of their first use: `python -m deploy.jars`."""

import sys

from runtime.jars import default_cache, fetch, locked_bundle
from schemas.errors import AuterityError


def main() -> None:
    """Returns at once when all is cached; ends with one line and status 1 when it cannot be had."""
    try:
        for name in ("kafka", "registry"):
            fetch(locked_bundle(name), default_cache(), lambda text: print(text, file=sys.stderr))
    except AuterityError as error:
        sys.exit(f"bootstrap: {error}")


if __name__ == "__main__":
    main()
