"""Runs a program: python -m imagenet_real score --predictions=FILE --workdir=DIR"""

import os
import pathlib
import sys

if sys.path[0] == os.getcwd() != str(pathlib.Path(__file__).parents[1]):
    del sys.path[0]  # a file in the current folder must not replace a library

from imagenet_real.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
