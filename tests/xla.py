"""Flags of XLA for tests, and for the processes that they start: tests compile more than they compute."""

import importlib.metadata

# XLA optimizes less, and does not divide a program among threads.
FLAGS = ("--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true")
FLAGS += ("--xla_cpu_parallel_codegen_split_count=1",)
if tuple(map(int, importlib.metadata.version("jaxlib").split(".")[:2])) < (0, 11):
    FLAGS += (
        "--xla_cpu_use_fusion_emitters=false",
    )  # the older code takes half as long; later versions do not have it
