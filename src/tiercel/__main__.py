"""`python -m tiercel` is the same as `tiercel`."""

import sys

from tiercel.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
