"""`python -m minigen ...`: the same as the command `minigen ...`, also in a clone not installed."""

import sys

from minigen.cli import main

if __name__ == "__main__":
    sys.exit(main())
