"""Where a forward pass spends its time on a CPU: the share of each kind of operation that XLA compiled.

    python bench/forward_profile.py [--models NAME ...] [--batch-size=N]

Shares are of the summed time of all operations, some of which run at the same time. A fusion counts as the operation that
it ends with. By XLA's own options: with `runtime.devices.compiler_options`, the time in products is not recorded.
"""

import argparse
import collections
import glob
import gzip
import json
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Callable

import jax
import numpy as np
from flax import nnx

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # runs from a checkout that is not installed

from imagenet_real.models import catalog  # noqa: E402
from imagenet_real.models.functional import functional  # noqa: E402

RESULT = ROOT / "bench" / "results" / "forward_profile.txt"
MODELS = ("regnety_016", "convnextv2_atto", "resnet50")
TOP = 8


def operations(program: str) -> dict[str, str]:
    """Returns the JAX operation of each instruction of a compiled program."""
    pattern = r'^\s*(?:ROOT )?%?([\w.\-]+) = .*op_name="(?:[^"]*/)?([^"/]+)"'
    return dict(re.findall(pattern, program, re.MULTILINE))


def milliseconds(call: Callable[[], object], names: dict[str, str]) -> collections.Counter:
    """Returns the milliseconds of each JAX operation in one call."""
    total: collections.Counter = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            call()
        (file,) = glob.glob(f"{folder}/**/*.trace.json.gz", recursive=True)
        with gzip.open(file) as opened:
            events = json.load(opened)["traceEvents"]
        for event in events:
            instruction = event.get("args", {}).get("hlo_op") if event.get("ph") == "X" else None
            if instruction:
                total[names.get(instruction, "copies and broadcasts")] += event["dur"] / 1000
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--batch-size", type=int, default=8)
    arguments = parser.parse_args()
    lines = [
        f"$ python bench/forward_profile.py {' '.join(sys.argv[1:])}".rstrip(),
        f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores; jax {jax.__version__}; float32, batches of "
        f"{arguments.batch_size} images of 224 pixels",
    ]
    images = np.random.default_rng(0).normal(size=(arguments.batch_size, 224, 224, 3)).astype(np.float32)
    for name in arguments.models:
        model = catalog.build(name, num_classes=1000)
        model.eval()
        graph, params = nnx.split(model)
        call = jax.jit(functional(graph)).lower(params, images).compile()
        jax.block_until_ready(call(params, images))
        times = milliseconds(
            lambda call=call, params=params: jax.block_until_ready(call(params, images)), operations(call.as_text())
        )
        lines += ["", f"{name}: {sum(times.values()):.0f} ms"]
        lines += [f"  {operation:28}{time / sum(times.values()):6.1%}" for operation, time in times.most_common(TOP)]
    print("\n".join(lines))
    RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
