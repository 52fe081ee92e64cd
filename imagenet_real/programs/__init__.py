"""The programs: one file each, whose `run(config, workdir)` says what happens, in order.

A program reads its config through `builders`, computes in the rooms below, and prints through `report`.
Begin with `score.py`, which needs no device; `cli/` holds the command line that runs them.
"""
