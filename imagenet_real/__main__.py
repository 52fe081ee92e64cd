"""Runs a program: python -m imagenet_real --config=FILE --workdir=DIR [--config.FIELD=VALUE ...]"""

import sys

from imagenet_real.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
