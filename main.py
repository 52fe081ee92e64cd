"""Runs a program from a checkout: python main.py score --predictions=FILE --workdir=DIR"""

import sys

from imagenet_real.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
