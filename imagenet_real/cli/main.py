"""The entry of the command line: from its first milliseconds on, a signal ends it with a line.

Everything that takes long to import is imported below `signals.run`.
"""

import os
import sys

from imagenet_real.runtime import signals


def run() -> int:
    """Runs the command line. SIGTERM and Ctrl-C end it with a line and 143 or 130, also during imports."""
    return signals.run(_run)


def _run() -> int:
    from imagenet_real.cli import output, programs

    sys.path.append(os.getcwd())  # a model of the user's own; a file there must not replace a library
    with output.printable_streams():
        return programs.run()
