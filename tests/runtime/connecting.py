"""A process that connects to the others of its run, and ends: python -m tests.runtime.connecting ADDRESS SECONDS"""

import sys

from imagenet_real.runtime import distributed, signals
from imagenet_real.runtime.exit_codes import exit_code_of


def main() -> None:
    with distributed.initialize(sys.argv[1]):
        print("connected", flush=True)


if __name__ == "__main__":
    distributed.NOTE_AFTER, distributed.START_TIMEOUT, signals.GRACE_SECONDS = 0.2, int(sys.argv[2]), 0.5
    sys.exit(signals.run(lambda: exit_code_of(main)))
