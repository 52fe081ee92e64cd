"""Runs a program from a checkout: python main.py --config=configs/score.py --workdir=DIR [--config.FIELD=VALUE ...]"""

import sys

from imagenet_real.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
