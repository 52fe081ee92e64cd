"""What every program writes and prints for small inputs, recorded, so that a change of the code that changes it is seen.

Begin with `programs.py`, which lists the commands. `python -m tests.golden.record` records anew. Nothing here imports
the package: all goes through the command line.
"""
