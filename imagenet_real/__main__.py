"""Runs a program: python -m imagenet_real score --predictions=FILE --workdir=DIR"""

import sys

from imagenet_real.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
